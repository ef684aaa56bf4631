import { layOutJson } from "../json_layout.ts";
import { escapeUnprintable } from "../text.ts";

/** Number of levels of arguments that are laid out, one member a line. */
const MAX_LEVELS = 8;

/**
 * Formats arguments for a person, one member a line: every string as it reads, every number as it was written, and every
 * character that cannot be printed as an escape. Nothing is cut, and the caller's own layout is removed.
 *
 * @param json The text of a JSON object, which must be valid.
 */
export function formatArguments(json: string): string {
  return escapeUnprintable(layOutJson(json, { levels: MAX_LEVELS }));
}

/** Formats a name for a person, in quotes, with every character that cannot be printed as an escape. */
export function formatName(name: string): string {
  return escapeUnprintable(JSON.stringify(name));
}
