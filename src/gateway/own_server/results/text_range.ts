import type { KeptText } from "./kept_text.ts";

/** A part of a kept text, such as one value of a JSON document; positions and lines count from its beginning. */
export class TextRange {
  /** Length in UTF-16 code units. */
  readonly length: number;
  readonly #text: KeptText;
  readonly #start: number;
  // The piece that was read last, because the next read is usually near it.
  #piece: { readonly index: number; readonly text: string } | undefined;

  /**
   * Creates a range.
   *
   * @param range Its start and end in the text; by default the whole text.
   */
  constructor(
    text: KeptText,
    range: { readonly start: number; readonly end: number } = { start: 0, end: text.length },
  ) {
    this.#text = text;
    this.#start = range.start;
    this.length = range.end - range.start;
  }

  /** Number of lines. A line ends after a line feed; the last one may have none. */
  get lineCount(): number {
    if (this.length === 0) return 0;
    const lineFeeds = this.#text.lineAt(this.#start + this.length) - this.#firstLine;
    return lineFeeds + (this.slice(this.length - 1, this.length) === "\n" ? 0 : 1);
  }

  /** Returns the code units from `start` up to `end`. The caller limits their number. */
  slice(start: number, end: number): string {
    return this.#read(this.#start + start, this.#start + Math.min(end, this.length));
  }

  /** Returns the position of the first code unit of a line; `length` for a line beyond the last. */
  lineStart(line: number): number {
    if (line === 0) return 0;
    return Math.min(this.#text.lineStart(this.#firstLine + line) - this.#start, this.length);
  }

  /** Returns the pieces of the range, one at a time. */
  *pieces(): Generator<string> {
    const { pieceLength } = this.#text;
    const end = this.#start + this.length;
    for (let at = this.#start; at < end;) {
      const pieceEnd = Math.min(end, (Math.floor(at / pieceLength) + 1) * pieceLength);
      yield this.#read(at, pieceEnd);
      at = pieceEnd;
    }
  }

  #read(start: number, end: number): string {
    const { pieceLength } = this.#text;
    const index = Math.floor(start / pieceLength);
    const pieceStart = index * pieceLength;
    if (end > pieceStart + pieceLength) return this.#text.slice(start, end);
    if (this.#piece?.index !== index) {
      this.#piece = { index, text: this.#text.slice(pieceStart, pieceStart + pieceLength) };
    }
    return this.#piece.text.slice(start - pieceStart, end - pieceStart);
  }

  get #firstLine(): number {
    return this.#text.lineAt(this.#start);
  }
}
