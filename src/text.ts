/**
 * Shortens texts without splitting a character. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Returns at most `length` UTF-16 code units of a text, without half a surrogate pair at the end. */
export function startOfText(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}

/** Cuts a text that is longer than `length` UTF-16 code units and appends an ellipsis. */
export function shortenText(text: string, length: number): string {
  return text.length <= length ? text : `${startOfText(text, length)}…`;
}
