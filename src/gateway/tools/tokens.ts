/**
 * Estimates the number of o200k_base tokens of a text, without the megabytes of the tokenizer. The text is
 * split into the same pieces as by the tokenizer: a word with the sign before it, up to three digits, or a
 * run of signs. No token spans two pieces. Each piece costs the average number of tokens of its kind and
 * length in tool definitions of public servers.
 *
 * @see https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py for the pieces
 */

import { shortenText } from "../../text.ts";

/** Estimates the o200k_base tokens of a text; tuned for the JSON of tool definitions. */
export function estimateTokens(text: string): number {
  return new TokenScan(text).estimate();
}

/** Returns a text, or its first words and an ellipsis if the whole text costs more than `tokens`. */
export function cutToTokens(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  let tokensLeft = tokens - 1;
  let end = 0;
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    tokensLeft -= estimateTokens(` ${word}`);
    if (tokensLeft < 0) break;
    end = index + word.length;
  }
  // In a script without spaces, the first word may be too long; there, a character costs at most one token.
  return end === 0 ? shortenText(text, Math.floor(tokens) - 1) : `${text.slice(0, end)}…`;
}

/** Kinds of characters. */
const SIGN = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
const BLANK = 4;
const LINE_END = 5;
const ACCENTED = 6;
const ALPHABET = 7;
const CYRILLIC = 8;
const WIDE = 9;
const SURROGATE = 10;
const WIDE_SIGN = 11;
const TEXT_END = 12;

/** Codes of characters. */
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The kind of each UTF-16 code unit. */
const KINDS = new Uint8Array(0x10000);
KINDS.fill(DIGIT, 0x30, 0x3a).fill(UPPER, 0x41, 0x5b).fill(LOWER, 0x61, 0x7b);
KINDS.fill(WIDE_SIGN, 0x80).fill(ACCENTED, 0xc0).fill(ALPHABET, 0x250);
KINDS.fill(CYRILLIC, 0x400, 0x530).fill(ACCENTED, 0x1e00, 0x1f00).fill(WIDE_SIGN, 0x2000);
KINDS.fill(WIDE, 0x2e80).fill(WIDE_SIGN, 0x3000, 0x3040).fill(SURROGATE, 0xd800, 0xe000);
for (const code of [0x09, 0x0b, 0x0c, 0x20, 0xa0]) KINDS[code] = BLANK;
for (const code of [0x0a, 0x0d]) KINDS[code] = LINE_END;

/** Tokens per code unit, for the kinds whose code units are counted one by one. */
const UNIT_COSTS: Readonly<Record<number, number>> = {
  [ALPHABET]: 0.35,
  [CYRILLIC]: 0.3,
  [WIDE]: 0.72,
  [SURROGATE]: 0.8,
};

/** Kinds of the character before a word, which may be in the same token. */
const NO_LEAD = 0;
const SPACE_LEAD = 1;
const SEPARATOR_LEAD = 2;
const OTHER_SIGN_LEAD = 3;
const NO_LEAD_IN_NAME = 4;

/** A word costs one token, and `perLetter` tokens for each letter beyond the first `free` letters. */
const WORD_COSTS: readonly { readonly free: number; readonly perLetter: number }[] = [
  // Lower case, Capitalized, UPPER case: after nothing,
  ...[{ free: 4, perLetter: 0.03 }, { free: 4, perLetter: 0.018 }, { free: 1, perLetter: 0.075 }],
  // after a space,
  ...[{ free: 5, perLetter: 0.012 }, { free: 6, perLetter: 0.1 }, { free: 2, perLetter: 0.13 }],
  // after a separator in a name,
  ...[{ free: 4, perLetter: 0.12 }, { free: 0, perLetter: 0.15 }, { free: 1, perLetter: 0.22 }],
  // after any other sign,
  ...[{ free: 0, perLetter: 0.08 }, { free: 0, perLetter: 0.19 }, { free: 0, perLetter: 0.35 }],
  // and at the beginning of a name such as `list_files`, which is less often plain English.
  ...[{ free: 5, perLetter: 0.2 }, { free: 4, perLetter: 0.1 }, { free: 1, perLetter: 0.2 }],
];
/** The additional cost of long words. */
const LONG_WORD = { free: 12, perLetter: 0.3 };
/** Base64 and hashes are recognized by the digits among their letters; they cost more than words. */
const NOISE = { minChars: 32, minDigits: 3, perBase64Char: 0.68, perHexChar: 0.57 };

