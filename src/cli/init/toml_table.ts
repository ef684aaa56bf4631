import type { Json, JsonRecord } from "./import_entry.ts";
import { isRecord } from "./import_entry.ts";
import { isSameJson } from "./same_json.ts";

/** Reads TOML as JSON has it; throws where the text is not TOML. */
export type ReadToml = (text: string) => unknown;

/**
 * The reader of TOML, loaded for a file in TOML only.
 */
export async function loadTomlReader(): Promise<ReadToml> {
  const { parse } = await import("smol-toml");
  return (text) => JSON.parse(JSON.stringify(parse(text)));
}

/**
 * Writes one table of a TOML text, in the place of the one of that name or at the end, or takes it
 * out. All other lines stay as they are.
 *
 * @param text The text.
 * @param options `path` is the table's name, such as `["mcp_servers", "gateway"]`. `value` is its
 * content; undefined takes the table out. `read` checks that nothing else has changed.
 * @throws {Error} The table is written in a way that single lines cannot change, such as inline.
 */
export function setTomlTable(
  text: string,
  { path, value, read }: {
    readonly path: readonly string[];
    readonly value: JsonRecord | undefined;
    readonly read: ReadToml;
  },
): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  const [start, end] = findTable(lines, path);
  const block = value === undefined ? [] : tomlTable(path, value).trimEnd().split("\n");
  const before = lines.slice(0, start);
  const after = lines.slice(end);
  if (start === lines.length || block.length === 0) {
    while (before.length > 0 && before.at(-1)?.trim() === "") before.pop();
  }
  const gap = before.length > 0 && block.length > 0 ? [""] : [];
  const rest = start === lines.length || (block.length === 0 && after.every((one) => one === ""))
    ? [""]
    : after;
  const isReplaced = start < lines.length && block.length > 0;
  const edited = [...before, ...(isReplaced ? [] : gap), ...block, ...rest].join(eol);
  const wanted = withValue(read(text), path, value);
  if (!isSameJson(tryRead(edited, read), pruned(wanted))) {
    throw new Error(
      `the table [${path.join(".")}] cannot be changed automatically: edit it by hand`,
    );
  }
  return edited;
}

function tryRead(text: string, read: ReadToml): unknown {
  try {
    return pruned(read(text));
  } catch {
    // Then it is not what it should be.
    return undefined;
  }
}

/** A value without objects that hold nothing: a table above others need not be written. */
function pruned(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, pruned(item)] as const);
  return Object.fromEntries(entries.filter(([, item]) => !isRecord(item) || hasKeys(item)));
}

function hasKeys(value: object): boolean {
  return Object.keys(value).length > 0;
}

/** The first line of a table, and the line behind it and all tables below it. */
function findTable(
  lines: readonly string[],
  path: readonly string[],
): [start: number, end: number] {
  let start = lines.length;
  let end = lines.length;
  for (const [index, line] of lines.entries()) {
    const [, header] = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line) ?? [];
    if (header === undefined && !/^\s*\[\[/.test(line)) continue;
    const keys = header === undefined ? [] : keysOf(header);
    const isOurs = path.every((key, at) => keys[at] === key);
    if (isOurs && start === lines.length) start = index;
    else if (!isOurs && start < lines.length) {
      end = index;
      break;
    }
  }
  // Blank lines and comments above the next table belong to that.
  while (end > start && end < lines.length && /^\s*(?:#.*)?$/.test(lines[end - 1] ?? "")) end--;
  return [start, end];
}

function keysOf(header: string): string[] {
  const parts = header.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+)/g);
  return [...parts].map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}

/** A table as TOML, the tables below it behind it. */
export function tomlTable(path: readonly string[], value: JsonRecord): string {
  const entries = Object.entries(value);
  const plain = entries.filter(([, item]) => !isRecord(item));
  const below = entries.flatMap(([key, item]) => isRecord(item) ? [{ key, item }] : []);
  const lines = plain.map(([key, item]) => `${tomlKey(key)} = ${tomlValue(item)}\n`).join("");
  const tables = below.map(({ key, item }) => `\n${tomlTable([...path, key], item)}`).join("");
  return `[${path.map(tomlKey).join(".")}]\n${lines}${tables}`;
}

function tomlKey(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}

function tomlValue(value: Json): string {
  // Strings of JSON are basic strings of TOML, but for this one character.
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\x7f", "\\u007f");
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  return String(value);
}

function withValue(
  value: unknown,
  [key, ...rest]: readonly string[],
  wanted: JsonRecord | undefined,
): unknown {
  if (key === undefined) return wanted;
  const copy: Record<string, unknown> = isRecord(value) ? { ...value } : {};
  const inner = withValue(copy[key], rest, wanted);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}
