import * as json from "../../json.ts";
import { ENABLING_KEYS, findDisablingKey, listKeyAliases } from "../../config/mod.ts";
import type { ClientId } from "./clients.ts";

/** A value of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonRecord;

/** An object of JSON. */
export interface JsonRecord {
  readonly [key: string]: Json;
}

/** A path to a value: keys as strings, list indexes as numbers. */
export type JsonPath = readonly (string | number)[];

/** A client's entry, translated into the format of the servers file. */
export interface ImportedEntry {
  readonly entry: JsonRecord;
  /** Sentences for the user about the translation. */
  readonly notes: readonly string[];
  /** The variables that replace a client's inputs, with the ids of the inputs. */
  readonly inputs: readonly (readonly [variable: string, id: string])[];
  /** Tools that are switched off in the client. */
  readonly deniedTools: readonly string[];
  /** The only tools that the client uses; absent if it uses all. */
  readonly onlyTools?: readonly string[];
}

/** The origin of an entry, as far as its translation depends on it. */
export interface EntryOrigin {
  /** The folder of the entry's project. */
  readonly project?: string;
  readonly windows: boolean;
  readonly client?: ClientId;
}

/** Whether a value is an object of JSON. */
export function isRecord(value: unknown): value is JsonRecord {
  return json.isRecord(value);
}

/**
 * Translates a client's entry into the format of the servers file: other names of keys, inputs that the
 * client asks for, values that are not strings, OAuth settings. Keys that the gateway does not know stay.
 */
export function importEntry(original: JsonRecord, origin: EntryOrigin): ImportedEntry {
  const { oauth, auth, ...nonOAuthKeys } = original;
  const entry: Record<string, Json> = translateKeys(nonOAuthKeys);
  const notes: string[] = [];
  const inputs = new Map<string, string>();
  const replace = (text: string) => replaceVariables(text, inputs, origin);
  const secrets = stringsAt(original, "env_keys");
  if (secrets.length > 0) {
    notes.push(`Goose reads ${secrets.join(", ")} from its own secrets: set these variables`);
  }
  if (isRecord(entry.env)) entry.env = toStrings(entry.env);
  if (isRecord(entry.headers)) entry.headers = toStrings(entry.headers);
  if (Array.isArray(entry.args)) entry.args = entry.args.map((arg) => toStringValue(arg));
  // The gateway refuses types that it does not know, and infers the transport from the other keys.
  for (const key of ["type", "transport"]) {
    const value = entry[key];
    if (value === undefined || TRANSPORTS.has(String(value))) continue;
    if (!OTHER_TRANSPORTS.has(String(value))) {
      notes.push(`its ${key} ${JSON.stringify(value)} is dropped`);
    }
    delete entry[key];
  }
  for (const key of ["command", "args", "env", "cwd", "url", "headers"]) {
    const value = entry[key];
    if (value !== undefined) entry[key] = mapTexts(value, replace);
  }
  const settings = oauthSettings(oauth, auth);
  if (settings !== undefined) {
    entry.gateway = { ...recordOrEmpty(entry.gateway), oauth: mapTexts(settings, replace) };
  }
  if (needsProjectFolder(entry, origin.project)) {
    entry.cwd = origin.project ?? "";
    notes.push(`runs in ${origin.project}, because its command names files there`);
  }
  notes.push(...noteUnsupported(entry));
  for (const [variable, id] of inputs) {
    notes.push(`asked for the input "${id}": set the variable ${variable} instead`);
  }
  const onlyTools = ALLOWED_KEYS.map((key) => original[key]).find((value) => Array.isArray(value));
  return {
    entry,
    notes,
    inputs: [...inputs],
    deniedTools: DENIED_KEYS.flatMap((key) => stringsAt(original, key)),
    ...(Array.isArray(onlyTools) && !onlyTools.includes("*") &&
      { onlyTools: onlyTools.map(String) }),
  };
}

/** The names that clients use for each key. `httpUrl` comes first, because Gemini CLI prefers it. */
const KEY_NAMES = {
  command: ["command", ...listKeyAliases("command")],
  args: ["args", ...listKeyAliases("args")],
  cwd: ["cwd", ...listKeyAliases("cwd")],
  url: ["httpUrl", "url", ...listKeyAliases("url")],
  env: ["env", ...listKeyAliases("env")],
  headers: ["headers", ...listKeyAliases("headers")],
};

/** Keys that list tools that are switched off. */
const DENIED_KEYS = ["disabledTools", "disabled_tools", "excludeTools"];

/** Keys that list the only tools to use. */
const ALLOWED_KEYS = ["includeTools", "enabled_tools", "tools"];

