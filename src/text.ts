/**
 * Shortens texts without splitting a character, and makes texts from elsewhere safe to show.
 * A leaf: imports nothing of the project.
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

/** Matches printable ASCII, which needs no escapes. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Like `PLAIN`, for a text of several lines. */
const PLAIN_LINES = /^[\x20-\x7e\n\t]*$/;

/** Replaces characters that move a cursor, break a line, or reorder or hide a text. */
function replaceControls(text: string, replace: (character: string) => string): string {
  // As a constant, the pattern would take a millisecond of each start.
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, replace);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Returns a text from elsewhere as one line that is safe to show: control characters become escapes, such as
 * `\n`, `\x1b` and `\u202e`.
 */
export function escapeControls(text: string): string {
  return PLAIN.test(text) ? text : replaceControls(text, escapeCharacter);
}

/** Like `escapeControls`, for a text of several lines: line feeds and tabs stay. */
export function escapeLines(text: string): string {
  return PLAIN_LINES.test(text) ? text : replaceControls(text, (character) => {
    return character === "\n" || character === "\t" ? character : escapeCharacter(character);
  });
}

/**
 * Escapes control characters in JSON text; its values stay the same. Line feeds stay, because they are only
 * between tokens.
 */
export function escapeJson(json: string): string {
  return PLAIN.test(json) ? json : replaceControls(json, (character) => {
    if (character === "\n") return character;
    return Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
    }).join("");
  });
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return SHORT_ESCAPES[character] ??
    (code < 0x100
      ? `\\x${digits.padStart(2, "0")}`
      : code < 0x10000
      ? `\\u${digits.padStart(4, "0")}`
      : `\\u{${digits}}`);
}

/** Quotes a text whose control characters are escaped already; JSON would escape them again. */
export function quoteEscaped(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`;
}

/** The sequences with which a program colors its output and moves the cursor. */
// deno-lint-ignore no-control-regex
const TERMINAL_SEQUENCE = /\x1b\[[0-?]*[ -/]*[@-~]/g;

/** Removes the terminal sequences from a program's output. */
export function withoutTerminalSequences(text: string): string {
  return text.includes("\x1b[") ? text.replace(TERMINAL_SEQUENCE, "") : text;
}

/** The beginning of a line that is quoted from elsewhere. */
export const QUOTE_MARK = "> ";

/** Marks the lines of a quotation, so that no quoted line looks like a line of the text around it. */
export function quoteLines(text: string): string {
  return text.replace(/^/gm, QUOTE_MARK);
}

/** Removes the marks of a quotation. */
export function unquoteLines(text: string): string {
  return text.replaceAll(/^> /gm, "");
}
