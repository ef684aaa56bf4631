import { skipSpace, skipString, skipValue } from "../jsonrpc/mod.ts";
import { isSecretName, REDACTED, redactProbableSecrets } from "../redact.ts";

/** Maximum length of one string that is searched for secrets, in UTF-16 code units; far more than is ever shown. */
const MAX_TEXT_LENGTH = 16 * 1024;

/** Matches the first `MAX_TEXT_LENGTH + 1` characters of a JSON string, or the whole of a shorter one. */
const LONG_START = new RegExp(`^"(?:[^"\\\\]|\\\\(?:u.{4}|[^u])){0,${MAX_TEXT_LENGTH + 1}}`);

/** Maximum total length of the searched strings: searching takes time even if the value then does not fit the output. */
const MAX_TOTAL_LENGTH = 64 * 1024;

/** Replaces values that do not fit. */
const ELLIPSIS = "…";

/** Size of `,"…":"…"` in UTF-8 bytes, which marks omitted members. */
const ELLIPSIS_BYTES = 12;

/** Size of a replaced secret in bytes. */
const SECRET_BYTES = REDACTED.length + 2;

/** Minimum size of a member in bytes: a short name, and a number or an empty object with an ellipsis. */
const MIN_MEMBER_BYTES = 64;

/** Length above which a string is not taken for the name of a secret, including its quotes and escapes in JSON. */
const MAX_NAME_LENGTH = 400;

/** Matches names such as `max_tokens`, which are not secrets if the value is a number. */
const COUNT_NAME = /tokens$|tokens?[-_ ]?(?:count|limit|budget|size)|length$|count$/i;

/**
 * Returns JSON without probable secrets, which it recognizes by the names of members and by the shape of
 * values at any depth, also in strings that contain JSON. Reads the text and not its parsed value, so that
 * numbers keep all of their digits.
 *
 * @param json A valid JSON text.
 * @param maxBytes Maximum size of the output in UTF-8 bytes; `…` replaces values that do not fit.
 */
export function redactJson(json: string, maxBytes: number): string {
  return new Redactor(json, { outputBytes: maxBytes, inputLength: MAX_TOTAL_LENGTH }).redact();
}

/** The remaining size of the output and of the input; both decrease while a value is redacted. */
interface RedactionBudget {
  /** Bytes that still fit the output. */
  outputBytes: number;
  /** UTF-16 code units of strings that may still be searched. */
  inputLength: number;
}

/** Redacts a valid JSON text in one pass. */
class Redactor {
  readonly #text: string;
  readonly #budget: RedactionBudget;
  #at: number;
  // Whether values were left out. Then nothing more is read, because `#at` may be within a value.
  #isCut = false;

  constructor(text: string, budget: RedactionBudget) {
    this.#text = text;
    this.#budget = budget;
    this.#at = skipSpace(text, 0);
  }

  /** Reads the next value, and returns it redacted. */
  redact(): string {
    switch (this.#text[this.#at]) {
      case "[":
        return this.#redactArray();
      case "{":
        return this.#redactObject();
      case '"':
        return this.#quote(this.#redactString(this.#readString()));
      default:
        return this.#redactWord(this.#readValue());
    }
  }