class TokenScan {
  readonly #text: string;
  #at = 0;
  #tokens = 0;

  constructor(text: string) {
    this.#text = text;
  }

  estimate(): number {
    while (this.#at < this.#text.length) {
      const kind = this.#kindAt(this.#at);
      if (isLetter(kind)) this.#countWord(NO_LEAD);
      else if (isSign(kind)) this.#countSigns();
      else if (kind === BLANK) this.#countBlanks();
      else if (kind === DIGIT) this.#countDigits();
      else if (kind === LINE_END) {
        this.#at = this.#endOf(LINE_END);
        this.#tokens += 1;
      } else {
        this.#at += 1;
        this.#tokens += UNIT_COSTS[kind] ?? 1;
      }
    }
    return Math.round(this.#tokens);
  }

  #kindAt(at: number): number {
    return at < this.#text.length ? KINDS[this.#text.charCodeAt(at)] ?? SIGN : TEXT_END;
  }

  /** Returns the end of the run of characters of one kind that begins here. */
  #endOf(kind: number): number {
    let at = this.#at + 1;
    while (this.#kindAt(at) === kind) at += 1;
    return at;
  }

  /** Counts the word that begins here; `lead` is the kind of the character before it, already consumed. */
  #countWord(lead: number): void {
    const start = this.#at;
    let at = start;
    while (this.#kindAt(at) === UPPER) at += 1;
    const capitals = at - start;
    let cost = 1;
    for (;; at += 1) {
      const kind = this.#kindAt(at);
      if (kind === ACCENTED) cost += accentCostOf(this.#text.charCodeAt(at));
      else if (kind !== LOWER) break;
    }
    this.#at = at;
    const letters = at - start;
    const isCapitalized = capitals === 1 && letters > 1;
    const capitalShape = isCapitalized ? 1 : 2;
    const shape = capitals === 0 ? 0 : capitalShape;
    const beginsName = lead === NO_LEAD && isSeparator(this.#text.charCodeAt(at));
    const wordCost = WORD_COSTS[(beginsName ? NO_LEAD_IN_NAME : lead) * 3 + shape] ?? LONG_WORD;
    if (letters > wordCost.free) cost += wordCost.perLetter * (letters - wordCost.free);
    if (letters > LONG_WORD.free) cost += LONG_WORD.perLetter * (letters - LONG_WORD.free);
    this.#tokens += cost;
  }

  #countSigns(): void {
    if (!isLetter(this.#kindAt(this.#at + 1))) return this.#countSignRun(0);
    const code = this.#text.charCodeAt(this.#at);
    this.#at += 1;
    if (code !== BACKSLASH) {
      return this.#countWord(isSeparator(code) ? SEPARATOR_LEAD : OTHER_SIGN_LEAD);
    }
    // In JSON, a backslash and the letter after it are one escape, and a word may follow directly.
    this.#at += 1;
    this.#tokens += 1;
    if (this.#kindAt(this.#at) === LOWER) this.#countWord(NO_LEAD);
  }

  /**
   * Counts a run of signs whose first `length` signs were consumed. The frequent runs of JSON (`},{` and `:{"`)
   * are in the vocabulary, and repeated signs (`-----`) share tokens.
   */
  #countSignRun(length: number): void {
    let cost = length;
    let codeBeforeLast = 0;
    let lastCode = 0;
    let repeated = 0;
    for (;; this.#at += 1) {
      const kind = this.#kindAt(this.#at);
      if (!isSign(kind)) break;
      const code = this.#text.charCodeAt(this.#at);
      repeated = code === lastCode ? repeated + 1 : 0;
      const asciiCost = repeated < 3 ? 1 : 0.02;
      cost += kind === WIDE_SIGN ? 1.5 : asciiCost;
      if (lastCode === COMMA && code === OPEN_BRACE && codeBeforeLast === CLOSE_BRACE) cost -= 2;
      else if (code === QUOTE && codeBeforeLast === COLON && isOpening(lastCode)) cost -= 1;
      else if (lastCode === OPEN_BRACKET && code === OPEN_BRACE && codeBeforeLast !== COLON) {
        cost += 1;
      } else if (lastCode === CLOSE_BRACE && code === CLOSE_BRACKET) cost += 1;
      codeBeforeLast = lastCode;
      lastCode = code;
    }
    this.#tokens += cost <= 3 ? 1 : 0.55 * cost - 0.45;
    if (this.#kindAt(this.#at) === LINE_END) this.#at = this.#endOf(LINE_END);
  }

  /** Counts white space. Its last character belongs to the word or the signs that follow. */
  #countBlanks(): void {
    const start = this.#at;
    this.#at = this.#endOf(BLANK);
    const nextKind = this.#kindAt(this.#at);
    const isLead = nextKind !== DIGIT && nextKind !== LINE_END && nextKind !== TEXT_END;
    const separateCount = this.#at - start - (isLead ? 1 : 0);
    if (separateCount > 0 && nextKind !== LINE_END) this.#tokens += 1 + separateCount / 128;
    if (isLetter(nextKind)) this.#countWord(SPACE_LEAD);
    else if (isSign(nextKind)) this.#countSignRun(1);
  }

  #countDigits(): void {
    const start = this.#at;
    this.#at = this.#endOf(DIGIT);
    if (isLetter(this.#kindAt(this.#at)) && this.#tryCountNoise(start)) return;
    this.#tokens += Math.ceil((this.#at - start) / 3);
  }

  /**
   * Counts the run of letters, digits and signs of base64 from `start`, if it has too many digits to be
   * words; returns whether it does.
   */
  #tryCountNoise(start: number): boolean {
    let digits = 0;
    let at = start;
    for (;; at += 1) {
      const kind = this.#kindAt(at);
      if (kind === DIGIT) digits += 1;
      else if (!isLetter(kind) && !isBase64Sign(this.#text.charCodeAt(at))) break;
      // Stop here, so that the total time stays linear.
      if (at - start === NOISE.minChars && digits < NOISE.minDigits) return false;
    }
    const chars = at - start;
    if (chars < NOISE.minChars) return false;
    this.#at = at;
    this.#tokens += chars * (digits * 3 > chars ? NOISE.perHexChar : NOISE.perBase64Char);
    return true;
  }
}

function isLetter(kind: number): boolean {
  return kind === LOWER || kind === UPPER || kind === ACCENTED;
}

function isSign(kind: number): boolean {
  return kind === SIGN || kind === WIDE_SIGN;
}

/** Whether the character separates the parts of names: `_`, `-` or `.`. */
function isSeparator(code: number): boolean {
  return code === 0x5f || code === 0x2d || code === 0x2e;
}

function isOpening(code: number): boolean {
  return code === OPEN_BRACE || code === OPEN_BRACKET;
}

function isBase64Sign(code: number): boolean {
  return code === 0x2b || code === 0x2f || code === 0x3d;
}

/** Returns the cost of an accent; it is higher in languages with few words in the vocabulary. */
function accentCostOf(code: number): number {
  if (code < 0x100) return 0.8;
  return code < 0x250 ? 1.2 : 0.1;
}
