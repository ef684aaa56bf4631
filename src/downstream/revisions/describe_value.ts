import { startOfText } from "../../text.ts";

/** Maximum length of a quoted text, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/**
 * Describes the `resultType` of a result that does not complete its request. A server of a newer revision may
 * send that field.
 *
 * @returns `undefined` if the result is complete.
 */
export function describeIncomplete(
  { resultType }: Readonly<Record<string, unknown>>,
): string | undefined {
  if (resultType === undefined || resultType === "complete") return undefined;
  return `resultType ${quoteValue(resultType)}`;
}

/** Quotes the beginning of a text; describes an object by its kind, because it may have millions of members. */
export function quoteValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(startOfText(value, MAX_QUOTE_LENGTH));
  return typeof value === "object" ? describeKind(value) : String(value);
}

/** Describes the kind of a value, with its article. */
export function describeKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