const TRANSLATED_KEYS: ReadonlySet<string> = new Set([
  ...[...Object.values(KEY_NAMES).flat(), ...DENIED_KEYS, ...ALLOWED_KEYS, ...ENABLING_KEYS],
  ...["env_vars", "env_keys", "env_http_headers"],
  ...["bearer_token_env_var", "startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec"],
]);

/**
 * Renames the keys of Codex, Gemini CLI, opencode, Copilot CLI, Zed, Goose, Windsurf and others to the
 * names that most clients share. Other keys stay.
 */
function translateKeys(original: JsonRecord): Record<string, Json> {
  const firstValue = (names: readonly string[]): Json | undefined =>
    names.map((name) => original[name]).find((value) => value !== undefined);
  const program = firstValue(KEY_NAMES.command);
  const [command, args] = commandOf(program, firstValue(KEY_NAMES.args));
  const unchangedKeys = Object.entries(original).filter(([key]) => !TRANSLATED_KEYS.has(key));
  const settings = gatewaySettings(original);
  return withoutNulls({
    description: original.description,
    type: original.type,
    command,
    args,
    cwd: firstValue(KEY_NAMES.cwd),
    env: variablesOf(original, program),
    url: firstValue(KEY_NAMES.url),
    headers: headersOf(original),
    ...Object.fromEntries(unchangedKeys),
    ...(findDisablingKey(original) !== undefined && { disabled: true }),
    // A value that is not a boolean is kept, so that checking the entry reports it.
    ...withoutNulls(Object.fromEntries(
      ENABLING_KEYS.filter((key) => typeof original[key] !== "boolean").map((key) => [
        key,
        original[key],
      ]),
    )),
    ...(settings !== undefined && { gateway: { ...recordOrEmpty(original.gateway), ...settings } }),
  });
}

/** Returns the members whose value is neither `null` nor `undefined`. */
function withoutNulls(
  record: Readonly<Record<string, Json | undefined>>,
): Record<string, Json> {
  const entries = Object.entries(record).flatMap(([key, value]) => {
    return value === undefined || value === null ? [] : [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Like `withoutNulls`, but `undefined` if no member remains. */
function nonEmptyWithoutNulls(
  record: Readonly<Record<string, Json | undefined>>,
): JsonRecord | undefined {
  const members = withoutNulls(record);
  return Object.keys(members).length === 0 ? undefined : members;
}

function recordOrEmpty(value: Json | undefined): JsonRecord {
  return isRecord(value) ? value : {};
}

function stringsAt(original: JsonRecord, key: string): string[] {
  const value = original[key];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Returns the program and its arguments, from two keys, one list, or an object as in Zed. */
function commandOf(
  command: Json | undefined,
  args: Json | undefined,
): [command: Json | undefined, args: Json | undefined] {
  if (isRecord(command)) return [command.path, command.args];
  if (!Array.isArray(command)) return [command, args];
  const [first, ...words] = command;
  return [first, [...words, ...(Array.isArray(args) ? args : [])]];
}

/** Returns the environment variables, including references to those that Goose keeps as secrets. */
function variablesOf(original: JsonRecord, program: Json | undefined): Json | undefined {
  // In Codex, `env_vars` is a list of names; in other clients it contains the variables.
  const isList = (key: string) => key === "env_vars" && Array.isArray(original[key]);
  const values = KEY_NAMES.env.filter((key) => !isList(key)).map((key) => original[key]);
  if (isRecord(program) && isRecord(program.env)) values.push(program.env);
  const references = stringsAt(original, "env_keys").map((key) => [key, `\${${key}}`]);
  return mergeRecords(values, Object.fromEntries(references), "before");
}

function headersOf(original: JsonRecord): Json | undefined {
  const token = original.bearer_token_env_var;
  const headerReferences = Object.entries(recordOrEmpty(original.env_http_headers))
    .map(([header, name]) => [header, `\${${String(name)}}`]);
  return mergeRecords(KEY_NAMES.headers.map((key) => original[key]), {
    ...Object.fromEntries(headerReferences),
    ...(typeof token === "string" && { Authorization: `Bearer \${${token}}` }),
  }, "after");
}

/**
 * Merges objects; later ones win. A single value that is not an object stays, so that checking the entry
 * reports it.
 *
 * @param position Whether `addition` comes before or after the values.
 */
function mergeRecords(
  values: readonly (Json | undefined)[],
  addition: JsonRecord,
  position: "before" | "after",
): Json | undefined {
  const definedValues = values.filter((value) => value !== undefined);
  const hasAddition = Object.keys(addition).length > 0;
  if (definedValues.length < 2 && !hasAddition) return definedValues[0];
  const records = definedValues.filter(isRecord);
  return Object.assign(
    {},
    ...position === "before" ? [addition, ...records] : [...records, addition],
  );
}

/** Translates Codex's time limits and variables into the gateway's settings. */
function gatewaySettings(original: JsonRecord): JsonRecord | undefined {
  const milliseconds = (value: Json | undefined, factor: number) =>
    typeof value === "number" && value > 0 ? Math.round(value * factor) : undefined;
  const names = stringsAt(original, "env_vars");
  return nonEmptyWithoutNulls({
    connect_timeout_ms: milliseconds(original.startup_timeout_sec, 1000) ??
      milliseconds(original.startup_timeout_ms, 1),
    call_timeout_ms: milliseconds(original.tool_timeout_sec, 1000),
    inherit_env: names.length === 0 ? undefined : names,
  });
}

const TRANSPORTS = new Set(["stdio", "http", "streamable-http", "streamableHttp", "sse"]);

/** Types of other clients that are dropped silently, because other keys determine the transport. */
const OTHER_TRANSPORTS = new Set(["local", "remote", "streamable_http"]);

/** Translates a client's references to variables and inputs, and adds the inputs to `inputs`. */
function replaceVariables(
  text: string,
  inputs: Map<string, string>,
  { windows, client }: EntryOrigin,
): string {
  return unifyReferences(text, client)
    .replace(/\$\{input:([^}]+)\}/g, (_, id: string) => {
      const name = id.toUpperCase().replace(/[^A-Z0-9]+/g, "_").replace(/^_+|_+$/g, "");
      const variable = /^[A-Z]/.test(name) ? name : `INPUT_${name}`;
      inputs.set(variable, id);
      return `\${${variable}}`;
    })
    .replace(/\$\{(?:pathSeparator|\/)\}/g, windows ? "\\" : "/");
}

/** Writes the references of Gemini CLI (`$NAME`) and opencode (`{env:NAME}`) as `${NAME}`. */
function unifyReferences(text: string, client: ClientId | undefined): string {
  if (client === "gemini") return text.replace(/\$([A-Z_][A-Z0-9_]*)\b/g, "${$1}");
  return client === "opencode" ? text.replace(/\{env:([^}]+)\}/g, "${$1}") : text;
}

function mapTexts(value: Json, map: (text: string) => string): Json {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, map)]));
}

