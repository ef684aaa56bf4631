import { parseArgumentPointer } from "../argument_pointer.ts";
import { isRecord } from "../json.ts";
import { REDACTED } from "../redact.ts";
import type { CallArguments } from "../policy/mod.ts";

/**
 * Maximum size of arguments that conditions certainly judged, in bytes: longer ones may have had too many values to be
 * judged, while what the log has of them does not.
 */
const MAX_JUDGED_BYTES = 200_000;

/** Marks what did not fit the log. */
const ELLIPSIS = "…";

/**
 * Returns the arguments of a recorded call, if conditions on some of them judge what the log has as they judged what
 * was sent: the log has these arguments whole, and without a secret that was removed.
 *
 * @param json The arguments in the log.
 * @param options `names`: the keys and JSON pointers of the arguments that are judged; `sentBytes`: size of the
 * arguments as they were sent.
 */
export function readRecordedArguments(
  json: string,
  { names, sentBytes }: { readonly names: Iterable<string>; readonly sentBytes?: number },
): CallArguments | undefined {
  if (sentBytes !== undefined && sentBytes > MAX_JUDGED_BYTES) return undefined;
  const value: unknown = JSON.parse(json);
  if (!isRecord(value)) return undefined;
  const hasAllKeys = !Object.keys(value).some(isChanged);
  for (const name of names) {
    const [key] = parseArgumentPointer(name) ?? [];
    if (key === undefined) return undefined;
    const isKnown = Object.hasOwn(value, key) ? !isChanged(value[key]) : hasAllKeys;
    if (!isKnown) return undefined;
  }
  return { json, value };
}

/** Whether the log may have another value than the one that was sent. */
function isChanged(value: unknown): boolean {
  if (typeof value === "string") {
    // JSON in a string is written without blanks.
    return value.includes(REDACTED) || value.includes(ELLIPSIS) || /^\s*[[{]/.test(value);
  }
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, member]) => isChanged(key) || isChanged(member));
}
