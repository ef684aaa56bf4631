import { hasEscapedKey, readJson } from "../exact_json.ts";
import { compareDecimals, parseDecimal } from "./decimal.ts";

/** The arguments of a call. */
export interface CallArguments {
  /** The text of the JSON object, as it is sent to the server. */
  readonly json: string;
  /** The same, parsed. */
  readonly value: unknown;
}

/** Maximum length of arguments that are judged, in UTF-16 code units: looking for numbers takes up to 50 ns for each. */
const MAX_JUDGED_LENGTH = 4 * 1024 * 1024;

/**
 * Matches a number with more than 15 digits or with an exponent, which `JSON.parse` may round. It also matches some
 * texts in strings.
 */
const INEXACT = /\d[\d.]{15}|\d[eE]/;

/** A number that a JavaScript number may not hold exactly. */
export class WrittenNumber {
  /** The number as it is written. */
  readonly text: string;

  /** @param text The number as it is written. */
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * Returns the arguments with exact numbers: JavaScript numbers if they have at most 15 digits, or else `WrittenNumber`s.
 *
 * @returns `undefined` if they are too long, or have too many values.
 */
export function readExactArguments({ json, value }: CallArguments): { value: unknown } | undefined {
  if (json.length > MAX_JUDGED_LENGTH) return undefined;
  if (!INEXACT.test(json) && !hasEscapedKey(json)) return { value };
  const toNumber = (text: string) => INEXACT.test(text) ? new WrittenNumber(text) : Number(text);
  const read = readJson(json, toNumber);
  return read && { value: read.value };
}

/**
 * Compares a number of the arguments with one of the rules.
 *
 * @returns A negative number if the first is less; `undefined` if it is not a number, or is too large for JavaScript.
 */
export function compareNumbers(value: unknown, ruleNumber: number): number | undefined {
  if (typeof value === "number") return value - ruleNumber;
  if (!(value instanceof WrittenNumber) || !Number.isFinite(Number(value.text))) return undefined;
  return compareDecimals(parseDecimal(value.text), parseDecimal(String(ruleNumber)));
}

/**
 * Whether a value of the arguments equals a value of the rules. Numbers are compared exactly; the order of keys does
 * not matter. Takes at most as many steps as the value of the rules has parts.
 */
export function equalsJson(value: unknown, ruleValue: unknown): boolean {
  if (typeof ruleValue === "number") return compareNumbers(value, ruleValue) === 0;
  if (typeof ruleValue !== "object" || ruleValue === null) return value === ruleValue;
  if (typeof value !== "object" || value === null || value instanceof WrittenNumber) return false;
  if (Array.isArray(ruleValue)) {
    return Array.isArray(value) && value.length === ruleValue.length &&
      ruleValue.every((item, index) => equalsJson(value[index], item));
  }
  if (Array.isArray(value)) return false;
  const entries = Object.entries(ruleValue);
  return Object.keys(value).length === entries.length &&
    entries.every(([key, member]) => {
      return Object.hasOwn(value, key) &&
        equalsJson((value as Record<string, unknown>)[key], member);
    });
}
