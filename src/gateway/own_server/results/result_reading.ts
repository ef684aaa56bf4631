import { parseArgumentPointer } from "../../../argument_pointer.ts";
import { CallerError } from "../../../errors.ts";
import { longWork } from "../../../long_work.ts";
import { shortenText } from "../../../text.ts";
import { countTokens } from "./count_tokens.ts";
import { splitsPair } from "./excerpt.ts";
import { TextDropped } from "./kept_text.ts";
import { LineSearch, LONG_LINE_LENGTH, type MatchingLine } from "./line_search.ts";
import { InvalidJson, PointerScan } from "./pointer_scan.ts";
import { readPieces } from "./read_pieces.ts";
import { KEPT_MINUTES, type KeptResult } from "./result_store.ts";
import { type ReadableText, StringText } from "./string_text.ts";
import { TextRange } from "./text_range.ts";

/** Maximum number of characters per token, from which the search for the length of an answer begins. */
const CHARS_PER_TOKEN = 5;

/** Maximum length of an answer, in UTF-16 code units. */
const MAX_LENGTH = 1024 * 1024;

/** Number of characters that are shown before and after a text in a long line. */
const CONTEXT_LENGTH = 200;

/** Maximum number of tokens of an answer for code, which no model reads. */
export const NESTED_MAX_TOKENS: number = MAX_LENGTH;

/** The arguments of `read_result`, besides the handle. */
export interface ReadArguments {
  /** Position of the first character or line, counted from 0. */
  readonly offset?: number | undefined;
  /** Maximum number of characters or lines. */
  readonly limit?: number | undefined;
  /** The unit of `offset` and `limit`; default: characters. */
  readonly unit?: "chars" | "lines" | undefined;
  /** Only lines that hold this text. */
  readonly grep?: string | undefined;
  /** JSON pointer of the value to read. */
  readonly path?: string | undefined;
}

/** A part of a result. */
export interface ReadAnswer {
  /** The part; with `grep`, the lines that hold the text, with their numbers. */
  readonly text: string;
  /** The unit of the positions. */
  readonly unit: "chars" | "lines";
  /** Position of the first character or line of the text. */
  readonly offset: number;
  /** Position of the next part; absent if this is the last one. */
  readonly next_offset?: number;
  /** Number of all characters or lines. */
  readonly total: number;
}

/** The limit of an answer. */
export interface ReadLimits {
  /** Maximum number of tokens of the answer as JSON. */
  readonly maxTokens: number;
  /** The party of the steps, such as `agent a`. */
  readonly party: string;
}

/** Creates the error for an unknown handle. It is the same for every reason, so that agents learn nothing of others. */
export function unknownHandle(): CallerError {
  const message = "No result is kept under this handle for you on this connection.";
  const hint =
    `Results are kept for ${KEPT_MINUTES} minutes at most, and only for the agent and connection that received the ` +
    "handle. Call the tool again.";
  return new CallerError("INVALID_ARGUMENTS", message, { hint });
}

/**
 * Reads a part of a result, in steps.
 *
 * @throws {CallerError} `INVALID_ARGUMENTS`, with what to do instead.
 */
export async function readResult(
  kept: KeptResult,
  { args, ...limits }: ReadLimits & { readonly args: ReadArguments },
): Promise<ReadAnswer> {
  try {
    const range = args.path === undefined
      ? new TextRange(kept.text)
      : await findValue(kept, { path: args.path, ...limits });
    if (args.grep !== undefined) {
      return await readMatches(range, { ...args, grep: args.grep }, limits);
    }
    return args.unit === "lines"
      ? await readLines(range, args, limits)
      : await readChars(range, args, limits);
  } catch (error) {
    if (error instanceof TextDropped) throw unknownHandle();
    throw error;
  }
}

async function findValue(
  { text }: KeptResult,
  { path, party }: { readonly path: string; readonly party: string },
): Promise<ReadableText> {
  const keys = readPointer(path);
  if (keys === undefined) {
    throw invalidArguments(`"path" is not a JSON pointer: ${JSON.stringify(path)}.`, {
      hint: 'A pointer is empty, or each of its keys begins with "/", as in /items/0/name.',
    });
  }
  const scan = new PointerScan(keys);
  try {
    await readPieces(new TextRange(text), { party, read: (piece) => scan.read(piece) });
    const range = scan.end();
    if (range !== undefined) return await openValue(new TextRange(text, range), party);
  } catch (error) {
    if (!(error instanceof InvalidJson)) throw error;
    const message =
      `The result is not JSON (at character ${error.position}), so "path" cannot be used.`;
    throw invalidArguments(message, { hint: 'Leave out "path".' });
  }
  throw invalidArguments(`The result has no value at ${JSON.stringify(path)}.`, {
    hint: "Read a shorter path to see the keys there.",
  });
}

