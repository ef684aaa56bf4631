/**
 * Reads JSON where `JSON.parse` is not exact: V8 15 may confuse a key with escapes with another one that it has seen
 * before (`"pat\u0068"` becomes `pat\`), and it rounds numbers. A leaf: imports nothing of the project.
 *
 * @module
 */

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPENING_BRACKET = 91;
const CLOSING_BRACKET = 93;
const OPENING_BRACE = 123;
const CLOSING_BRACE = 125;

/** Number of characters that are read one by one after an escaped quote. */
const NEAR_ESCAPES_LENGTH = 64;

/** Maximum length of a text that is read exactly, in UTF-16 code units, and maximum number of its values. */
const MAX_LENGTH = 4 * 1024 * 1024;
const MAX_VALUES = 100_000;

/** Whether a key has an escape, so that `JSON.parse` may confuse it. */
export function hasEscapedKey(json: string): boolean {
  let escape = json.indexOf("\\");
  let start = escape < 0 ? -1 : json.indexOf('"');
  while (start >= 0 && escape >= 0) {
    const end = skipString(json, start);
    if (escape < end && json[skipSpace(json, end)] === ":") return true;
    if (escape < end) escape = json.indexOf("\\", end);
    start = json.indexOf('"', end);
  }
  return false;
}

/** A JSON value, and whether an object in it has a key twice. */
export interface ReadJson {
  /** The value; its objects have no prototype. */
  readonly value: unknown;
  /** Whether an object in it has a key twice. */
  readonly hasDuplicateKeys: boolean;
}

/** An object or a list whose end has not been read. */
interface Container {
  readonly members: Record<string, unknown> | undefined;
  readonly items: unknown[];
}

/**
 * Reads a JSON text, which must be valid. Works without recursion, because a deep value would exhaust the stack. Takes
 * several times as long as `JSON.parse`.
 *
 * @param toNumber Converts the text of a number; default: `Number`.
 * @returns Objects have no prototype. The last of duplicate keys wins. `undefined` if the text is too long, or has too
 * many values.
 */
export function readJson(
  json: string,
  toNumber: (text: string) => unknown = Number,
): ReadJson | undefined {
  if (json.length > MAX_LENGTH) return undefined;
  let hasDuplicateKeys = false;
  let count = 0;
  const root: Container = { members: undefined, items: [] };
  const containers: Container[] = [root];
  let container = root;
  let key: string | undefined;
  const add = (value: unknown): void => {
    count++;
    if (container.members === undefined) container.items.push(value);
    else {
      container.members[key ?? ""] = value;
      key = undefined;
    }
  };
  const open = (opened: Container): void => {
    add(opened.members ?? opened.items);
    container = opened;
    containers.push(opened);
  };
  for (let at = skipSpace(json, 0); at < json.length; at = skipSpace(json, at)) {
    if (count > MAX_VALUES) return undefined;
    switch (json[at]) {
      case ",":
      case ":":
        at++;
        break;
      case "{":
        open({ members: Object.create(null), items: [] });
        at++;
        break;
      case "[":
        open({ members: undefined, items: [] });
        at++;
        break;
      case "}":
      case "]":
        containers.pop();
        container = containers.at(-1) ?? root;
        at++;
        break;
      case '"': {
        const end = skipString(json, at);
        const text = readString(json.slice(at, end));
        if (container.members !== undefined && key === undefined) {
          hasDuplicateKeys ||= Object.hasOwn(container.members, text);
          key = text;
        } else add(text);
        at = end;
        break;
      }
      default: {
        const end = skipLiteral(json, at);
        add(readLiteral(json.slice(at, end), toNumber));
        at = end;
      }
    }
  }
  return { value: root.items[0], hasDuplicateKeys };
}

function readLiteral(text: string, toNumber: (text: string) => unknown): unknown {
  if (text === "null") return null;
  return text === "true" || text === "false" ? text === "true" : toNumber(text);
}

function readString(quoted: string): string {
  return quoted.includes("\\") ? JSON.parse(quoted) : quoted.slice(1, -1);
}

/** Returns the end of the number, `true`, `false` or `null` that starts at a position. */
export function skipLiteral(json: string, start: number): number {
  for (let at = start; at < start + NEAR_LENGTH; at++) {
    const code = json.charCodeAt(at);
    if (code === COMMA || code === CLOSING_BRACKET || code === CLOSING_BRACE || isSpace(code)) {
      return at;
    }
  }
  return skip(json, LITERAL, start);
}

/** Whether a character code is whitespace of JSON. */
export function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/**
 * Number of characters that are read one by one. Beyond them, a regular expression is faster: it takes 1 ns instead of
 * 10 for a character, but 50 ns to begin.
 */
const NEAR_LENGTH = 32;

const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[^"[\]{},]*/y;
const LITERAL = /[^\]}, \t\n\r]*/y;

/** Returns the position of the first character at or after `at` that is not whitespace. */
export function skipSpace(json: string, at: number): number {
  for (const nearEnd = at + NEAR_LENGTH; at < nearEnd; at++) {
    if (!isSpace(json.charCodeAt(at))) return at;
  }
  return skip(json, SPACE, at);
}

/** Returns the position of the first quote, brace, bracket or comma at or after `at`. */
export function skipPlain(json: string, at: number): number {
  for (const nearEnd = at + NEAR_LENGTH; at < nearEnd; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
      case COMMA:
      case OPENING_BRACKET:
      case CLOSING_BRACKET:
      case OPENING_BRACE:
      case CLOSING_BRACE:
        return at;
    }
  }
  return skip(json, PLAIN, at);
}

function skip(json: string, characters: RegExp, at: number): number {
  characters.lastIndex = at;
  // Beyond the end of the text, the test fails.
  return characters.test(json) ? characters.lastIndex : json.length;
}

/** Returns the end of the string that starts at a position. */
export function skipString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end >= 0) {
    // A quote ends the string unless an odd number of backslashes precedes it.
    let before = end - 1;
    while (json.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end + 1;
    // More escapes probably follow; searching for each takes ten times as long as reading the characters.
    let at = end + 1;
    for (const nearEnd = at + NEAR_ESCAPES_LENGTH; at < nearEnd;) {
      const code = json.charCodeAt(at);
      if (code === QUOTE) return at + 1;
      at += code === BACKSLASH ? 2 : 1;
    }
    end = json.indexOf('"', at);
  }
  return json.length;
}
