import { isDeepStrictEqual } from "node:util";
import { applyEdits, type FormattingOptions, getNodeValue, modify, parseTree } from "jsonc-parser";
import {
  type ClientDocument,
  type ClientParseResult,
  parseClientText,
} from "../../config/editing/mod.ts";
import { problemWithoutPosition } from "../../errors.ts";
import type { Json, JsonPath, JsonRecord } from "./import_entry.ts";
import type { ParsedText } from "./read_yaml.ts";

/** The languages of clients' files. */
export type Language = "json" | "toml" | "yaml";

/** Returns the language of a client's file, by its name. */
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
  const read = language === "toml"
    ? await loadTomlReader()
    : (await import("./read_yaml.ts")).readYaml;
  const { value, message = "", line = 0, column = 0 } = read(text.replace(/^\uFEFF/, ""));
  if (message !== "") return { problems: [{ file, line, column, path: "", message }] };
  try {
    return { document: createDocument(file, nameServers(toPlainJson(value ?? {}))), problems: [] };
  } catch {
    // In YAML an alias may contain itself, and in TOML a long dotted key is a deeply nested value.
    const message = "the value is nested too deeply, or contains itself";
    return { problems: [problemWithoutPosition(message, { file })] };
  }
}

async function loadTomlReader(): Promise<(text: string) => ParsedText> {
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

/** Turns Continue's list of servers into an object with the servers by name. */
function nameServers(value: unknown): unknown {
  const servers = valueAt(value, ["mcpServers"]);
  if (!Array.isArray(servers)) return value;
  const namedServers = servers.filter((server) => typeof server?.name === "string");
  return {
    ...value as object,
    mcpServers: Object.fromEntries(namedServers.map((server) => [server.name, server])),
  };
}

/** Creates a document for a language whose parser reports no positions. */
function createDocument(file: string, value: unknown): ClientDocument {
  return {
    getValue: (path) => valueAt(value, path),
    getKeys(path) {
      const object = valueAt(value, path);
      const isObject = typeof object === "object" && object !== null && !Array.isArray(object);
      return isObject ? Object.keys(object) : undefined;
    },
    createProblem: (path, message) =>
      problemWithoutPosition(message, { file, path: path.join(".") }),
  };
}

/** A value to set at a path; `undefined` removes it. */
export interface ClientEdit {
  readonly at: JsonPath;
  readonly value: Json | undefined;
}

/**
 * Loads the function that edits texts in a language. The function changes only the given values, and
 * throws if that is not possible.
 */
export async function loadEditor(
  language: Language,
): Promise<(text: string, edits: readonly ClientEdit[]) => string> {
  if (language !== "toml") return editJson;
  const toml = await import("smol-toml");
  return (text, edits) => edits.reduce((before, edit) => editToml(before, edit, toml), text);
}

/**
 * Changes single values of a JSON text, and keeps comments, order and layout. Trailing commas are
 * accepted.
 *
 * @throws {Error} if the text cannot be changed so that it contains the values.
 */
export function editJson(text: string, edits: readonly ClientEdit[]): string {
  const formattingOptions = detectFormatting(text);
  let currentText = text.trim() === "" ? `{}${formattingOptions.eol}` : text;
  let currentValue = readJson(currentText);
  for (const { at, value } of edits) {
    if (value === undefined && valueAt(currentValue, at) === undefined) continue;
    const expected = toPlainJson(withValue(currentValue, at, value));
    // The library damages an object with one member and a trailing comma. In that case, the whole
    // object that contains the member is set.
    const editedText = [at, at.slice(0, -1)].values().map((path) =>
      applyEdits(
        currentText,
        modify(currentText, [...path], valueAt(expected, path), { formattingOptions }),
      )
    ).find((candidate) => isDeepStrictEqual(readJson(candidate), expected));
    if (editedText === undefined) throw new Error(`cannot change ${at.join(".")} in this text`);
    currentText = editedText;
    currentValue = expected;
  }
  return currentText;
}

function detectFormatting(text: string): FormattingOptions & { readonly eol: string } {
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  return { eol, insertSpaces: !indent.startsWith("\t"), tabSize: Math.min(8, indent.length) };
}

function readJson(text: string): unknown {
  const errors: unknown[] = [];
  const root = parseTree(text, errors as never[], { allowTrailingComma: true });
  if (root === undefined || errors.length > 0) return undefined;
  return toPlainJson(getNodeValue(root));
}

type TomlLibrary = Pick<typeof import("smol-toml"), "parse" | "stringify">;

/**
 * Replaces, appends or removes one table of a TOML text.
 *
 * @throws {Error} if the table does not have lines of its own, for example an inline table.
 */
function editToml(text: string, { at: path, value }: ClientEdit, toml: TomlLibrary): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  const [start, end] = findTable(lines, path);
  const isNew = start === lines.length;
  const block = value === undefined
    ? []
    : toml.stringify(nestAt(path, value)).trimEnd().split("\n");
  const before = lines.slice(0, start);
  const after = lines.slice(end);
  if (isNew || block.length === 0) {
    while (before.length > 0 && before.at(-1)?.trim() === "") before.pop();
  }
  const gap = isNew && before.length > 0 && block.length > 0 ? [""] : [];
  const isLast = isNew || (block.length === 0 && after.every((line) => line === ""));
  const editedText = [...before, ...gap, ...block, ...(isLast ? [""] : after)].join(eol);
  const read = (text: string) => toPlainJson(toml.parse(text));
  const expected = toPlainJson(withValue(read(text), path, value));
  try {
    if (isDeepStrictEqual(withoutEmptyObjects(read(editedText)), withoutEmptyObjects(expected))) {
      return editedText;
    }
  } catch {
    // The edit has produced invalid TOML.
  }
  throw new Error(`the table [${path.join(".")}] cannot be changed automatically: edit it by hand`);
}

