import { readPieces } from "./read_pieces.ts";
import type { TextRange } from "./text_range.ts";

/** Length of an escape such as `\u00e9`, in UTF-16 code units. */
const LONG_ESCAPE_LENGTH = 6;

/** A text whose parts can be read without the rest. */
export type ReadableText = Pick<
  TextRange,
  "length" | "lineCount" | "slice" | "lineStart" | "pieces"
>;

/** A part of the string that splits no escape. */
interface Segment {
  /** Position of its first code unit, and the one after its last, in the JSON text. */
  readonly from: number;
  readonly to: number;
  /** Position in the string. */
  readonly start: number;
  /** Number of line feeds before it. */
  readonly linesBefore: number;
}

/**
 * The text of a string in a JSON document. Each part is decoded when it is read, so that neither the string nor its
 * text has to be in memory.
 */
export class StringText implements ReadableText {
  /** Length in UTF-16 code units. */
  readonly length: number;
  /** Number of lines. A line ends after a line feed; the last one may have none. */
  readonly lineCount: number;
  readonly #json: TextRange;
  readonly #segments: readonly Segment[];
  // The segment that was read last, because the next read is usually near it.
  #last: { readonly segment: Segment; readonly text: string } | undefined;

  private constructor(
    json: TextRange,
    segments: readonly Segment[],
    { length, lineCount }: Pick<StringText, "length" | "lineCount">,
  ) {
    this.#json = json;
    this.#segments = segments;
    this.length = length;
    this.lineCount = lineCount;
  }

  /**
   * Measures a string, in steps.
   *
   * @param json A valid string of JSON, with its quotes.
   * @param party The party of the steps, such as `agent a`.
   */
  static async open(json: TextRange, party: string): Promise<StringText> {
    const segments: Segment[] = [];
    let from = 1;
    let start = 0;
    let linesBefore = 0;
    let lastText = "";
    let end = 0;
    const read = (piece: string): void => {
      end = Math.min(end + piece.length, json.length - 1);
      if (end <= from) return;
      const text = json.slice(from, end);
      const to = from + lengthOfWholeEscapes(text);
      if (to === from) return;
      lastText = decode(text.slice(0, to - from));
      segments.push({ from, to, start, linesBefore });
      from = to;
      start += lastText.length;
      linesBefore += countLineFeeds(lastText);
    };
    await readPieces(json, { party, read });
    const lineCount = linesBefore + (start === 0 || lastText.endsWith("\n") ? 0 : 1);
    return new StringText(json, segments, { length: start, lineCount });
  }

  /** Returns the code units from `start` up to `end`. The caller limits their number. */
  slice(start: number, end: number): string {
    const sliceEnd = Math.min(end, this.length);
    let slice = "";
    for (let at = Math.max(0, start); at < sliceEnd;) {
      const segment = this.#lastBefore((segment) => segment.start <= at);
      if (segment === undefined) break;
      const part = this.#read(segment).slice(at - segment.start, sliceEnd - segment.start);
      slice += part;
      at += part.length;
    }
    return slice;
  }

  /** Returns the position of the first code unit of a line; `length` for a line beyond the last. */
  lineStart(line: number): number {
    const segment = this.#lastBefore(({ linesBefore }) => linesBefore < line);
    if (segment === undefined) return 0;
    const text = this.#read(segment);
    let at = 0;
    for (let remaining = line - segment.linesBefore; remaining > 0; remaining--) {
      const lineFeed = text.indexOf("\n", at);
      if (lineFeed < 0) return this.length;
      at = lineFeed + 1;
    }
    return segment.start + at;
  }

  /** Returns the pieces of the text, one at a time. */
  *pieces(): Generator<string> {
    for (const segment of this.#segments) yield this.#read(segment);
  }

  #read(segment: Segment): string {
    if (this.#last?.segment !== segment) {
      this.#last = { segment, text: decode(this.#json.slice(segment.from, segment.to)) };
    }
    return this.#last.text;
  }

  /** Returns the last segment for which a condition holds; it must hold for all segments before that one, too. */
  #lastBefore(holds: (segment: Segment) => boolean): Segment | undefined {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const segment = this.#segments[middle];
      if (segment !== undefined && holds(segment)) low = middle + 1;
      else high = middle;
    }
    return this.#segments[low - 1];
  }
}

function decode(json: string): string {
  return JSON.parse(`"${json}"`);
}

function countLineFeeds(text: string): number {
  return text.split("\n").length - 1;
}

/** Returns the length of a part of a string without an incomplete escape at its end. */
function lengthOfWholeEscapes(text: string): number {
  const backslash = text.lastIndexOf("\\");
  if (backslash < text.length - LONG_ESCAPE_LENGTH) return text.length;
  let firstBackslash = backslash;
  while (text[firstBackslash - 1] === "\\") firstBackslash--;
  // The last of an even number of backslashes ends an escape.
  if ((backslash - firstBackslash) % 2 === 1 || backslash < 0) return text.length;
  const escapeLength = text[backslash + 1] === "u" ? LONG_ESCAPE_LENGTH : 2;
  return backslash + escapeLength > text.length ? backslash : text.length;
}
