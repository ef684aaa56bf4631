/**
 * Compares numbers of any size and precision. A leaf: imports nothing of the project.
 *
 * @module
 */

/** A number of any size and precision: 0.`digits` · 10^`exponent`, times `sign`. */
export interface Decimal {
  /** The sign; 0 for zero. */
  readonly sign: -1 | 0 | 1;
  /** The digits, without zeros at either end. */
  readonly digits: string;
  /** The power of ten. */
  readonly exponent: number;
}

const ZERO: Decimal = { sign: 0, digits: "", exponent: 0 };

/** Reads the text of a number in JSON. */
export function parseDecimal(text: string): Decimal {
  const [, minus, whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const allDigits = whole + fraction;
  const start = allDigits.search(/[1-9]/);
  if (start < 0) return ZERO;
  let end = allDigits.length;
  while (allDigits[end - 1] === "0") end--;
  return {
    sign: minus === "-" ? -1 : 1,
    digits: allDigits.slice(start, end),
    exponent: whole.length - start + Number(exponent),
  };
}

/** Compares two numbers; the result is negative if the left one is less. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  if (left.sign !== right.sign) return left.sign - right.sign;
  if (left.exponent !== right.exponent) {
    return left.exponent < right.exponent ? -left.sign : left.sign;
  }
  if (left.digits === right.digits) return 0;
  return left.digits < right.digits ? -left.sign : left.sign;
}
