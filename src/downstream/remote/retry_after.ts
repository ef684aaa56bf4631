/** Limits of the wait that a server can ask for, in milliseconds. */
const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/**
 * Reads the wait that a server asks for.
 *
 * @param value The `Retry-After` header: seconds, or a date.
 * @param now Milliseconds since 1970.
 * @returns Milliseconds; `undefined` if there is no valid value.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#field.retry-after}
 */
export function readRetryAfter(value: string | null, now: number = Date.now()): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, MIN_WAIT_MS), MAX_WAIT_MS);
}
