import { isDeepStrictEqual } from "node:util";
import { applyEdits, type FormattingOptions, getNodeValue, modify, parseTree } from "jsonc-parser";
import {
  type ClientDocument,
  type ClientParseResult,
  parseClientText,
} from "../../config/editing/mod.ts";
import type { Json, JsonPath, JsonRecord } from "./import_entry.ts";
import type { YamlReading } from "./read_yaml.ts";

/** The languages that clients write their files in. */
export type Language = "json" | "toml" | "yaml";

/** The language of a client's file, by its name. */
export function languageOf(path: string): Language {
  if (/\.toml$/i.test(path)) return "toml";
  return /\.ya?ml$/i.test(path) ? "yaml" : "json";
}

/**
 * Parses a client's file: JSON with comments, TOML or YAML. Never throws.
 *
 * @param source The file's name, for problems, and its text.
 */
export async function parseClientFile(
  { file, text }: { readonly file: string; readonly text: string },
  language: Language,
): Promise<ClientParseResult> {
  if (language === "json") return parseClientText(file, text);
  const read = language === "toml" ? await tomlReader() : (await import("./read_yaml.ts")).readYaml;
  const { value, message = "", line = 0, column = 0 } = read(text.replace(/^\uFEFF/, ""));
  if (message !== "") return { problems: [{ file, line, column, path: "", message }] };
  try {
    return { document: documentOf(file, byName(plain(value ?? {}))), problems: [] };
  } catch {
    // An alias of YAML may contain itself, and a dotted key of TOML nests as deep as it is long.
    const message = "nested too deep, or endlessly";
    return { problems: [{ file, line: 0, column: 0, path: "", message }] };
  }
}

async function tomlReader(): Promise<(text: string) => YamlReading> {
  const { parse, TomlError } = await import("smol-toml");
  return (text) => {
    try {
      return { value: parse(text) };
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [first = ""] = error.message.split("\n");
      const { line, column } = error;
      return { message: first.replace(/^Invalid TOML document: /, "not TOML: "), line, column };
    }
  };
}

/** Continue lists its servers with their names inside. */
function byName(value: unknown): unknown {
  const servers = valueAt(value, ["mcpServers"]);
  if (!Array.isArray(servers)) return value;
  const named = servers.filter((server) => typeof server?.name === "string");
  return {
    ...value as object,
    mcpServers: Object.fromEntries(named.map((one) => [one.name, one])),
  };
}

/** A document in a language whose parser reports no positions. */
function documentOf(file: string, value: unknown): ClientDocument {
  return {
    getValue: (path) => valueAt(value, path),
    getKeys(path) {
      const found = valueAt(value, path);
      const isObject = typeof found === "object" && found !== null && !Array.isArray(found);
      return isObject ? Object.keys(found) : undefined;
    },
    createProblem: (path, message) => ({ file, line: 0, column: 0, path: path.join("."), message }),
  };
}

/** A value to set at a path; `undefined` removes it. */
export interface ClientEdit {
  readonly at: JsonPath;
  readonly value: Json | undefined;
}

/**
 * Returns the function that edits texts in a language. It throws where a text cannot be edited.
 * Everything that the edits do not name stays as it is.
 */
export async function loadEditor(
  language: Language,
): Promise<(text: string, edits: readonly ClientEdit[]) => string> {
  if (language !== "toml") return editJson;
  const toml = await import("smol-toml");
  return (text, edits) => edits.reduce((before, edit) => editToml(before, edit, toml), text);
}

/**
 * Changes single values of a JSON text; comments, order and layout of the rest stay. Trailing commas
 * are accepted.
 *
 * @throws {Error} The text cannot be changed so that it holds the values.
 */
