import { isSpace } from "../../../exact_json.ts";

/** Maximum depth of a document. */
const MAX_DEPTH = 10_000;

/** Length above which a number is not checked, in UTF-16 code units. */
const MAX_LITERAL_LENGTH = 1000;

/** Maximum length of a character in a key, as an escape. */
const ESCAPE_LENGTH = 6;

const ESCAPES = '"\\/bfnrtu';
const HEX_DIGITS = "0123456789abcdefABCDEF";
const DELIMITERS = ",]} \n\r\t";

const LITERAL = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPENING_BRACKET = 91;
const BACKSLASH = 92;
const LOWER_U = 117;
const CLOSING_BRACKET = 93;
const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;

/** The token that must follow, or the one that is being read. */
type State =
  | ("value" | "first-value" | "key" | "first-key" | "colon" | "after-value")
  | ("string" | "literal");

/** A text is not valid JSON. */
export class InvalidJson extends Error {
  /** The name of the class. */
  override readonly name = "InvalidJson";
  /** Position of the error, in UTF-16 code units. */
  readonly position: number;

  /** Creates an error at a position. */
  constructor(position: number) {
    super(`No valid JSON at character ${position}`);
    this.position = position;
  }
}

/**
 * Finds a value of a JSON document that is read piece by piece, so that neither the whole text nor its parsed value has to
 * be in memory.
 */
export class PointerScan {
  readonly #path: readonly string[];
  readonly #maxTokenLength: number;
  // The open containers from the outermost one inwards: the index of the next element, or -1 for an object.
  readonly #open: number[] = [];
  // Number of open containers that are on the path, from the outermost one inwards.
  #matchedCount = 0;
  #state: State = "value";
  #isKey = false;
  // The key or literal that is being read; `undefined` if it does not matter.
  #token: string | undefined;
  // Number of hexadecimal digits that the current escape still needs; -1 after its backslash, 0 outside of escapes.
  #escape = 0;
  #pieceStart = 0;
  #isNextOnPath = false;
  #start: number | undefined;
  #end: number | undefined;

  /**
   * Starts before the document.
   *
   * @param path Keys and indexes from the outermost value inwards.
   */
  constructor(path: readonly string[]) {
    this.#path = path;
    const lengths = path.map(({ length }) => ESCAPE_LENGTH * length + 2);
    this.#maxTokenLength = Math.max(MAX_LITERAL_LENGTH, ...lengths);
  }

  /**
   * Reads the next piece.
   *
   * @throws {InvalidJson} if what has been read so far is not the beginning of a valid document.
   */
  read(piece: string): void {
    for (let at = 0; at < piece.length;) at = this.#readFrom(piece, at);
    this.#pieceStart += piece.length;
  }

