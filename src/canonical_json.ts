/**
 * Writes JSON in its canonical form, so that equal values have equal texts. A leaf: imports nothing of the project.
 *
 * @module
 */

/** An array or object that is being written. */
interface OpenValue {
  readonly values: readonly unknown[];
  /** The keys of the values; absent for an array. */
  readonly keys?: readonly string[];
  /** Index of the next value. */
  next: number;
}

/**
 * Writes a JSON value in the canonical form of RFC 8785: without spaces, with sorted keys, and with numbers and strings
 * as ECMAScript writes them. Works without recursion, because a deep value would exhaust the stack.
 *
 * @param value A value as `JSON.parse` returns it.
 * @throws {RangeError} if the value has no canonical form: it has a number that is not finite, or a lone surrogate.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8785}
 */
export function canonicalJson(value: unknown): string {
  const texts: string[] = [];
  const open: OpenValue[] = [];
  const write = (inner: unknown): void => {
    if (typeof inner !== "object" || inner === null) texts.push(writePrimitive(inner));
    else {
      texts.push(Array.isArray(inner) ? "[" : "{");
      open.push(openValue(inner));
    }
  };
  write(value);
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const { values, keys, next } = last;
    if (next === values.length) {
      texts.push(keys === undefined ? "]" : "}");
      open.pop();
      continue;
    }
    last.next++;
    if (next > 0) texts.push(",");
    if (keys !== undefined) texts.push(writePrimitive(keys[next]), ":");
    write(values[next]);
  }
  return texts.join("");
}

function openValue(value: object): OpenValue {
  if (Array.isArray(value)) return { values: value, next: 0 };
  // `sort` compares UTF-16 code units, as the RFC does.
  const keys = Object.keys(value).sort();
  const members = value as Readonly<Record<string, unknown>>;
  return { values: keys.map((key) => members[key]), keys, next: 0 };
}

function writePrimitive(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`JSON has no number ${value}`);
  }
  if (typeof value === "string" && !value.isWellFormed()) {
    throw new RangeError("A string has a lone surrogate");
  }
  return JSON.stringify(value);
}
