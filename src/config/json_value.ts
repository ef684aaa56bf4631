import type { Node } from "jsonc-parser";
import { isRecord } from "../json.ts";

/** Maximum nesting of a file: deeper than any configuration, and far from a stack overflow. */
export const MAX_NESTING = 64;

/** A JSON value. Objects have no prototype, and their keys are encoded by `encodeKey`. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object whose keys are encoded by `encodeKey`. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * Encodes a key as a safe property name. JavaScript treats `__proto__` specially, zod's records
 * silently skip it, and names like `7` would move to the front. Such keys get a prefix, so that they
 * keep the file's order.
 */
export function encodeKey(key: string): string {
  return key === "__proto__" || key.startsWith("\0") || /^\d+$/.test(key) ? `\0${key}` : key;
}

/** Returns a key as it is written in the file. */
export function decodeKey(key: string): string {
  return key.startsWith("\0") ? key.slice(1) : key;
}

/** Returns the entries of a record in the file's order, keys as written. */
export function entriesOf<T>(record: { readonly [key: string]: T }): [string, T][] {
  return Object.entries(record).map(([key, value]) => [decodeKey(key), value]);
}

/** Whether a value is an object, not a list or null. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return isRecord(value);
}

const NO_MEMBERS: JsonObject = Object.create(null);

/** Returns the object at a path of keys; an empty object if there is no object. */
export function objectAt(value: JsonValue | undefined, ...path: readonly string[]): JsonObject {
  let inner = value;
  for (const key of path) inner = isObject(inner) ? inner[key] : undefined;
  return isObject(inner) ? inner : NO_MEMBERS;
}

/** Builds the value of a syntax tree; the first of two equal keys wins. */
export function buildValue(node: Node): JsonValue {
  const children = node.children ?? [];
  if (node.type === "array") return children.map(buildValue);
  if (node.type !== "object") return node.value;
  const object: Record<string, JsonValue> = Object.create(null);
  for (const { children: [key, value] = [] } of children) {
    const name = encodeKey(key?.value);
    if (value !== undefined && !(name in object)) object[name] = buildValue(value);
  }
  return object;
}
