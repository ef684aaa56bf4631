import { applyEdits, type FormattingOptions, getNodeValue, modify, parseTree } from "jsonc-parser";
import { isSameJson } from "./same_json.ts";
import type { Json } from "./import_entry.ts";

/** A value to set, or undefined to take out, at a path. */
export interface JsonEdit {
  readonly at: readonly (string | number)[];
  readonly value: Json | undefined;
}

/**
 * Changes single values of a JSON text; comments, order and layout of the rest stay. Trailing commas
 * are fine.
 *
 * @throws {Error} The result would not say what it should: then the text is an odd one.
 */
export function editJson(text: string, edits: readonly JsonEdit[]): string {
  const isEmpty = text.trim() === "";
  const formattingOptions = layoutOf(text);
  let edited = isEmpty ? `{}${formattingOptions.eol}` : text;
  for (const { at, value } of edits) {
    const before = read(edited);
    if (value === undefined && valueAt(before, at) === undefined) continue;
    const wanted = withValue(before, at, value);
    const change = modify(edited, [...at], value, { formattingOptions });
    let next = applyEdits(edited, change);
    if (!isSame(next, wanted)) {
      // A list of one with a trailing comma comes out wrong: then its whole parent is written.
      const parent = at.slice(0, -1);
      const whole = modify(edited, [...parent], valueAt(wanted, parent), { formattingOptions });
      next = applyEdits(edited, whole);
    }
    if (!isSame(next, wanted)) throw new Error(`cannot change ${at.join(".")} in this text`);
    edited = next;
  }
  return edited;
}

/** How a text is laid out: its line ends, and what its lines are moved in by. */
function layoutOf(text: string): FormattingOptions & { readonly eol: string } {
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  return { eol, insertSpaces: !indent.startsWith("\t"), tabSize: Math.min(8, indent.length) };
}

function read(text: string): unknown {
  const errors: unknown[] = [];
  const root = parseTree(text, errors as never[], { allowTrailingComma: true });
  return root === undefined || errors.length > 0 ? undefined : getNodeValue(root);
}

function isSame(text: string, wanted: unknown): boolean {
  return isSameJson(read(text), wanted);
}

function valueAt(value: unknown, at: JsonEdit["at"]): Json | undefined {
  let part: unknown = value;
  for (const key of at) {
    if (typeof part !== "object" || part === null || !Object.hasOwn(part, key)) return undefined;
    part = (part as Record<string | number, unknown>)[key];
  }
  return part as Json;
}

function withValue(value: unknown, at: JsonEdit["at"], wanted: Json | undefined): unknown {
  const [key, ...rest] = at;
  if (key === undefined) return wanted;
  const known = typeof value === "object" && value !== null ? value : {};
  const copy = { ...known } as Record<string | number, unknown>;
  const inner = withValue(copy[key], rest, wanted);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}