/** Removes empty objects from a value: TOML need not write a table that only contains other tables. */
function withoutEmptyObjects(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, item]) =>
    [key, withoutEmptyObjects(item)] as const
  );
  const isEmpty = (item: unknown) => isDeepStrictEqual(item, {});
  return Object.fromEntries(entries.filter(([, item]) => !isEmpty(item)));
}

/**
 * Returns the index of a table's header line, and of the line after the table and its subtables. For a
 * missing table, both are the number of lines.
 */
function findTable(lines: readonly string[], path: JsonPath): [start: number, end: number] {
  let start = lines.length;
  let end = lines.length;
  for (const [index, line] of lines.entries()) {
    const [, header] = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line) ?? [];
    if (header === undefined && !/^\s*\[\[/.test(line)) continue;
    const parts = (header ?? "").matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+)/g);
    const keys = [...parts].map(([, double, single, bare]) => double ?? single ?? bare);
    const isInside = path.every((key, at) => keys[at] === key);
    if (isInside && start === lines.length) start = index;
    else if (!isInside && start < lines.length) {
      end = index;
      break;
    }
  }
  // Blank lines and comments above the next table belong to the next table.
  while (end > start && end < lines.length && /^\s*(?:#.*)?$/.test(lines[end - 1] ?? "")) end--;
  return [start, end];
}

/** Returns an object that has only the given value, at the given path. */
export function nestAt(path: JsonPath, value: Json): JsonRecord {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value) as JsonRecord;
}

/**
 * Converts a parser's value into plain JSON values: dates become strings, and objects without a prototype
 * get the usual one, which `isDeepStrictEqual` compares.
 */
function toPlainJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function valueAt(value: unknown, path: JsonPath): Json | undefined {
  // The parsers return only values that JSON can hold.
  return path.reduce<unknown>((part, key) => {
    const hasKey = typeof part === "object" && part !== null && Object.hasOwn(part, key);
    return hasKey ? Reflect.get(part, key) : undefined;
  }, value) as Json | undefined;
}

function withValue(
  value: unknown,
  [key, ...path]: JsonPath,
  newValue: Json | undefined,
): unknown {
  if (key === undefined) return newValue;
  const copy = { ...(typeof value === "object" ? value : {}) } as Record<string | number, unknown>;
  const inner = withValue(copy[key], path, newValue);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}
