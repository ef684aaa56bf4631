/**
 * Reads an ISO 8601 date, or a date and time with a zone, as milliseconds since 1970; undefined if invalid.
 */
export function readInstant(text: string): number | undefined {
  const shape = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
  const [, date = ""] = shape.exec(text) ?? [];
  const midnight = Date.parse(date);
  const instant = Date.parse(text);
  // February 30 would silently become March 2.
  const isReal = !Number.isNaN(instant) && !Number.isNaN(midnight) &&
    new Date(midnight).toISOString().startsWith(date);
  return isReal ? instant : undefined;
}
