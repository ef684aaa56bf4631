/**
 * Finds the text of a value in a valid JSON document, so that a value can be passed on as it was sent:
 * with numbers beyond 2^53, `-0`, escapes and duplicate keys, and without serializing it again.
 *
 * The functions do not check their input. For a text that is not valid JSON, the results are meaningless.
 */

import { skipLiteral, skipPlain, skipSpace, skipString } from "../exact_json.ts";

export { skipPlain, skipSpace, skipString };

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPENING_BRACKET = 91;
const OPENING_BRACE = 123;

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
 * Returns the texts of the members of an object by key; the last of duplicate keys wins.
 *
 * @param json A valid JSON text.
 * @returns An empty map if the text is not an object.
 */
export function memberTexts(json: string): Map<string, string> {
  const texts = new Map<string, string>();
  const objectStart = skipSpace(json, 0);
  if (json[objectStart] !== "{") return texts;
  for (let member = memberAfter(json, objectStart); member !== undefined;) {
    const { keyStart, keyEnd, start, end } = member;
    texts.set(JSON.parse(json.slice(keyStart, keyEnd)), json.slice(start, end));
    member = memberAfter(json, end);
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
 * Returns the document with another value of a member of the outermost object.
 *
 * @param json A valid JSON text of an object.
 * @param change The key of the member, and the text of its new value.
 * @returns `undefined` if there is no such member.
 */
export function withValue(
  json: string,
  { key, value }: { readonly key: string; readonly value: string },
): string | undefined {
  const [start, end] = findMember(json, skipSpace(json, 0), key) ?? [];
  return start === undefined || end === undefined
    ? undefined
    : `${json.slice(0, start)}${value}${json.slice(end)}`;
}

/**
 * Returns the text between the braces of an object without the members with certain keys, in as few slices as possible;
 * commas belong between the slices.
 *
 * @param json A valid JSON text of an object.
 * @param keys The keys, all of whose members are left out.
 */
export function otherMembers(json: string, keys: readonly string[]): string[] {
  const slices: string[] = [];
  let sliceStart = skipSpace(json, skipSpace(json, 0) + 1);
  let sliceEnd = sliceStart;
  let at = sliceStart;
  while (json.charCodeAt(at) === QUOTE) {
    const keyStart = at;
    const keyEnd = skipString(json, at);
    const end = skipValue(json, skipSpace(json, skipSpace(json, keyEnd) + 1));
    const comma = skipSpace(json, end);
    const isLast = json.charCodeAt(comma) !== COMMA;
    at = isLast ? comma : skipSpace(json, comma + 1);
    if (keys.some((key) => isKey(json, keyStart, keyEnd, key))) {
      if (sliceEnd > sliceStart) slices.push(json.slice(sliceStart, sliceEnd));
      sliceStart = sliceEnd = at;
    } else sliceEnd = end;
    if (isLast) break;
  }
  if (sliceEnd > sliceStart) slices.push(json.slice(sliceStart, sliceEnd));
  return slices;
}

/**
 * Whether the name of a member is written with an escape. `JSON.parse` may take such a name for one that it has read
 * before, so that the parsed object has the value under another name.
 *
 * @param json A valid JSON text of an object, or of any other value.
 */
export function hasEscapedName(json: string): boolean {
  if (!json.includes("\\")) return false;
  for (let member = memberAfter(json, 0); member !== undefined;) {
    if (json.slice(member.keyStart, member.keyEnd).includes("\\")) return true;
    member = memberAfter(json, member.end);
  }
  return false;
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

function findMember(json: string, objectStart: number, key: string): [number, number] | undefined {
  let found: [number, number] | undefined;
  for (let member = memberAfter(json, objectStart); member !== undefined;) {
    const { keyStart, keyEnd, start, end } = member;
    if (isKey(json, keyStart, keyEnd, key)) found = [start, end];
    member = memberAfter(json, end);
  }
  return found;
}

/** The ranges of a member's key, with its quotes, and of its value. */
interface Member {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly start: number;
  readonly end: number;
}

/** Returns the member after a position: the first one if an object starts there, the next one if a member ends there. */
function memberAfter(json: string, before: number): Member | undefined {
  const separator = skipSpace(json, before);
  if (json[separator] !== "{" && json[separator] !== ",") return undefined;
  const keyStart = skipSpace(json, separator + 1);
  if (json.charCodeAt(keyStart) !== QUOTE) return undefined;
  const keyEnd = skipString(json, keyStart);
  const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
  return { keyStart, keyEnd, start, end: skipValue(json, start) };
}

function isKey(json: string, start: number, end: number, key: string): boolean {
  const text = json.slice(start, end);
  if (text.includes("\\")) return JSON.parse(text) === key;
  return text.length === key.length + 2 && text.startsWith(key, 1);
}

/** Returns the end of the value that starts at a position. */
export function skipValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return skipString(json, start);
  if (first !== OPENING_BRACE && first !== OPENING_BRACKET) return skipLiteral(json, start);
  let depth = 0;
  let at = start;
  while (at < json.length) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = skipString(json, at) - 1;
        break;
      case OPENING_BRACE:
      case OPENING_BRACKET:
        depth++;
        break;
      case 125: // }
      case 93: // ]
        if (--depth === 0) return at + 1;
    }
    at = skipPlain(json, at + 1);
  }
  return json.length;
}
