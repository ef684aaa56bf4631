import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import type { ParseResult, Path } from "./document.ts";
import { encodeKey, type JsonValue, MAX_NESTING } from "./json_value.ts";
import { formatPath } from "../json.ts";

/** Matches the strings in JSON whose escapes were removed. A string before a colon is a key. */
const STRINGS = /"[^"]*"(\s*:)?/g;

/**
 * Parses a file like `parseDocument`, but without positions: every problem is at line 0. For a file that
 * `readPlainJson` cannot read, the result is a problem.
 */
export function parsePlainDocument(file: string, text: string): ParseResult {
  const createProblem = (path: Path, message: string): ConfigProblem => {
    return problemWithoutPosition(message, { file, path: formatPath(path) });
  };
  const value = readPlainJson(text);
  if (value === undefined) return { problems: [createProblem([], "not plain JSON")] };
  return { document: { value, findNode: () => undefined, createProblem }, problems: [] };
}

/**
 * Reads valid JSON without `parseDocument`, whose parser takes 4 ms to load.
 *
 * @returns The same value as `parseDocument`. Undefined if the text needs `parseDocument`: it has
 * comments, trailing commas, duplicate keys or errors, or a key such as `7`, which `JSON.parse` moves to
 * the front.
 */
export function readPlainJson(text: string): JsonValue | undefined {
  // The number of keys in the value, minus that in the text.
  let extraKeys = 0;
  let isPlain = true;
  const encode = (value: JsonValue, depth: number): JsonValue => {
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_NESTING) {
      isPlain = false;
      return null;
    }
    if (Array.isArray(value)) return value.map((item) => encode(item, depth + 1));
    const object: Record<string, JsonValue> = Object.create(null);
    for (const [key, member] of Object.entries(value)) {
      const name = encodeKey(key);
      if (name !== key) isPlain = false;
      object[name] = encode(member, depth + 1);
      extraKeys++;
    }
    return object;
  };
  let value: JsonValue;
  try {
    value = encode(JSON.parse(text), 1);
  } catch {
    // The text is not JSON; `parseDocument` reports the error and its position.
    return undefined;
  }
  // `JSON.parse` keeps one of two equal keys: then the text contains more keys than the value.
  const texts = text.replaceAll(/\\./g, "\\").matchAll(STRINGS);
  for (const [whole, colon] of texts) {
    if (colon === undefined) continue;
    extraKeys--;
    // V8 15.0 may confuse an escaped key with another one that it has seen before: `a\u0061` with
    // `a\`.
    if (whole.includes("\\")) isPlain = false;
  }
  return isPlain && extraKeys === 0 ? value : undefined;
}
