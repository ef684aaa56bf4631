import type { ClientId } from "./clients.ts";
import { normalizeKeys } from "./client_keys.ts";

/** A value of JSON, by plain names. */
export type Json = string | number | boolean | null | readonly Json[] | JsonRecord;

/** An object of JSON. */
export interface JsonRecord {
  /** A value by its name. */
  readonly [key: string]: Json;
}

/** Keys as texts, list positions as numbers. */
export type JsonPath = readonly (string | number)[];

/** A client's entry in the gateway's words. */
export interface ImportedEntry {
  /** The entry. */
  readonly entry: JsonRecord;
  /** Sentences for the user about the translation. */
  readonly notes: readonly string[];
  /** Variables that stand in place of a client's input, with the input's id. */
  readonly inputs: readonly (readonly [variable: string, id: string])[];
  /** Tools that were switched off in the client. */
  readonly deniedTools: readonly string[];
  /** The only tools that the client takes; absent where it takes all. */
  readonly onlyTools?: readonly string[];
}

/** The origin of an entry, as far as its translation depends on it. */
export interface EntryOrigin {
  /** The folder of the project that it is for. */
  readonly project?: string;
  /** Whether Windows' customs hold. */
  readonly windows: boolean;
  /** The client, where it is a known one. */
  readonly client?: ClientId;
}

/** Whether a value is an object. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Translates an entry of a client: other names of keys, inputs that are asked for, values that are
 * no texts, OAuth settings. What means nothing to the gateway stays as it is.
 */
export function importEntry(original: JsonRecord, origin: EntryOrigin): ImportedEntry {
  const { oauth, auth, ...others } = original;
  const shared = normalizeKeys(others);
  const notes = [...shared.notes];
  const inputs = new Map<string, string>();
  const replace = (text: string) => replaceVariables(text, inputs, origin);
  const entry: Record<string, Json> = { ...shared.entry };
  if (isRecord(entry.env)) entry.env = texts(entry.env);
  if (isRecord(entry.headers)) entry.headers = texts(entry.headers);
  if (Array.isArray(entry.args)) entry.args = entry.args.map((arg) => plain(arg));
  // A type of our own choosing would be an error; what it says follows from the other keys.
  for (const key of ["type", "transport"]) {
    if (!TRANSPORTS.has(String(entry[key]))) {
      if (entry[key] !== undefined && !OTHER_TRANSPORTS.has(String(entry[key]))) {
        notes.push(`its ${key} ${JSON.stringify(entry[key])} is dropped`);
      }
      delete entry[key];
    }
  }
  for (const key of ["command", "args", "env", "cwd", "url", "headers"]) {
    const value = entry[key];
    if (value !== undefined) entry[key] = mapTexts(value, replace);
  }
  const settings = oauthSettings(oauth, auth);
  if (settings !== undefined) {
    const gateway = isRecord(entry.gateway) ? entry.gateway : {};
    entry.gateway = { ...gateway, oauth: mapTexts(settings, replace) };
  }
  if (needsFolder(entry, origin.project)) {
    entry.cwd = origin.project ?? "";
    notes.push(`runs in ${origin.project}, because its command names files there`);
  }
  notes.push(...noteUnknown(entry));
  for (const [variable, id] of inputs) {
    notes.push(`asked for the input "${id}": set the variable ${variable} instead`);
  }
  const { deniedTools, onlyTools } = shared;
  const only = onlyTools === undefined ? {} : { onlyTools };
  return { entry, notes, inputs: [...inputs], deniedTools, ...only };
}

const TRANSPORTS = new Set(["stdio", "http", "streamable-http", "streamableHttp", "sse"]);

/** Other words for them, which say nothing that the other keys do not say. */
const OTHER_TRANSPORTS = new Set(["local", "remote", "streamable_http"]);

/** The variable that takes the place of an input. */
function variableOf(id: string): string {
  const name = id.toUpperCase().replace(/[^A-Z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[A-Z]/.test(name) ? name : `INPUT_${name}`;
}

function replaceVariables(
  text: string,
  inputs: Map<string, string>,
  { windows, client }: EntryOrigin,
): string {
  const own = client === "gemini"
    ? text.replace(/\$([A-Z_][A-Z0-9_]*)\b/g, "${$1}")
    : client === "opencode"
    ? text.replace(/\{env:([^}]+)\}/g, "${$1}")
    : text;
  return own
    .replace(/\$\{input:([^}]+)\}/g, (_, id: string) => {
      const variable = variableOf(id);
      inputs.set(variable, id);
      return `\${${variable}}`;
    })
    .replace(/\$\{(?:pathSeparator|\/)\}/g, windows ? "\\" : "/");
}

function mapTexts(value: Json, map: (text: string) => string): Json {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, map)]));
}

/** Numbers and the like as texts, which is all that an environment or a header can hold. */
function texts(record: JsonRecord): JsonRecord {
  const known = Object.entries(record).filter(([, value]) => value !== null);
  return Object.fromEntries(known.map(([key, value]) => [key, plain(value)]));
}

function plain(value: Json): Json {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

/** OAuth settings as Claude Code (`oauth`) and Cursor (`auth`) write them. */
function oauthSettings(oauth: Json | undefined, auth: Json | undefined): JsonRecord | undefined {
  const first = isRecord(oauth) ? oauth : {};
  const second = isRecord(auth) ? auth : {};
  const id = first.clientId ?? second.CLIENT_ID;
  const secret = second.CLIENT_SECRET;
  const { scopes } = second;
  const port = first.callbackPort;
  const settings = {
    ...(typeof id === "string" ? { client_id: id } : {}),
    ...(typeof secret === "string" ? { client_secret: secret } : {}),
    ...(Array.isArray(scopes) ? { scopes } : {}),
    ...(typeof port === "number" ? { redirect_port: port } : {}),
  };
  return Object.keys(settings).length === 0 ? undefined : settings;
}

/** Whether an entry of a project names files relative to it. */
function needsFolder(entry: JsonRecord, project: string | undefined): boolean {
  if (project === undefined || entry.command === undefined || entry.cwd !== undefined) return false;
  const args = Array.isArray(entry.args) ? entry.args : [];
  return [entry.command, ...args].some((word) => /^\.{1,2}(?:[/\\]|$)/.test(String(word)));
}

function noteUnknown(entry: JsonRecord): string[] {
  const notes: string[] = [];
  if (entry.envFile !== undefined) {
    notes.push(`reads variables from ${entry.envFile}: put them into its env, or set them`);
  }
  if (entry.headersHelper !== undefined) {
    notes.push("makes headers by a program (headersHelper): put them into its headers");
  }
  const used = JSON.stringify([entry.command, entry.args, entry.env, entry.url, entry.headers]);
  const unknown =
    /\$\{(?:config|command|file\w*|workspaceFolderBasename|workspaceFolder:)[^}]*\}|\{file:[^}]*\}/
      .exec(used)?.[0];
  if (unknown !== undefined) {
    notes.push(`uses ${unknown}, which only its client knows: write the value`);
  }
  return notes;
}
