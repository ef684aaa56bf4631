import { findDisablingKey, otherNames, SWITCHES } from "../../config/mod.ts";
import { isRecord, type Json, type JsonRecord } from "./import_entry.ts";

/** A client's entry in the keys that most clients share. */
export interface NormalizedEntry {
  /** The entry. */
  readonly entry: JsonRecord;
  /** The tools that the client takes; absent where it takes all. */
  readonly onlyTools?: readonly string[];
  /** The tools that are switched off in the client. */
  readonly deniedTools: readonly string[];
  /** One sentence for each setting that cannot be translated. */
  readonly notes: readonly string[];
}

/** Names of the address; the first that is given counts. With both, Gemini CLI takes `httpUrl`. */
const ADDRESSES = ["httpUrl", "url", ...otherNames("url")];

/** Names of the variables. */
const VARIABLES = ["env", ...otherNames("env")];

/** Names of the headers. */
const HEADERS = ["headers", ...otherNames("headers")];

/** Names of what is the same in all clients but for its name; the first that is given counts. */
const RENAMED = ["command", "args", "cwd"].map((ours) => [ours, ...otherNames(ours)]);

/** Lists of tools that are switched off. */
const DENIED = ["disabledTools", "disabled_tools", "excludeTools"] as const;

/** Lists of the only tools that are taken. */
const ONLY = ["includeTools", "enabled_tools", "tools"] as const;

const TRANSLATED: ReadonlySet<string> = new Set([
  ...[...ADDRESSES, ...VARIABLES, ...HEADERS, ...DENIED, ...ONLY, ...RENAMED.flat(), ...SWITCHES],
  ...["env_vars", "env_keys", "env_http_headers"],
  ...["bearer_token_env_var", "startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec"],
]);

/**
 * Translates the keys of Codex, Gemini CLI, opencode, Copilot CLI, Zed, Goose, Windsurf and others
 * into those that most clients share. Keys without a translation stay.
 */
export function normalizeKeys(other: JsonRecord): NormalizedEntry {
  const original = withOurNames(other);
  const rest = Object.entries(original).filter(([key]) => !TRANSLATED.has(key));
  const entry: Record<string, Json> = {};
  const set = (key: string, value: Json | undefined): void => {
    if (value !== undefined && value !== null) entry[key] = value;
  };
  const [command, args] = commandOf(original);
  const address = ADDRESSES.map((key) => original[key]).find((value) => value !== undefined);
  set("description", original.description);
  set("type", original.type);
  set("command", command);
  set("args", args);
  set("cwd", original.cwd);
  set("env", variablesOf(original));
  set("url", address);
  set("headers", headersOf(original));
  for (const [key, value] of rest) set(key, value);
  if (findDisablingKey(original) !== undefined) entry.disabled = true;
  // A value that is not a boolean is kept, so that it is reported.
  for (const key of SWITCHES) if (typeof original[key] !== "boolean") set(key, original[key]);
  const settings = gatewaySettings(original);
  if (settings !== undefined) {
    entry.gateway = { ...(isRecord(original.gateway) ? original.gateway : {}), ...settings };
  }
  const only = ONLY.map((key) => original[key]).find((value) => Array.isArray(value));
  const onlyTools = Array.isArray(only) && !only.includes("*") ? only.map(String) : undefined;
  return {
    entry,
    ...(onlyTools === undefined ? {} : { onlyTools }),
    deniedTools: DENIED.flatMap((key) => listAt(original, key)),
    notes: notesOn(original),
  };
}

/** An entry in which what only has another name has ours. */
function withOurNames(other: JsonRecord): JsonRecord {
  const named: Record<string, Json> = { ...other };
  for (const names of RENAMED) {
    const [ours = ""] = names;
    const value = names.map((name) => other[name]).find((one) => one !== undefined);
    if (value !== undefined) named[ours] = value;
  }
  return named;
}

/** The program and its arguments: two keys, one list, or Zed's object. */
function commandOf(original: JsonRecord): [Json | undefined, Json | undefined] {
  const { command } = original;
  if (Array.isArray(command)) {
    const [first, ...words] = command;
    return [first, [...words, ...(Array.isArray(original.args) ? original.args : [])]];
  }
  if (isRecord(command)) return [command.path, command.args];
  return [command, original.args];
}

/** Variables, those included that Goose takes from its own secrets. */
function variablesOf(original: JsonRecord): Json | undefined {
  const variables = merged(original, VARIABLES);
  const keys = listAt(original, "env_keys");
  if (keys.length === 0) return variables;
  const references = Object.fromEntries(keys.map((key) => [key, `\${${key}}`]));
  return { ...references, ...(isRecord(variables) ? variables : {}) };
}

function headersOf(original: JsonRecord): Json | undefined {
  const headers = merged(original, HEADERS);
  const named = isRecord(original.env_http_headers) ? original.env_http_headers : {};
  const token = original.bearer_token_env_var;
  const more = {
    ...Object.fromEntries(
      Object.entries(named).map(([header, name]) => [header, `\${${String(name)}}`]),
    ),
    ...(typeof token === "string" ? { Authorization: `Bearer \${${token}}` } : {}),
  };
  if (Object.keys(more).length === 0) return headers;
  return { ...(isRecord(headers) ? headers : {}), ...more };
}

/** Objects of several names as one; a value that is no object stays, so that it is told. */
function merged(original: JsonRecord, keys: readonly string[]): Json | undefined {
  // Codex has a list of names to pass on, which other clients' variables are called like.
  const isList = (key: string) => key === "env_vars" && Array.isArray(original[key]);
  const values = keys.filter((key) => !isList(key)).map((key) => original[key])
    .filter((value) => value !== undefined);
  if (isRecord(original.command) && keys === VARIABLES && isRecord(original.command.env)) {
    values.push(original.command.env);
  }
  const [first] = values;
  if (values.length < 2) return first;
  return Object.assign({}, ...values.filter(isRecord));
}

/** Translates Codex's time limits and variables into the gateway's settings. */
function gatewaySettings(original: JsonRecord): JsonRecord | undefined {
  const milliseconds = (value: Json | undefined, factor: number) =>
    typeof value === "number" && value > 0 ? Math.round(value * factor) : undefined;
  const connect = milliseconds(original.startup_timeout_sec, 1000) ??
    milliseconds(original.startup_timeout_ms, 1);
  const call = milliseconds(original.tool_timeout_sec, 1000);
  const names = listAt(original, "env_vars");
  const settings = {
    ...(connect === undefined ? {} : { connect_timeout_ms: connect }),
    ...(call === undefined ? {} : { call_timeout_ms: call }),
    ...(names.length === 0 ? {} : { inherit_env: names }),
  };
  return Object.keys(settings).length === 0 ? undefined : settings;
}

function notesOn(original: JsonRecord): string[] {
  const keys = listAt(original, "env_keys");
  if (keys.length === 0) return [];
  return [`Goose reads ${keys.join(", ")} from its own secrets: set these variables`];
}

function listAt(original: JsonRecord, key: string): string[] {
  const value = original[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
