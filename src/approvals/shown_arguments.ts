import { layOutJson } from "../json_layout.ts";
import { escapeUnprintable } from "../text.ts";

/** Number of levels of arguments that are laid out, one member a line. */
const MAX_LEVELS = 8;

/**
 * Writes arguments for a person, one member a line: every string as it reads, every number as it was written, and every
 * character that cannot be printed as an escape. Nothing is cut, and no layout of the caller remains.
 *
 * @param json The text of a JSON object, which must be valid.
 */
export function shownArguments(json: string): string {
  return escapeUnprintable(layOutJson(json, { levels: MAX_LEVELS }));
}

/** Writes a name for a person, in quotes, with every character that cannot be printed as an escape. */
export function shownName(name: string): string {
  return escapeUnprintable(JSON.stringify(name));
}
