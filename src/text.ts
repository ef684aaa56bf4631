/**
 * Cuts texts without breaking a character in two. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The beginning of a text: at most so many UTF-16 code units, and no half of a surrogate pair. */
export function startOfText(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}

/** A text that is longer than so many UTF-16 code units, cut there and with an ellipsis. */
export function shortenText(text: string, length: number): string {
  return text.length <= length ? text : `${startOfText(text, length)}…`;
}
