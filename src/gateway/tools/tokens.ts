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

const sign = 0;
const lower = 1;
const upper = 2;
const digit = 3;
const blank = 4;
const lineEnd = 5;
const accented = 6;
const alphabet = 7;
const cyrillic = 8;
const wide = 9;
const surrogate = 10;
const wideSign = 11;
const textEnd = 12;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The kind of each UTF-16 code unit. */
const kinds = new Uint8Array(0x10000);
kinds.fill(digit, 0x30, 0x3a).fill(upper, 0x41, 0x5b).fill(lower, 0x61, 0x7b);
kinds.fill(wideSign, 0x80).fill(accented, 0xc0).fill(alphabet, 0x250);
kinds.fill(cyrillic, 0x400, 0x530).fill(accented, 0x1e00, 0x1f00).fill(wideSign, 0x2000);
kinds.fill(wide, 0x2e80).fill(wideSign, 0x3000, 0x3040).fill(surrogate, 0xd800, 0xe000);
for (const code of [0x09, 0x0b, 0x0c, 0x20, 0xa0]) kinds[code] = blank;
for (const code of [0x0a, 0x0d]) kinds[code] = lineEnd;

/** Tokens per code unit, for the kinds of which each code unit is counted. */
const unitCosts: Readonly<Record<number, number>> = {
  [alphabet]: 0.35,
  [cyrillic]: 0.3,
  [wide]: 0.72,
  [surrogate]: 0.8,
};

/** Kinds of the character before a word, which may be in the same token. */
const noLead = 0;
const spaceLead = 1;
const separatorLead = 2;
const otherSignLead = 3;
const noLeadInName = 4;

/** A word costs one token, and `perLetter` tokens for each letter beyond the first `free` letters. */
const wordCosts: readonly { readonly free: number; readonly perLetter: number }[] = [
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
const longWord = { free: 12, perLetter: 0.3 };
/** Base64 and hashes are recognized by the digits among their letters; they cost more than words. */
const noise = { minChars: 32, minDigits: 3, perBase64Char: 0.68, perHexChar: 0.57 };

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
      if (isLetter(kind)) this.#countWord(noLead);
      else if (isSign(kind)) this.#countSigns();
      else if (kind === blank) this.#countBlanks();
      else if (kind === digit) this.#countDigits();
      else if (kind === lineEnd) {
        this.#at = this.#endOf(lineEnd);
        this.#tokens += 1;
      } else {
        this.#at += 1;
        this.#tokens += unitCosts[kind] ?? 1;
      }
    }
    return Math.round(this.#tokens);
  }

  #kindAt(at: number): number {
    return at < this.#text.length ? kinds[this.#text.charCodeAt(at)] ?? sign : textEnd;
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
    while (this.#kindAt(at) === upper) at += 1;
    const capitals = at - start;
    let cost = 1;
    for (;; at += 1) {
      const kind = this.#kindAt(at);
      if (kind === accented) cost += accentCostOf(this.#text.charCodeAt(at));
      else if (kind !== lower) break;
    }
    this.#at = at;
    const letters = at - start;
    const shape = capitals === 0 ? 0 : capitals === 1 && letters > 1 ? 1 : 2;
    const beginsName = lead === noLead && isSeparator(this.#text.charCodeAt(at));
    const wordCost = wordCosts[(beginsName ? noLeadInName : lead) * 3 + shape] ?? longWord;
    if (letters > wordCost.free) cost += wordCost.perLetter * (letters - wordCost.free);
    if (letters > longWord.free) cost += longWord.perLetter * (letters - longWord.free);
    this.#tokens += cost;
  }

  #countSigns(): void {
    if (!isLetter(this.#kindAt(this.#at + 1))) return this.#countSignRun(0);
    const code = this.#text.charCodeAt(this.#at);
    this.#at += 1;
    if (code !== backslash) {
      return this.#countWord(isSeparator(code) ? separatorLead : otherSignLead);
    }
    // In JSON, a backslash and the letter after it are one escape, and a word may follow directly.
    this.#at += 1;
    this.#tokens += 1;
    if (this.#kindAt(this.#at) === lower) this.#countWord(noLead);
  }

  /**
   * Counts a run of signs, of which `length` were consumed. The frequent runs of JSON (`},{` and `:{"`)
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
      cost += kind === wideSign ? 1.5 : repeated < 3 ? 1 : 0.02;
      if (lastCode === comma && code === openBrace && codeBeforeLast === closeBrace) cost -= 2;
      else if (code === quote && codeBeforeLast === colon && isOpening(lastCode)) cost -= 1;
      else if (lastCode === openBracket && code === openBrace && codeBeforeLast !== colon) {
        cost += 1;
      } else if (lastCode === closeBrace && code === closeBracket) cost += 1;
      codeBeforeLast = lastCode;
      lastCode = code;
    }
    this.#tokens += cost <= 3 ? 1 : 0.55 * cost - 0.45;
    if (this.#kindAt(this.#at) === lineEnd) this.#at = this.#endOf(lineEnd);
  }

  /** Counts white space. Its last character belongs to the word or the signs that follow. */
  #countBlanks(): void {
    const start = this.#at;
    this.#at = this.#endOf(blank);
    const nextKind = this.#kindAt(this.#at);
    const isLead = nextKind !== digit && nextKind !== lineEnd && nextKind !== textEnd;
    const separateCount = this.#at - start - (isLead ? 1 : 0);
    if (separateCount > 0 && nextKind !== lineEnd) this.#tokens += 1 + separateCount / 128;
    if (isLetter(nextKind)) this.#countWord(spaceLead);
    else if (isSign(nextKind)) this.#countSignRun(1);
  }

  #countDigits(): void {
    const start = this.#at;
    this.#at = this.#endOf(digit);
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
      if (kind === digit) digits += 1;
      else if (!isLetter(kind) && !isBase64Sign(this.#text.charCodeAt(at))) break;
      // Stop here, so that the total time stays linear.
      if (at - start === noise.minChars && digits < noise.minDigits) return false;
    }
    const chars = at - start;
    if (chars < noise.minChars) return false;
    this.#at = at;
    this.#tokens += chars * (digits * 3 > chars ? noise.perHexChar : noise.perBase64Char);
    return true;
  }
}

function isLetter(kind: number): boolean {
  return kind === lower || kind === upper || kind === accented;
}

function isSign(kind: number): boolean {
  return kind === sign || kind === wideSign;
}

/** Whether the character separates the parts of names: `_`, `-` or `.`. */
function isSeparator(code: number): boolean {
  return code === 0x5f || code === 0x2d || code === 0x2e;
}

function isOpening(code: number): boolean {
  return code === openBrace || code === openBracket;
}

function isBase64Sign(code: number): boolean {
  return code === 0x2b || code === 0x2f || code === 0x3d;
}

/** Returns the cost of an accent; it is higher in languages with few words in the vocabulary. */
function accentCostOf(code: number): number {
  return code < 0x100 ? 0.8 : code < 0x250 ? 1.2 : 0.1;
}
