/**
 * Shortens texts without splitting a character, and makes texts from elsewhere safe to show.
 * A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum length of a text that a slice of it may keep in memory, in UTF-16 code units. */
const MAX_KEPT_LENGTH = 1024;

/** Length below which V8 copies a slice, in UTF-16 code units. */
const MIN_SLICE_LENGTH = 13;

/**
 * Copies a slice of a text, because in V8 a slice keeps the whole text in memory. A slice of a short text, or one
 * that is most of the text, is returned as it is.
 *
 * @param slice A slice of `whole`.
 */
export function detachSlice(slice: string, whole: string): string {
  const isCheap = whole.length <= MAX_KEPT_LENGTH || slice.length < MIN_SLICE_LENGTH ||
    4 * slice.length >= 3 * whole.length;
  if (isCheap) return slice;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(slice));
}

/**
 * Returns at most the first `length` UTF-16 code units of a text, without half a surrogate pair at the end. The result
 * does not keep the rest of the text in memory.
 */
export function startOfText(text: string, length: number): string {
  if (text.length <= length) return text;
  return detachSlice(text.slice(0, length).replace(/[\ud800-\udbff]$/, ""), text);
}

/** Cuts a text that is longer than `length` UTF-16 code units and appends an ellipsis. */
export function shortenText(text: string, length: number): string {
  return text.length <= length ? text : `${startOfText(text, length)}…`;
}

/**
 * Returns the lines of a Markdown text that are plain sentences, each without control characters and invisible
 * characters: no headings, items of lists, quotations, rows of tables, or code.
 */
export function plainLines(markdown: string): string[] {
  return markdown.split(/\r?\n/).map(onOneLine)
    .filter((line) => line !== "" && !/^(?:[#*>|`+-]|\d+[.)] )/.test(line));
}

/** Puts a text on one line, without control characters and invisible characters. */
export function onOneLine(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
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
  return PLAIN.test(json)
    ? json
    : replaceControls(json, (character) => character === "\n" ? character : escapeUnits(character));
}

/**
 * Like `escapeJson`, for a person who has to see everything in a text: characters that look like a space or like
 * nothing, such as fillers and variation selectors, become escapes, too.
 */
export function escapeUnprintable(json: string): string {
  if (PLAIN_LINES.test(json)) return json;
  return json.replace(
    /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu,
    (character) => character === "\n" || character === " " ? character : escapeUnits(character),
  );
}

/** Escapes each UTF-16 code unit of a character as JSON does. */
function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }).join("");
}

function escapeCharacter(character: string): string {
  const shortEscape = SHORT_ESCAPES[character];
  if (shortEscape !== undefined) return shortEscape;
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\u{${digits}}`;
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

/** Cache of the folded forms of characters beyond ASCII; it holds at most all characters of Unicode. */
const foldedCharacters = new Map<string, string>();

/**
 * Returns a text in which letters that differ only in case are equal, by Unicode's simple case folding: each character
 * (code point) stays one.
 *
 * @see {@link https://www.unicode.org/reports/tr44/#Simple_Case_Folding}
 */
export function foldCase(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase();
  let folded = "";
  for (const character of text) {
    let foldedCharacter = foldedCharacters.get(character);
    if (foldedCharacter === undefined) {
      foldedCharacter = foldCharacter(character);
      foldedCharacters.set(character, foldedCharacter);
    }
    folded += foldedCharacter;
  }
  return folded;
}

function foldCharacter(character: string): string {
  // The Turkish letters `ı` and `İ` have no simple case folding.
  if (character === "\u0131" || character === "\u0130") return character;
  const upper = character.toUpperCase();
  const base = isCharacter(upper) ? upper : character;
  const lower = base.toLowerCase();
  return isCharacter(lower) ? lower : base;
}

/** Whether a text is one code point. */
function isCharacter(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) ?? 0) > 0xffff);
}
