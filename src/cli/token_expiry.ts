import { readInstant } from "../config/mod.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Parses the expiry of a token: `30d`, `12h` or the like from now, or an ISO 8601 date.
 *
 * @param now In milliseconds since 1970.
 * @returns The time as ISO 8601; a date is returned as typed.
 * @throws {SyntaxError} if the text is neither, or in the past.
 */
export function readExpiry(text: string, now: number = Date.now()): string {
  const [, count, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) {
    const time = new Date(now + Number(count) * (UNITS_MS[unit] ?? 0));
    // The rules do not accept years of five digits.
    if (time.getUTCFullYear() < 10_000) return time.toISOString().replace(/\.\d+Z$/, "Z");
  }
  const instant = readInstant(text);
  if (instant !== undefined && instant > now) return text;
  throw new SyntaxError(
    instant === undefined
      ? "expected 12h, 30d, 8w or a date such as 2027-01-31"
      : "the date is in the past, so the token would never be valid",
  );
}