  /**
   * Ends the document.
   *
   * @returns The range of the value; the last one of duplicate keys. `undefined` if there is none.
   * @throws {InvalidJson} if the document is not complete.
   */
  end(): { readonly start: number; readonly end: number } | undefined {
    if (this.#state === "literal") this.#endLiteral(this.#pieceStart);
    if (this.#state !== "after-value" || this.#open.length > 0) {
      throw new InvalidJson(this.#pieceStart);
    }
    const [start, end] = [this.#start, this.#end];
    return start === undefined || end === undefined ? undefined : { start, end };
  }

  /** Reads on from a position; returns the next one to read. */
  #readFrom(piece: string, at: number): number {
    switch (this.#state) {
      case "string":
        return this.#readString(piece, at);
      case "literal":
        return this.#readLiteral(piece, at);
      default:
        return this.#readToken(piece, at);
    }
  }

  #readToken(piece: string, at: number): number {
    const code = piece.charCodeAt(at);
    if (isSpace(code)) return at + 1;
    const position = this.#pieceStart + at;
    switch (this.#state) {
      case "first-value":
        if (code === CLOSING_BRACKET) return this.#close(at);
        return this.#beginValue(code, at);
      case "value":
        return this.#beginValue(code, at);
      case "first-key":
        if (code === CLOSING_BRACE) return this.#close(at);
        return this.#beginKey(code, at);
      case "key":
        return this.#beginKey(code, at);
      case "colon":
        if (code !== COLON) throw new InvalidJson(position);
        this.#state = "value";
        return at + 1;
      default: {
        const container = this.#open.at(-1);
        if (container === undefined) throw new InvalidJson(position);
        const isObject = container < 0;
        if (code === COMMA) {
          this.#state = isObject ? "key" : "value";
          return at + 1;
        }
        if (code !== (isObject ? CLOSING_BRACE : CLOSING_BRACKET)) throw new InvalidJson(position);
        return this.#close(at);
      }
    }
  }

  #beginKey(code: number, at: number): number {
    if (code !== QUOTE) throw new InvalidJson(this.#pieceStart + at);
    this.#state = "string";
    this.#isKey = true;
    this.#token = this.#isOnPath() ? '"' : undefined;
    return at + 1;
  }

  #beginValue(code: number, at: number): number {
    const depth = this.#open.length;
    const elementIndex = this.#open[depth - 1] ?? -1;
    if (elementIndex >= 0) {
      this.#setNextOnPath(this.#isOnPath() && this.#path[depth - 1] === String(elementIndex));
      this.#open[depth - 1] = elementIndex + 1;
    } else if (depth === 0) this.#setNextOnPath(true);
    const isValueOnPath = this.#isNextOnPath;
    if (isValueOnPath && depth === this.#path.length) this.#start = this.#pieceStart + at;
    switch (code) {
      case OPENING_BRACE:
      case OPENING_BRACKET:
        if (depth === MAX_DEPTH) throw new InvalidJson(this.#pieceStart + at);
        this.#open.push(code === OPENING_BRACE ? -1 : 0);
        if (isValueOnPath) this.#matchedCount = depth + 1;
        this.#state = code === OPENING_BRACE ? "first-key" : "first-value";
        return at + 1;
      case QUOTE:
        this.#state = "string";
        this.#isKey = false;
        this.#token = undefined;
        return at + 1;
      default:
        this.#state = "literal";
        this.#token = "";
        return at;
    }
  }

  /** Whether all open containers are on the path. */
  #isOnPath(): boolean {
    return this.#matchedCount === this.#open.length;
  }

  /** Sets whether the next value is on the path. If so, it replaces an earlier value with the same key. */
  #setNextOnPath(isOnPath: boolean): void {
    this.#isNextOnPath = isOnPath;
    if (isOnPath) this.#start = this.#end = undefined;
  }

  #readString(piece: string, start: number): number {
    for (let at = start; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (this.#escape !== 0) this.#readEscape(code, at);
      else if (code === BACKSLASH) this.#escape = -1;
      else if (code === QUOTE) {
        this.#addToToken(piece.slice(start, at + 1));
        this.#endString(at + 1);
        return at + 1;
      } else if (code < 32) throw new InvalidJson(this.#pieceStart + at);
    }
    this.#addToToken(piece.slice(start));
    return piece.length;
  }

  #readEscape(code: number, at: number): void {
    const allowedCharacters = this.#escape < 0 ? ESCAPES : HEX_DIGITS;
    if (!allowedCharacters.includes(String.fromCharCode(code))) {
      throw new InvalidJson(this.#pieceStart + at);
    }
    if (this.#escape > 0) this.#escape--;
    else this.#escape = code === LOWER_U ? 4 : 0;
  }

  #endString(at: number): void {
    if (!this.#isKey) return this.#endValue(at);
    const depth = this.#open.length;
    this.#state = "colon";
    const isOnPath = this.#token !== undefined &&
      JSON.parse(this.#token) === this.#path[depth - 1];
    this.#setNextOnPath(isOnPath);
  }

  #readLiteral(piece: string, start: number): number {
    for (let at = start; at < piece.length; at++) {
      if (DELIMITERS.includes(piece[at] ?? "")) {
        this.#addToToken(piece.slice(start, at));
        this.#endLiteral(at);
        return at;
      }
    }
    this.#addToToken(piece.slice(start));
    return piece.length;
  }

  #endLiteral(at: number): void {
    const isChecked = this.#token !== undefined;
    if (isChecked && !LITERAL.test(this.#token ?? "")) throw new InvalidJson(this.#pieceStart + at);
    this.#endValue(at);
  }

  /** Adds to the key or literal; one that is too long does not matter. */
  #addToToken(text: string): void {
    if (this.#token === undefined) return;
    const isTooLong = this.#token.length + text.length > this.#maxTokenLength;
    this.#token = isTooLong ? undefined : this.#token + text;
  }

  #close(at: number): number {
    this.#open.pop();
    this.#matchedCount = Math.min(this.#matchedCount, this.#open.length);
    this.#endValue(at + 1);
    return at + 1;
  }

  #endValue(at: number): void {
    this.#state = "after-value";
    const isTarget = this.#open.length === this.#path.length && this.#start !== undefined;
    if (isTarget && this.#end === undefined) this.#end = this.#pieceStart + at;
  }
}
