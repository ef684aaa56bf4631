import type { ConfigProblem } from "../errors.ts";
import type { Parsed, Path } from "./document.ts";
import { encodeKey, type JsonValue, MAX_NESTING } from "./json_value.ts";
import { formatPath } from "./path.ts";

/** The texts within JSON without escapes, from left to right; with a colon behind it one is a key. */
const TEXTS = /"[^"]*"(\s*:)?/g;

/**
 * Parses a file as `parseDocument` does, but knows no places: whatever is wrong or odd is found, at
 * line 0. Where `readPlainJson` gives nothing that is a problem, too.
 */
export function parsePlain(file: string, text: string): Parsed {
  const problem = (path: Path, message: string): ConfigProblem => {
    return { file, line: 0, column: 0, path: formatPath(path), message };
  };
  const value = readPlainJson(text);
  if (value === undefined) return { problems: [problem([], "not plain JSON")] };
  return { document: { value, find: () => undefined, problem }, problems: [] };
}

/**
 * Reads JSON that nothing is wrong with, without the parser that knows the places of values: a start
 * takes 4 ms less where that need not be loaded.
 *
 * @returns The value as that parser gives it. Undefined where the parser has to look: there are
 * comments or trailing commas, a key stands twice, something is wrong, or a key is one such as `7`, which `JSON.parse`
 * moves to the front.
 */
export function readPlainJson(text: string): JsonValue | undefined {
  let keys = 0;
  let isPlain = true;
  const encode = (value: JsonValue, depth: number): JsonValue => {
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_NESTING) {
      isPlain = false;
      return null;
    }
    if (Array.isArray(value)) return value.map((one) => encode(one, depth + 1));
    const object: Record<string, JsonValue> = Object.create(null);
    for (const [key, member] of Object.entries(value)) {
      const name = encodeKey(key);
      if (name !== key) isPlain = false;
      object[name] = encode(member, depth + 1);
      keys++;
    }
    return object;
  };
  let value: JsonValue;
  try {
    value = encode(JSON.parse(text), 1);
  } catch {
    // Not JSON: the parser says where and why.
    return undefined;
  }
  // Of a key that stands twice `JSON.parse` keeps one: then the text has more of them.
  const texts = text.replaceAll(/\\./g, "\\").matchAll(TEXTS);
  for (const [whole, colon] of texts) {
    if (colon === undefined) continue;
    keys--;
    // V8 15.0 may take an escaped key for another one that it has seen before: `a\u0061` for `a\`.
    if (whole.includes("\\")) isPlain = false;
  }
  return isPlain && keys === 0 ? value : undefined;
}
