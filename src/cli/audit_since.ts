const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Parses a time: `90s`, `30m`, `1h`, `2d` or `1w` ago, or an ISO 8601 date.
 *
 * @param now In milliseconds since 1970.
 * @returns Milliseconds since 1970.
 * @throws {SyntaxError} if the text is neither.
 */
export function readSince(text: string, now: number = Date.now()): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  if (count !== undefined) return now - Number(count) * (UNITS_MS[unit] ?? 0);
  const time = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw new SyntaxError("expected 30m, 1h, 2d or a date such as 2026-01-31T08:00:00Z");
}
