import type { Node } from "jsonc-parser";

/** How deep a file may be nested: deeper than any configuration, and far from an overflow. */
export const MAX_NESTING = 64;

/** What JSON can say. Objects have no prototype, and their keys are encoded by `encodeKey`. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object whose keys are encoded by `encodeKey`. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * Makes a key safe to be a property name. `__proto__` is no ordinary name to JavaScript or to
 * zod's records, which skip it in silence, and names like `7` would move to the front. Both get
 * a mark that no schema knows, so that they stay what they are: names in the file's order.
 */
export function encodeKey(key: string): string {
  return key === "__proto__" || key.startsWith("\0") || /^\d+$/.test(key) ? `\0${key}` : key;
}

/** The key as written in the file. */
export function decodeKey(key: string): string {
  return key.startsWith("\0") ? key.slice(1) : key;
}

/** The entries of a record in the file's order, keys as written. */
export function entriesOf<T>(record: { readonly [key: string]: T }): [string, T][] {
  return Object.entries(record).map(([key, value]) => [decodeKey(key), value]);
}

/** Whether a value is an object, neither list nor null. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Builds the value of a syntax tree; of keys that stand twice the first counts. */
export function valueOf(node: Node): JsonValue {
  const children = node.children ?? [];
  if (node.type === "array") return children.map(valueOf);
  if (node.type !== "object") return node.value;
  const object: Record<string, JsonValue> = Object.create(null);
  for (const { children: [key, value] = [] } of children) {
    const name = encodeKey(key?.value);
    if (value !== undefined && !(name in object)) object[name] = valueOf(value);
  }
  return object;
}
