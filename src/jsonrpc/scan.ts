/**
 * Finds the text of a value inside the text of a JSON document that `JSON.parse` has already
 * accepted. What is only passed on keeps its own text this way: numbers beyond 2^53, `-0`, escapes
 * and duplicate keys arrive as they were sent, and nothing is serialised twice.
 *
 * The scanner trusts its input: on text that is not valid JSON its answers mean nothing.
 */

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;

/** Texts up to this size, in UTF-16 code units, are read whatever they hold: it takes 0.1 s. */
const SIMPLE_SIZE = 1024 * 1024;

/** How deep objects and arrays of a longer text may be nested. */
const MAX_DEPTH = 1000;

/** How many objects and arrays it may hold: each takes some 100 bytes of memory. */
const MAX_CONTAINERS = 4_000_000;

/** How many different keys: `JSON.parse` keeps each for its own, at up to 2.5 µs. */
const MAX_KEYS = 400_000;

/** How many kinds of keys are told apart; a prime, so that no bits of their hash go unused. */
const KEY_KINDS = 4_194_301;

/**
 * Text of the value at a path of object keys.
 *
 * @param json A valid JSON text.
 * @param path Keys from the outermost object inwards; of duplicate keys the last one counts, as in
 * `JSON.parse`.
 * @returns The value's text, or `undefined` where there is none.
 */
export function textAt(json: string, ...path: readonly string[]): string | undefined {
  let start = skipSpace(json, 0);
  let end = json.length;
  for (const key of path) {
    const span = findMember(json, start, key);
    if (span === undefined) return undefined;
    [start, end] = span;
  }
  return json.slice(start, end);
}

/**
 * Texts of the elements of an array.
 *
 * @param json A valid JSON text.
 * @returns None where it holds no array.
 */
export function elementTexts(json: string): string[] {
  const texts: string[] = [];
  const start = skipSpace(json, 0);
  if (json[start] !== "[") return texts;
  let at = skipSpace(json, start + 1);
  while (json[at] !== "]" && at < json.length) {
    const end = skipValue(json, at);
    texts.push(json.slice(at, end));
    at = skipSpace(json, end);
    if (json.charCodeAt(at) === COMMA) at = skipSpace(json, at + 1);
  }
  return texts;
}

/**
 * The same document with one more element at the end of an array.
 *
 * @param json A valid JSON text.
 * @param key Of the outermost object's members, the one that is the array.
 * @param element The element's text.
 * @returns `undefined` where there is no such array.
 */
export function withElement(json: string, key: string, element: string): string | undefined {
  const [start, end] = findMember(json, skipSpace(json, 0), key) ?? [];
  if (start === undefined || end === undefined || json[start] !== "[") return undefined;
  const isEmpty = skipSpace(json, start + 1) === end - 1;
  return `${json.slice(0, end - 1)}${isEmpty ? "" : ","}${element}${json.slice(end - 1)}`;
}

/**
 * Whether a long text, JSON or not, nests deeper or holds more objects, arrays and different keys
 * than any real message. `JSON.parse` takes ten seconds and gigabytes for 64 MiB of brackets, and
 * as long for 64 MiB of keys.
 *
 * @param text Any text.
 */
export function isTooComplex(text: string): boolean {
  if (text.length <= SIMPLE_SIZE) return false;
  let depth = 0;
  let containers = 0;
  const keys = new KeyCount();
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = skipString(text, at);
        if (text.charCodeAt(skipSpace(text, end)) === COLON) keys.add(text, at, end);
        if (keys.count > MAX_KEYS) return true;
        at = end - 1;
        break;
      }
      case 123: // {
      case 91: // [
        if (++depth > MAX_DEPTH || ++containers > MAX_CONTAINERS) return true;
        break;
      case 125: // }
      case 93: // ]
        depth--;
    }
  }
  return false;
}

/** Counts different keys, nearly, in little memory and one look at each of their characters. */
class KeyCount {
  readonly #seen = new Uint8Array(Math.ceil(KEY_KINDS / 8));
  // Nobody can choose keys that are all taken for the same one.
  readonly #seed = Math.floor(Math.random() * 0x7fffffff);
  /** How many were different. */
  count = 0;

  add(text: string, start: number, end: number): void {
    let hash = this.#seed;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    const kind = (hash >>> 0) % KEY_KINDS;
    const bit = 1 << (kind & 7);
    const byte = this.#seen[kind >>> 3] ?? 0;
    if ((byte & bit) !== 0) return;
    this.#seen[kind >>> 3] = byte | bit;
    this.count++;
  }
}

function findMember(json: string, object: number, wanted: string): [number, number] | undefined {
  if (json[object] !== "{") return undefined;
  let found: [number, number] | undefined;
  let at = skipSpace(json, object + 1);
  while (json.charCodeAt(at) === QUOTE) {
    const keyEnd = skipString(json, at);
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = skipValue(json, start);
    if (isKey(json, at, keyEnd, wanted)) found = [start, end];
    at = skipSpace(json, end);
    if (json.charCodeAt(at) !== COMMA) break;
    at = skipSpace(json, at + 1);
  }
  return found;
}

function isKey(json: string, start: number, end: number, wanted: string): boolean {
  const text = json.slice(start, end);
  if (text.includes("\\")) return JSON.parse(text) === wanted;
  return text.length === wanted.length + 2 && text.startsWith(wanted, 1);
}

function skipSpace(json: string, at: number): number {
  for (;;) {
    const code = json.charCodeAt(at);
    if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return at;
    at++;
  }
}

function skipString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  // A quote is the end unless an odd run of backslashes stands before it.
  while (end >= 0) {
    let before = end - 1;
    while (json.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end + 1;
    end = json.indexOf('"', end + 1);
  }
  return json.length;
}

function skipValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return skipString(json, start);
  let depth = 0;
  let at = start;
  while (at < json.length) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = skipString(json, at);
        continue;
      case 123: // {
      case 91: // [
        depth++;
        break;
      case 125: // }
      case 93: // ]
        if (depth === 0) return at;
        if (--depth === 0) return at + 1;
        break;
      case COMMA:
      case 32:
      case 9:
      case 10:
      case 13:
        if (depth === 0) return at;
    }
    at++;
  }
  return at;
}
