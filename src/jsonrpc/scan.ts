/**
 * Finds the text of a value in a valid JSON document, so that a value can be passed on as it was sent:
 * with numbers beyond 2^53, `-0`, escapes and duplicate keys, and without serializing it again.
 *
 * The functions do not check their input. For a text that is not valid JSON, the results are meaningless.
 */

import { hashText, makeSeed } from "./hash.ts";

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;

/**
 * Maximum length of texts that are never too complex, in UTF-16 code units: parsing such a text takes at most
 * 0.1 s.
 */
const SIMPLE_LENGTH = 1024 * 1024;

/** Maximum nesting of objects and arrays in a longer text. */
const MAX_DEPTH = 1000;

/** Maximum number of objects and arrays in a longer text: each takes some 100 bytes of memory. */
const MAX_CONTAINERS = 4_000_000;

/**
 * Maximum number of distinct keys in a longer text: `JSON.parse` takes 20 s for 42 MB of them (measured).
 */
const MAX_KEYS = 400_000;

/** Number of different hashes of keys; a prime, so that all bits of a hash count. */
const KEY_HASHES = 4_194_301;

/**
 * Returns the text of the value at a path of object keys.
 *
 * @param json A valid JSON text.
 * @param path Keys from the outermost object inwards; the last of duplicate keys wins, as in
 * `JSON.parse`.
 * @returns `undefined` if there is no such value.
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
 * Returns the texts of the elements of an array.
 *
 * @param json A valid JSON text.
 * @returns An empty list if the text is not an array.
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
 * Returns the document with an element appended to an array.
 *
 * @param json A valid JSON text of an object.
 * @param addition The key of the array in the object, and the text of the element.
 * @returns `undefined` if there is no such array.
 */
export function withElement(
  json: string,
  { key, element }: { readonly key: string; readonly element: string },
): string | undefined {
  const [start, end] = findMember(json, skipSpace(json, 0), key) ?? [];
  if (start === undefined || end === undefined || json[start] !== "[") return undefined;
  const isEmpty = skipSpace(json, start + 1) === end - 1;
  return `${json.slice(0, end - 1)}${isEmpty ? "" : ","}${element}${json.slice(end - 1)}`;
}

/**
 * Whether a long text, JSON or not, is nested more deeply or has more objects, arrays or distinct keys
 * than any real message. `JSON.parse` takes ten seconds for 64 MiB of brackets or of keys, and gigabytes of
 * memory for the brackets.
 */
export function isTooComplex(text: string): boolean {
  if (text.length <= SIMPLE_LENGTH) return false;
  let depth = 0;
  let containers = 0;
  const keys = new KeyCounter();
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

/** Memory of an object or an array, of an element, and of a string without its text, in bytes. */
const CONTAINER_BYTES = 64;
const ELEMENT_BYTES = 16;
const STRING_BYTES = 24;

/**
 * Estimates the memory that a document takes as text and parsed together: twice its text, and for small
 * values many times that.
 *
 * @param json A text, JSON or not.
 * @param isAscii Whether it is ASCII. Other strings may take two bytes for each of their characters.
 */
export function estimateMemory(json: string, isAscii: boolean): number {
  let memory = (isAscii ? 2 : 4) * json.length;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        memory += STRING_BYTES;
        at = skipString(json, at) - 1;
        break;
      case 123: // {
      case 91: // [
        memory += CONTAINER_BYTES;
        break;
      case COMMA:
        memory += ELEMENT_BYTES;
    }
  }
  return memory;
}

/**
 * Returns the number of members of all objects in a document, with duplicate keys.
 *
 * @param json A valid JSON text.
 */
export function countMembers(json: string): number {
  let count = 0;
  for (let at = json.indexOf('"'); at >= 0;) {
    const end = skipString(json, at);
    if (json.charCodeAt(skipSpace(json, end)) === COLON) count++;
    at = json.indexOf('"', end);
  }
  return count;
}

/** Counts distinct keys approximately, in little memory and one pass over their characters. */
class KeyCounter {
  readonly #hashBits = new Uint8Array(Math.ceil(KEY_HASHES / 8));
  // Random, so that a peer cannot choose keys that all have the same hash.
  readonly #seed = makeSeed();
  count = 0;

  add(text: string, start: number, end: number): void {
    const hash = (hashText(text, this.#seed, start, end) >>> 0) % KEY_HASHES;
    const bit = 1 << (hash & 7);
    const byte = this.#hashBits[hash >>> 3] ?? 0;
    if ((byte & bit) !== 0) return;
    this.#hashBits[hash >>> 3] = byte | bit;
    this.count++;
  }
}

function findMember(json: string, objectStart: number, key: string): [number, number] | undefined {
  if (json[objectStart] !== "{") return undefined;
  let span: [number, number] | undefined;
  let at = skipSpace(json, objectStart + 1);
  while (json.charCodeAt(at) === QUOTE) {
    const keyEnd = skipString(json, at);
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = skipValue(json, start);
    if (isKey(json, at, keyEnd, key)) span = [start, end];
    at = skipSpace(json, end);
    if (json.charCodeAt(at) !== COMMA) break;
    at = skipSpace(json, at + 1);
  }
  return span;
}

function isKey(json: string, start: number, end: number, key: string): boolean {
  const text = json.slice(start, end);
  if (text.includes("\\")) return JSON.parse(text) === key;
  return text.length === key.length + 2 && text.startsWith(key, 1);
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
  // A quote ends the string unless an odd number of backslashes precedes it.
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
