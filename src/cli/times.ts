import { readInstant } from "../config/mod.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Returns the milliseconds of a duration such as `90s` or `2d`; `undefined` if the text is not one. */
function readDuration(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS_MS[unit] ?? 0);
}

/**
 * Reads the time from which entries are included: a duration before now, such as `30m` or `2d`, or a date in ISO 8601.
 *
 * @param now In milliseconds since 1970.
 * @returns Milliseconds since 1970.
 * @throws {SyntaxError} if the text is neither.
 */
export function readSince(text: string, now: number = Date.now()): number {
  const duration = readDuration(text);
  if (duration !== undefined) return now - duration;
  const time = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw new SyntaxError("expected 30m, 1h, 2d or a date such as 2026-01-31T08:00:00Z");
}

/**
 * Reads the time when a token expires: a duration from now, such as `30d`, or a date in ISO 8601.
 *
 * @param now In milliseconds since 1970.
 * @returns A time in ISO 8601; a date is returned as typed.
 * @throws {SyntaxError} if the text is neither, or the time is in the past.
 */
export function readExpiry(text: string, now: number = Date.now()): string {
  const duration = readDuration(text);
  if (duration !== undefined && duration > 0) {
    const time = new Date(now + duration);
    // The rules accept only years of four digits.
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

/** Formats a time to the minute, in the person's time zone; `-` if the value is no time. */
export function formatMinute(time: unknown): string {
  const date = time instanceof Date ? time : new Date(String(time));
  return Number.isNaN(date.getTime()) ? "-" : date.toLocaleString("sv-SE").slice(0, 16);
}