export function editJson(text: string, edits: readonly ClientEdit[]): string {
  const formattingOptions = layoutOf(text);
  let edited = text.trim() === "" ? `{}${formattingOptions.eol}` : text;
  let before = readJson(edited);
  for (const { at, value } of edits) {
    if (value === undefined && valueAt(before, at) === undefined) continue;
    const wanted = plain(withValue(before, at, value));
    // A list of one with a trailing comma comes out wrong: then its whole parent is written.
    const next = [at, at.slice(0, -1)].values().map((path) =>
      applyEdits(edited, modify(edited, [...path], valueAt(wanted, path), { formattingOptions }))
    ).find((one) => isDeepStrictEqual(readJson(one), wanted));
    if (next === undefined) throw new Error(`cannot change ${at.join(".")} in this text`);
    edited = next;
    before = wanted;
  }
  return edited;
}

function layoutOf(text: string): FormattingOptions & { readonly eol: string } {
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  return { eol, insertSpaces: !indent.startsWith("\t"), tabSize: Math.min(8, indent.length) };
}

function readJson(text: string): unknown {
  const errors: unknown[] = [];
  const root = parseTree(text, errors as never[], { allowTrailingComma: true });
  if (root === undefined || errors.length > 0) return undefined;
  return plain(getNodeValue(root));
}

type Toml = Pick<typeof import("smol-toml"), "parse" | "stringify">;

/**
 * Writes one table of a TOML text, in place of the one of that name or at the end, or removes it.
 *
 * @throws {Error} The table is written in a form that single lines cannot change, such as inline.
 */
function editToml(text: string, { at: path, value }: ClientEdit, toml: Toml): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  const [start, end] = findTable(lines, path);
  const isNew = start === lines.length;
  const block = value === undefined
    ? []
    : toml.stringify(nested(path, value)).trimEnd().split("\n");
  const before = lines.slice(0, start);
  const after = lines.slice(end);
  if (isNew || block.length === 0) {
    while (before.length > 0 && before.at(-1)?.trim() === "") before.pop();
  }
  const gap = isNew && before.length > 0 && block.length > 0 ? [""] : [];
  const isLast = isNew || (block.length === 0 && after.every((one) => one === ""));
  const edited = [...before, ...gap, ...block, ...(isLast ? [""] : after)].join(eol);
  const read = (text: string) => plain(toml.parse(text));
  const wanted = plain(withValue(read(text), path, value));
  try {
    if (isDeepStrictEqual(pruned(read(edited)), pruned(wanted))) return edited;
  } catch {
    // Then the text is not TOML any more.
  }
  throw new Error(`the table [${path.join(".")}] cannot be changed automatically: edit it by hand`);
}

/** A value without empty objects: a table above others need not be written. */
function pruned(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, pruned(item)] as const);
  const isEmpty = (item: unknown) => isDeepStrictEqual(item, {});
  return Object.fromEntries(entries.filter(([, item]) => !isEmpty(item)));
}

/** Index of the first line of a table, and of the line after it and all tables below it. */
function findTable(lines: readonly string[], path: JsonPath): [start: number, end: number] {
  let start = lines.length;
  let end = lines.length;
  for (const [index, line] of lines.entries()) {
    const [, header] = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line) ?? [];
    if (header === undefined && !/^\s*\[\[/.test(line)) continue;
    const parts = (header ?? "").matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+)/g);
    const keys = [...parts].map(([, double, single, bare]) => double ?? single ?? bare);
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

/** An object with a value at a path. */
export function nested(path: JsonPath, value: Json): JsonRecord {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value) as JsonRecord;
}

/**
 * The value as JSON has it: dates become strings, and objects get a prototype, without which they
 * would equal no others.
 */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function valueAt(value: unknown, path: JsonPath): Json | undefined {
  // The parsers return only values that JSON can hold.
  return path.reduce<unknown>((part, key) => {
    const isThere = typeof part === "object" && part !== null && Object.hasOwn(part, key);
    return isThere ? Reflect.get(part, key) : undefined;
  }, value) as Json | undefined;
}

function withValue(
  value: unknown,
  [key, ...path]: JsonPath,
  wanted: Json | undefined,
): unknown {
  if (key === undefined) return wanted;
  const copy = { ...(typeof value === "object" ? value : {}) } as Record<string | number, unknown>;
  const inner = withValue(copy[key], path, wanted);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}