/** Opens a value: a string as its text, so that it has lines, and any other value as JSON. */
async function openValue(range: TextRange, party: string): Promise<ReadableText> {
  return range.slice(0, 1) === '"' ? await StringText.open(range, party) : range;
}

/** @see {@link https://www.rfc-editor.org/rfc/rfc6901} */
function readPointer(path: string): readonly string[] | undefined {
  if (path === "") return [];
  return path.startsWith("/") ? parseArgumentPointer(path) : undefined;
}

async function readChars(
  range: ReadableText,
  { offset = 0, limit = Infinity }: ReadArguments,
  limits: ReadLimits,
): Promise<ReadAnswer> {
  const { length: total } = range;
  checkOffset(offset, { total, unit: "characters" });
  const start = splitsPairAt(range, offset) ? offset - 1 : offset;
  const maxCount = Math.min(limit, total - start, maxAnswerLength(limits));
  const build = (length: number): ReadAnswer => {
    const end = avoidSplitPair(range, { start, end: Math.min(start + length, total) });
    return {
      text: range.slice(start, end),
      unit: "chars",
      offset: start,
      ...nextOffset(end, total),
      total,
    };
  };
  return await fitToLimit(limits, { maxCount, build, shorten: () => build(1) });
}

/** Returns the end of a part that splits no surrogate pair. A pair is read whole, even if the limit is one character. */
function avoidSplitPair(
  range: ReadableText,
  { start, end }: { readonly start: number; readonly end: number },
): number {
  if (!splitsPairAt(range, end)) return end;
  return end - start > 1 ? end - 1 : end + 1;
}

function splitsPairAt(range: ReadableText, position: number): boolean {
  return position > 0 && splitsPair(range.slice(position - 1, position + 1), 1);
}

async function readLines(
  range: ReadableText,
  { offset = 0, limit = Infinity }: ReadArguments,
  limits: ReadLimits,
): Promise<ReadAnswer> {
  const { lineCount: total } = range;
  checkOffset(offset, { total, unit: "lines" });
  const start = range.lineStart(offset);
  const text = range.slice(start, start + maxAnswerLength(limits));
  const isRest = start + text.length === range.length;
  const lines = text.match(isRest ? /[^\n]*\n|[^\n]+$/g : /[^\n]*\n/g) ?? [];
  const failAsTooLong = (): never => {
    const length = range.lineStart(offset + 1) - start;
    const message = `Line ${offset} has ${length} characters, which are too many for one answer.`;
    throw invalidArguments(message, { hint: `Read it with unit "chars" from offset ${start}.` });
  };
  if (lines.length === 0 && total > offset) return failAsTooLong();
  const build = (count: number): ReadAnswer => {
    const part = lines.slice(0, count).join("");
    return { text: part, unit: "lines", offset, ...nextOffset(offset + count, total), total };
  };
  const maxCount = Math.min(limit, lines.length);
  return await fitToLimit(limits, { maxCount, build, shorten: failAsTooLong });
}

