/** Length of the parts into which a longer line is split, in UTF-16 code units. Each counts as a line of its own. */
export const LONG_LINE_LENGTH = 1000;

/** A line that holds the text. */
export interface MatchingLine {
  /** Number of the line, counted from 0. */
  readonly line: number;
  /** Position of its first code unit. */
  readonly start: number;
  /** Position of the first match in the line, counted like `start`. */
  readonly at: number;
}

/** Finds the lines that hold a text, in a text that is read piece by piece. */
export class LineSearch {
  readonly #needle: string;
  readonly #offset: number;
  readonly #limit: number;
  readonly #lines: MatchingLine[] = [];
  #count = 0;
  // The end of the pieces so far, in which a match may begin.
  #rest = "";
  #restStart = 0;
  #line = 0;
  #lineStart = 0;
  // Up to here, the line feeds have been counted and the matches found.
  #countedUntil = 0;
  #searchedUntil = 0;

  /**
   * Starts before the first piece.
   *
   * @param needle The text to find, on one line and not empty.
   * @param options Number of lines to skip, and maximum number of lines to return.
   */
  constructor(
    needle: string,
    { offset, limit }: { readonly offset: number; readonly limit: number },
  ) {
    this.#needle = needle;
    this.#offset = offset;
    this.#limit = limit;
  }

  /** Number of all lines that hold the text. */
  get count(): number {
    return this.#count;
  }

  /** The lines that hold the text, without those to skip. */
  get lines(): readonly MatchingLine[] {
    return this.#lines;
  }

  /** Reads the next piece. */
  read(piece: string): void {
    const text = this.#rest + piece;
    const start = this.#restStart;
    const end = start + text.length;
    this.#resumeAfterLine(text);
    for (;;) {
      const index = text.indexOf(this.#needle, this.#searchedUntil - start);
      if (index < 0) break;
      const at = start + index;
      this.#countLines(text, at);
      this.#addMatch(at);
      this.#searchedUntil = this.#endOfPart(text, at);
    }
    this.#countLines(text, end);
    const restLength = Math.min(this.#needle.length - 1, text.length);
    this.#rest = text.slice(text.length - restLength);
    this.#restStart = end - restLength;
    this.#searchedUntil = Math.max(this.#searchedUntil, this.#restStart);
  }

  /** If the line of the last match ends in this piece, resumes the search after that end. */
  #resumeAfterLine(text: string): void {
    const [from, to] = [this.#countedUntil, this.#searchedUntil];
    if (from >= to) return;
    const lineFeed = text.slice(from - this.#restStart, to - this.#restStart).indexOf("\n");
    if (lineFeed >= 0) this.#searchedUntil = from + lineFeed + 1;
  }

  #addMatch(at: number): void {
    const isReturned = this.#count >= this.#offset && this.#lines.length < this.#limit;
    if (isReturned) this.#lines.push({ line: this.#line, start: this.#lineStart, at });
    this.#count++;
  }

  /** Returns the end of the line that holds a position, or of the part of it if the line is long. */
  #endOfPart(text: string, at: number): number {
    const partCount = Math.floor((at - this.#lineStart) / LONG_LINE_LENGTH) + 1;
    const end = this.#lineStart + partCount * LONG_LINE_LENGTH;
    const lineFeed = text.slice(at - this.#restStart, end - this.#restStart).indexOf("\n");
    return lineFeed < 0 ? end : at + lineFeed + 1;
  }

  /** Counts the line feeds before a position. */
  #countLines(text: string, position: number): void {
    let index = this.#countedUntil - this.#restStart;
    for (;;) {
      index = text.indexOf("\n", index) + 1;
      if (index === 0 || this.#restStart + index > position) break;
      this.#line++;
      this.#lineStart = this.#restStart + index;
    }
    this.#countedUntil = position;
  }
}
