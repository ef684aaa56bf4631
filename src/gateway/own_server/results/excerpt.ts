import { countTokens } from "./count_tokens.ts";

/** Number of characters per token of most texts, from which the search for the length begins. */
const CHARS_PER_TOKEN = 5;

/** Share of the head in what is shown of a text. */
const HEAD_SHARE = 2 / 3;

/** The head and the tail of a text, and the range between them, which is left out. */
export interface Excerpt {
  readonly head: string;
  readonly tail: string;
  readonly from: number;
  readonly to: number;
}

/** Options of an excerpt. */
export interface ExcerptOptions {
  /** Maximum number of tokens of what is written. */
  readonly maxTokens: number;
  /** The party of the steps, such as `agent a`. */
  readonly party: string;
  /** Writes an excerpt, with the note about what is left out. */
  readonly write: (excerpt: Excerpt) => string;
}

/**
 * Writes as much of the head and the tail of a text as the limit allows.
 *
 * @returns What `write` returned; it may be above the limit only if nothing of the text fits.
 */
export async function writeExcerpt(
  text: string,
  { maxTokens, party, write }: ExcerptOptions,
): Promise<string> {
  let length = Math.min(maxTokens * CHARS_PER_TOKEN, text.length);
  for (;;) {
    const writtenText = write(takeExcerpt(text, length));
    const tokens = await countTokens(writtenText, { max: Infinity, party });
    if (tokens <= maxTokens || length === 0) return writtenText;
    length = Math.floor(length * Math.min(0.9, maxTokens / tokens));
  }
}

function takeExcerpt(text: string, length: number): Excerpt {
  const headLength = Math.floor(length * HEAD_SHARE);
  const from = endAtLine(text, headLength);
  const to = Math.max(from, startAtLine(text, text.length - (length - headLength)));
  return { head: text.slice(0, from), tail: text.slice(to), from, to };
}

/** Returns the end of a head of `length` code units: the end of a line, if that costs at most half of the head. */
function endAtLine(text: string, length: number): number {
  const end = text.lastIndexOf("\n", length - 1) + 1;
  if (length > 0 && 2 * end >= length) return end;
  return splitsPair(text, length) ? length - 1 : length;
}

/** Returns the start of a tail from a position on: the start of a line, if that costs at most half of the tail. */
function startAtLine(text: string, position: number): number {
  if (position === 0 || text[position - 1] === "\n") return position;
  const start = text.indexOf("\n", position) + 1;
  if (start > 0 && 2 * (text.length - start) >= text.length - position) return start;
  return splitsPair(text, position) ? position + 1 : position;
}

/** Whether a position is between the two halves of a surrogate pair. */
export function splitsPair(text: string, position: number): boolean {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(position - 1, position + 1));
}
