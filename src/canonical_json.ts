/**
 * Writes JSON in its canonical form, so that equal values have equal texts. A leaf: imports nothing of the project.
 *
 * @module
 */

/** A value that is to be written, or a text between values. */
type Part = { readonly value: unknown } | string;

/**
 * Writes a JSON value in the canonical form of RFC 8785: without spaces, with sorted keys, and with numbers and strings
 * as ECMAScript writes them. Works without recursion, because of deep values.
 *
 * @param value A value as `JSON.parse` returns it.
 * @throws {RangeError} if the value has no canonical form: it has a number that is not finite, or half a surrogate pair.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8785}
 */
export function canonicalJson(value: unknown): string {
  const texts: string[] = [];
  // The parts that are left, the next one last.
  const parts: Part[] = [{ value }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    if (typeof part === "string") texts.push(part);
    else if (typeof part.value === "object" && part.value !== null) {
      for (const inner of partsOf(part.value).reverse()) parts.push(inner);
    } else texts.push(writePrimitive(part.value));
  }
  return texts.join("");
}

function partsOf(value: object): Part[] {
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown, index): Part[] => {
      return index === 0 ? [{ value: item }] : [",", { value: item }];
    });
    return ["[", ...items, "]"];
  }
  // `sort` compares UTF-16 code units, as the RFC does.
  const members = Object.entries(value).sort(([one], [two]) => one < two ? -1 : 1);
  const parts = members.flatMap(([key, member], index): Part[] => {
    return [`${index === 0 ? "" : ","}${writePrimitive(key)}:`, { value: member }];
  });
  return ["{", ...parts, "}"];
}

function writePrimitive(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`JSON has no number ${value}`);
  }
  if (typeof value === "string" && !value.isWellFormed()) {
    throw new RangeError("A string has half a surrogate pair");
  }
  return JSON.stringify(value);
}
