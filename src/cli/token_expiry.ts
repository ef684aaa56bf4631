import { readInstant } from "../config/mod.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads when a token is to expire: `30d`, `12h` or the like from now on, or a date in ISO 8601.
 *
 * @param text As typed.
 * @param now In milliseconds since 1970.
 * @returns As ISO 8601; a date as typed.
 * @throws {SyntaxError} It is neither, or in the past.
 */
export function readExpiry(text: string, now: number = Date.now()): string {
  const [, count, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) {
    const time = new Date(now + Number(count) * (UNITS_MS[unit] ?? 0));
    // Years of five digits are not what the rules take.
    if (time.getUTCFullYear() < 10_000) return time.toISOString().replace(/\.\d+Z$/, "Z");
  }
  const instant = readInstant(text);
  if (instant !== undefined && instant > now) return text;
  throw new SyntaxError(
    instant === undefined
      ? "expected 12h, 30d, 8w or a date such as 2027-01-31"
      : "it lies in the past: the token would never count",
  );
}