  #redactArray(): string {
    const items: string[] = [];
    this.#skipToken();
    // Reserve bytes for the brackets and an ellipsis.
    this.#budget.outputBytes -= 2 + ELLIPSIS_BYTES;
    let followsSecretName = false;
    while (this.#hasNext("]")) {
      this.#budget.outputBytes -= 1;
      const start = this.#at;
      // In ["--password", "x"] and ["Authorization", "x"], the secret follows its name.
      items.push(followsSecretName ? this.#redactSecret() : this.redact());
      const name = this.#nameAt(start);
      followsSecretName = name !== undefined && /^[\w-]+$/.test(name) &&
        isSecretName(name.replace(/^-{1,2}/, ""));
    }
    if (this.#isCut) items.push(`"${ELLIPSIS}"`);
    return `[${items.join(",")}]`;
  }

  #redactObject(): string {
    const members: Member[] = [];
    const shownKeys = new Set<string>();
    this.#skipToken();
    this.#budget.outputBytes -= 2 + ELLIPSIS_BYTES;
    let hasSecretName = false;
    while (this.#hasNext("}")) {
      const name = this.#readString();
      this.#skipToken();
      // Half of the minimum is kept for the value while the name is cut to fit.
      this.#budget.outputBytes -= 2 + MIN_MEMBER_BYTES / 2;
      const key = this.#cutToFit(this.#redactString(name));
      this.#budget.outputBytes += MIN_MEMBER_BYTES / 2;
      const shownKey = uniqueKey(key, shownKeys);
      shownKeys.add(shownKey);
      this.#budget.outputBytes -= shownKey.length - key.length;
      const start = this.#at;
      const isCount = /[\d-]/.test(this.#text[start] ?? "") && COUNT_NAME.test(name);
      const isSecret = isSecretName(name) && !isCount;
      const value = isSecret ? this.#redactSecret() : this.redact();
      // In {"name": "Authorization", "value": "x"}, one member has the name and another the value.
      const mayBeSecretValue = !isSecret && /value/i.test(name);
      if (mayBeSecretValue) this.#budget.outputBytes -= SECRET_BYTES;
      if (PAIR_NAMES.has(name)) hasSecretName ||= isSecretName(this.#nameAt(start) ?? "");
      members.push({ shownKey, value, mayBeSecretValue });
    }
    const hidesValues = hasSecretName || this.#isCut;
    const texts = members.map(({ shownKey, value, mayBeSecretValue }) => {
      const shownValue = mayBeSecretValue && hidesValues ? hideValue(value) : value;
      return `${JSON.stringify(shownKey)}:${shownValue}`;
    });
    if (this.#isCut) {
      texts.push(`${JSON.stringify(uniqueKey(ELLIPSIS, shownKeys))}:"${ELLIPSIS}"`);
    }
    return `{${texts.join(",")}}`;
  }

  /** Whether another element or member follows; otherwise reads the closing bracket, or cuts the output. */
  #hasNext(close: string): boolean {
    if (this.#isCut) return false;
    if (this.#text[this.#at] === ",") this.#skipToken();
    if (this.#text[this.#at] === close) {
      this.#skipToken();
      this.#budget.outputBytes += ELLIPSIS_BYTES;
      return false;
    }
    this.#isCut = this.#budget.outputBytes < MIN_MEMBER_BYTES;
    return !this.#isCut;
  }

  /** Reads the next value, and returns its replacement. */
  #redactSecret(): string {
    this.#budget.outputBytes -= SECRET_BYTES;
    return hideValue(this.#readValue());
  }

  #redactWord(word: string): string {
    if (word.length > this.#budget.outputBytes) return this.#quote(word);
    this.#budget.outputBytes -= word.length;
    return word;
  }

  /** Returns the string at a position; `undefined` if the value is not a string, or is longer than a name. */
  #nameAt(start: number): string | undefined {
    if (this.#text[start] !== '"') return undefined;
    const end = skipString(this.#text, start);
    return end - start > MAX_NAME_LENGTH ? undefined : JSON.parse(this.#text.slice(start, end));
  }

  #redactString(text: string): string {
    const budget = this.#budget;
    const maxLength = Math.min(MAX_TEXT_LENGTH, budget.inputLength);
    budget.inputLength -= Math.min(maxLength, text.length);
    if (text.length > maxLength) {
      // Cut at a space, because half a secret might not be recognized.
      let end = maxLength;
      while (end > 0 && !/\s/.test(text[end] ?? "")) end--;
      return `${redactProbableSecrets(text.slice(0, end))}${ELLIPSIS}`;
    }
    if (!/^\s*[[{]/.test(text) || !isJson(text)) return redactProbableSecrets(text);
    // The size of the output is deducted when the caller cuts this text to fit.
    const jsonBudget = { ...budget };
    const redactedText = new Redactor(text, jsonBudget).redact();
    budget.inputLength = jsonBudget.inputLength;
    return redactedText;
  }

  #quote(text: string): string {
    return JSON.stringify(this.#cutToFit(text));
  }

  /** Cuts a text so that it fits the output. */
  #cutToFit(text: string): string {
    const budget = this.#budget;
    budget.outputBytes -= 2;
    for (let index = 0; index < text.length; index++) {
      const byteCount = maxJsonBytes(text.charCodeAt(index));
      // An ellipsis takes three bytes.
      if (byteCount > budget.outputBytes - 3) {
        budget.outputBytes = Math.min(0, budget.outputBytes - 3);
        return `${text.slice(0, index)}${ELLIPSIS}`;
      }
      budget.outputBytes -= byteCount;
    }
    return text;
  }

  /** Reads a string. If it is longer than `MAX_TEXT_LENGTH`, returns only a beginning, which is still longer than that. */
  #readString(): string {
    const start = this.#at;
    const string = this.#read(skipString(this.#text, start));
    if (string.length <= MAX_TEXT_LENGTH) return JSON.parse(string);
    // Decoding a long string takes time, and only its beginning is shown.
    return JSON.parse(`${LONG_START.exec(string)?.[0]}"`);
  }

  /** Reads the next value, unredacted. */
  #readValue(): string {
    return this.#read(skipValue(this.#text, this.#at));
  }

  /** Reads up to a position, and skips the space after it. */
  #read(end: number): string {
    const text = this.#text.slice(this.#at, end);
    this.#at = skipSpace(this.#text, end);
    return text;
  }

  /** Skips a bracket, a comma or a colon, and the space after it. */
  #skipToken(): void {
    this.#at = skipSpace(this.#text, this.#at + 1);
  }
}

/** Keys of members whose value may be the name of a secret, while another member has the secret itself. */
const PAIR_NAMES: ReadonlySet<string> = new Set(["name", "key", "header"]);

/** A member of an object in the output. */
interface Member {
  readonly shownKey: string;
  readonly value: string;
  /** Whether the value is a secret if another member of the object has the name of a secret. */
  readonly mayBeSecretValue: boolean;
}

/** Returns the replacement of a secret value. */
function hideValue(json: string): string {
  return /^(?:null|true|false)$/.test(json) ? json : `"${REDACTED}"`;
}

/** Returns a key that is not taken yet: different secrets have equal replacements. */
function uniqueKey(key: string, taken: ReadonlySet<string>): string {
  let unique = key;
  for (let number = 2; taken.has(unique); number++) unique = `${key} ${number}`;
  return unique;
}

/** Returns the maximum size of a UTF-16 code unit in JSON, in UTF-8 bytes. */
function maxJsonBytes(codeUnit: number): number {
  if (codeUnit < 0x20 || (codeUnit >= 0xd800 && codeUnit < 0xe000)) return 6;
  if (codeUnit === 0x22 || codeUnit === 0x5c) return 2;
  if (codeUnit < 0x80) return 1;
  return codeUnit < 0x800 ? 2 : 3;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