/** Converts numbers and booleans into strings, because variables and headers are strings. */
function toStrings(record: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(withoutNulls(record)).map(([key, value]) => {
      return [key, toStringValue(value)];
    }),
  );
}

function toStringValue(value: Json): Json {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

/** Translates the OAuth settings of Claude Code (`oauth`) and Cursor (`auth`). */
function oauthSettings(oauth: Json | undefined, auth: Json | undefined): JsonRecord | undefined {
  const { clientId, callbackPort } = recordOrEmpty(oauth);
  const { CLIENT_ID, CLIENT_SECRET, scopes } = recordOrEmpty(auth);
  const id = clientId ?? CLIENT_ID;
  return nonEmptyWithoutNulls({
    client_id: typeof id === "string" ? id : undefined,
    client_secret: typeof CLIENT_SECRET === "string" ? CLIENT_SECRET : undefined,
    scopes: Array.isArray(scopes) ? scopes : undefined,
    redirect_port: typeof callbackPort === "number" ? callbackPort : undefined,
  });
}

/** Whether an entry names files relative to the folder of its project. */
function needsProjectFolder(entry: JsonRecord, project: string | undefined): boolean {
  if (project === undefined || entry.command === undefined || entry.cwd !== undefined) return false;
  const args = Array.isArray(entry.args) ? entry.args : [];
  return [entry.command, ...args].some((word) => /^\.{1,2}(?:[/\\]|$)/.test(String(word)));
}

function noteUnsupported(entry: JsonRecord): string[] {
  const notes: string[] = [];
  if (entry.envFile !== undefined) {
    notes.push(`reads variables from ${entry.envFile}: put them into its env, or set them`);
  }
  if (entry.headersHelper !== undefined) {
    notes.push("makes headers with a program (headersHelper): put them into its headers");
  }
  const usedValues = JSON.stringify([
    entry.command,
    entry.args,
    entry.env,
    entry.url,
    entry.headers,
  ]);
  const unknownReference =
    /\$\{(?:config|command|file\w*|workspaceFolderBasename|workspaceFolder:)[^}]*\}|\{file:[^}]*\}/
      .exec(usedValues)?.[0];
  if (unknownReference !== undefined) {
    notes.push(`uses ${unknownReference}, which only its client knows: write the value`);
  }
  return notes;
}
