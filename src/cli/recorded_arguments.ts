import { parseArgumentPointer } from "../argument_pointer.ts";
import { isRecord } from "../json.ts";
import { REDACTED } from "../redact.ts";
import type { CallArguments } from "../policy/mod.ts";

/**
 * Maximum size of arguments that conditions have certainly judged, in bytes. Longer arguments may have had too many values
 * to be judged, although their excerpt in the log has fewer.
 */
const MAX_JUDGED_BYTES = 200_000;

/** Ends a text that was cut to fit into the log. */
const ELLIPSIS = "…";

/**
 * Returns the arguments of a recorded call; `undefined` if conditions may judge them otherwise than those that were sent,
 * because the log has a judged argument cut, or with a secret removed.
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
  const hasAllKeys = !Object.keys(value).some(mayDiffer);
  for (const name of names) {
    const [key] = parseArgumentPointer(name) ?? [];
    if (key === undefined) return undefined;
    const isKnown = Object.hasOwn(value, key) ? !mayDiffer(value[key]) : hasAllKeys;
    if (!isKnown) return undefined;
  }
  return { json, value };
}

/** Whether a value in the log may differ from the one that was sent. */
function mayDiffer(value: unknown): boolean {
  if (typeof value === "string") {
    // The log has JSON in a string without its blanks.
    return value.includes(REDACTED) || value.includes(ELLIPSIS) || /^\s*[[{]/.test(value);
  }
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, member]) => mayDiffer(key) || mayDiffer(member));
}