async function readMatches(
  range: ReadableText,
  { grep, offset = 0, limit = Infinity }: ReadArguments & { readonly grep: string },
  limits: ReadLimits,
): Promise<ReadAnswer> {
  if (grep === "" || grep.includes("\n")) {
    throw invalidArguments('"grep" must be a text on one line.', {
      hint: "Search for a part of one line.",
    });
  }
  // Each line takes at least one token.
  const search = new LineSearch(grep, { offset, limit: Math.min(limit, limits.maxTokens) });
  await readPieces(range, { party: limits.party, read: (piece) => search.read(piece) });
  const { count: total, lines } = search;
  checkOffset(offset, { total, unit: "lines that hold the text" });
  const rows: string[] = [];
  let length = 0;
  for (const line of lines) {
    const row = await longWork.runOrWait(limits.party, () => writeRow(range, { line, grep }));
    length += row.length;
    if (rows.length > 0 && length > maxAnswerLength(limits)) break;
    rows.push(row);
  }
  const [first] = lines;
  const writeFirst = (options: PartOptions): string => {
    return first === undefined ? "" : writeAround(range, { line: first, grep }, options);
  };
  const write = (text: string, count: number): ReadAnswer => {
    return { text, unit: "lines", offset, ...nextOffset(offset + count, total), total };
  };
  return await fitToLimit(limits, {
    maxCount: rows.length,
    build: (count) => write(rows.slice(0, count).join("\n"), count),
    // The row of a single line keeps the text, with less around it.
    shorten: () =>
      fitToLimit(limits, {
        maxCount: CONTEXT_LENGTH,
        build: (context) => write(writeFirst({ context }), 1),
        shorten: () => {
          const maxLength = Math.floor(limits.maxTokens / 4);
          return write(writeFirst({ context: 0, maxLength }), 1);
        },
      }),
  });
}

/** A text and a line that holds it. */
interface Match {
  readonly line: MatchingLine;
  readonly grep: string;
}

/** Options of a part of a line. */
interface PartOptions {
  /** Maximum number of characters before and after the text. */
  readonly context: number;
  /** Maximum number of characters in all. Default: no limit. */
  readonly maxLength?: number;
}

/** Writes a line with its number; if the line is long, only its part around the text. */
function writeRow(range: ReadableText, match: Match): string {
  const { line, start } = match.line;
  const text = range.slice(start, start + LONG_LINE_LENGTH + 1);
  const lineFeed = text.indexOf("\n");
  if (lineFeed >= 0) return `${line}: ${text.slice(0, lineFeed)}`;
  if (text.length <= LONG_LINE_LENGTH) return `${line}: ${text}`;
  return writeAround(range, match, { context: CONTEXT_LENGTH });
}

/** Writes the part of a line around the text, with its position and that of the text. */
function writeAround(
  range: ReadableText,
  { line: { line, start, at }, grep }: Match,
  { context, maxLength = Infinity }: PartOptions,
): string {
  const before = Math.max(start, at - context);
  const from = before < at && splitsPairAt(range, before) ? before + 1 : before;
  const after = at + grep.length + context;
  const end = context > 0 && splitsPairAt(range, after) ? after - 1 : after;
  const [part = ""] = range.slice(from, end).split("\n", 1);
  return `${line} (from character ${from}, found at ${at}): ${shortenText(part, maxLength)}`;
}

/** An answer that may have to be shortened. */
interface AdjustableAnswer {
  /** Maximum number of characters or lines. */
  readonly maxCount: number;
  /** Writes the answer with this number of characters or lines. */
  readonly build: (count: number) => ReadAnswer;
  /** Writes the answer if a single character or line is above the limit. */
  readonly shorten: () => ReadAnswer | Promise<ReadAnswer>;
}

/** Returns an answer that is within the limit. */
async function fitToLimit(
  { maxTokens, party }: ReadLimits,
  { maxCount, build, shorten }: AdjustableAnswer,
): Promise<ReadAnswer> {
  for (let count = maxCount;;) {
    const answer = build(count);
    const tokens = await countTokens(JSON.stringify(answer), { max: Infinity, party });
    if (tokens <= maxTokens || count === 0) return answer;
    if (count === 1) return await shorten();
    count = Math.max(1, Math.floor(count * Math.min(0.9, maxTokens / tokens)));
  }
}

function maxAnswerLength({ maxTokens }: ReadLimits): number {
  return Math.min(MAX_LENGTH, CHARS_PER_TOKEN * maxTokens);
}

function nextOffset(next: number, total: number): { next_offset?: number } {
  return next < total ? { next_offset: next } : {};
}

function checkOffset(
  offset: number,
  { total, unit }: { readonly total: number; readonly unit: string },
): void {
  if (offset <= total) return;
  const message = `"offset" is ${offset}, which is beyond the end: there are ${total} ${unit}.`;
  throw invalidArguments(message, { hint: `Use an offset of at most ${total}.` });
}

function invalidArguments(message: string, details: { readonly hint: string }): CallerError {
  return new CallerError("INVALID_ARGUMENTS", message, details);
}
