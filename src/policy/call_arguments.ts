import { hasEscapedKey, readJson } from "../exact_json.ts";
import { compareDecimals, type Decimal, parseDecimal } from "../decimal.ts";

/** The arguments of a call. */
export interface CallArguments {
  /** The text of the JSON object, as it is sent to the server. */
  readonly json: string;
  /** The same, parsed. */
  readonly value: unknown;
}

/** Maximum length of arguments that are judged, in UTF-16 code units: looking for numbers takes up to 50 ns for each. */
const MAX_JUDGED_LENGTH = 4 * 1024 * 1024;

/** Maximum length of a number that is judged, in UTF-16 code units: reading one takes V8 15 ns for each. */
const MAX_NUMBER_LENGTH = 1000;

/**
 * Matches a number with more than 15 digits or with an exponent, which `JSON.parse` may round. It also matches some
 * texts in strings.
 */
const MAY_BE_ROUNDED = /\d[\d.]{15}|\d[eE]/;

/** A number that a JavaScript number may not hold exactly. */
export class ExactNumber {
  /** The number as it is written. */
  readonly text: string;
  /** The nearest JavaScript number. */
  readonly nearest: number;
  #decimal: Decimal | undefined;

  /** @param text The number as it is written. */
  constructor(text: string) {
    this.text = text;
    this.nearest = Number(text);
  }

  /** The exact number. */
  get decimal(): Decimal {
    return this.#decimal ??= parseDecimal(this.text);
  }
}

/** The work that is left to judge a call, in units of about 13 ns: a character that is compared with a pattern. */
export interface Work {
  /** The units; negative if there was too much to judge. */
  left: number;
}

/** Units of work for a call: all conditions together judge it in about 0.1 s. */
const MAX_WORK = 8 * 1024 * 1024;

/** Takes units of the work that is left; returns whether there were enough. */
export function takeWork(work: Work, units: number): boolean {
  work.left -= units;
  return work.left >= 0;
}

/** The arguments of a call as conditions judge them. */
export interface ExactArguments {
  /** The value, with exact numbers. */
  readonly value: unknown;
  readonly work: Work;
}

/**
 * Returns the arguments with exact numbers: JavaScript numbers if they have at most 15 digits, or else `ExactNumber`s.
 *
 * @returns `undefined` if they or one of their numbers are too long, or if they have too many values.
 */
export function readExactArguments({ json, value }: CallArguments): ExactArguments | undefined {
  const work = { left: MAX_WORK };
  if (json.length > MAX_JUDGED_LENGTH) return undefined;
  if (!MAY_BE_ROUNDED.test(json) && !hasEscapedKey(json)) return { value, work };
  let hasLongNumber = false;
  const toNumber = (text: string) => {
    if (!MAY_BE_ROUNDED.test(text)) return Number(text);
    hasLongNumber ||= text.length > MAX_NUMBER_LENGTH;
    return hasLongNumber ? undefined : new ExactNumber(text);
  };
  const exactJson = readJson(json, toNumber);
  return exactJson === undefined || hasLongNumber ? undefined : { value: exactJson.value, work };
}

/**
 * Compares a number in the arguments with one in the rules twice: as it is written, and rounded to a JavaScript number, as
 * many programs read it.
 *
 * @returns The order in each reading, negative if the first number is less; one order if both are the same. `undefined`
 * if the value is not a number, or is too large for JavaScript.
 */
export function compareNumbers(value: unknown, ruleNumber: number): readonly number[] | undefined {
  if (typeof value === "number") return [value - ruleNumber];
  if (!(value instanceof ExactNumber) || !Number.isFinite(value.nearest)) return undefined;
  // Rounding keeps the order of numbers, unless it makes them equal.
  if (value.nearest !== ruleNumber) return [value.nearest - ruleNumber];
  const order = compareDecimals(value.decimal, parseDecimal(String(ruleNumber)));
  return order === 0 ? [0] : [order, 0];
}

/**
 * Whether a value of the arguments equals a value of the rules; `undefined` if it does so only for programs that round
 * numbers. The order of keys does not matter. Takes at most as many steps as the value of the rules has parts.
 */
export function equalsJson(value: unknown, ruleValue: unknown): boolean | undefined {
  if (typeof ruleValue === "number") {
    const orders = compareNumbers(value, ruleValue) ?? [];
    return agree(orders.map((order) => order === 0));
  }
  if (typeof ruleValue !== "object" || ruleValue === null) return value === ruleValue;
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return false;
  if (Array.isArray(ruleValue)) {
    return Array.isArray(value) && value.length === ruleValue.length &&
      every(ruleValue, (item, index) => equalsJson(value[index], item));
  }
  if (Array.isArray(value)) return false;
  const entries = Object.entries(ruleValue);
  const result = every(entries, ([key, member]) => {
    return Object.hasOwn(value, key) &&
      equalsJson((value as Record<string, unknown>)[key], member);
  });
  // The value may have far more members, which are counted last.
  return result !== false && Object.keys(value).length === entries.length ? result : false;
}

/** The result that all readings of a value have; `undefined` if they differ. */
export function agree(results: readonly boolean[]): boolean | undefined {
  const [first = false, ...others] = results;
  return others.every((result) => result === first) ? first : undefined;
}

/** Whether all items pass a check: `false` if one fails, `undefined` if none fails but one cannot be judged. */
function every<T>(
  items: readonly T[],
  check: (item: T, index: number) => boolean | undefined,
): boolean | undefined {
  let result: boolean | undefined = true;
  for (const [index, item] of items.entries()) {
    const itemResult = check(item, index);
    if (itemResult === false) return false;
    if (itemResult === undefined) result = undefined;
  }
  return result;
}
