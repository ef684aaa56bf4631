/**
 * Reads JSON where `JSON.parse` is not exact: V8 15 may confuse a key with escapes with another one that it has seen
 * before (`"pat\u0068"` becomes `pat\`), and it rounds numbers. A leaf: imports nothing of the project.
 *
 * @module
 */

const QUOTE = '"';
const BACKSLASH = 92;

/** Whether a key has an escape, so that `JSON.parse` may confuse it. */
export function hasEscapedKey(json: string): boolean {
  let escape = json.indexOf("\\");
  let start = escape < 0 ? -1 : json.indexOf(QUOTE);
  while (start >= 0 && escape >= 0) {
    const end = endOfString(json, start);
    if (escape < end && json[skipSpace(json, end)] === ":") return true;
    if (escape < end) escape = json.indexOf("\\", end);
    start = json.indexOf(QUOTE, end);
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
  readonly keys: Set<string> | undefined;
  readonly add: (value: unknown) => void;
  key: string | undefined;
}

/**
 * Reads a JSON text, which must be valid. Works without recursion, because of deep values.
 *
 * @param toNumber Converts the text of a number; default: `Number`.
 * @returns Objects have no prototype. The last of duplicate keys wins.
 */
export function readJson(json: string, toNumber: (text: string) => unknown = Number): ReadJson {
  let hasDuplicateKeys = false;
  let value: unknown;
  const containers: Container[] = [];
  const add = (member: unknown): void => {
    const container = containers.at(-1);
    if (container === undefined) value = member;
    else container.add(member);
  };
  const open = (isObject: boolean): void => {
    const members: Record<string, unknown> = Object.create(null);
    const items: unknown[] = [];
    add(isObject ? members : items);
    const container: Container = {
      keys: isObject ? new Set() : undefined,
      key: undefined,
      add: isObject
        ? (member) => {
          members[container.key ?? ""] = member;
          container.key = undefined;
        }
        : (item) => void items.push(item),
    };
    containers.push(container);
  };
  for (let at = skipSpace(json, 0); at < json.length; at = skipSpace(json, at)) {
    const character = json[at];
    if (character === "{" || character === "[") {
      open(character === "{");
      at++;
    } else if (character === "}" || character === "]") {
      containers.pop();
      at++;
    } else if (character === "," || character === ":") at++;
    else if (character === QUOTE) {
      const end = endOfString(json, at);
      const text = readString(json.slice(at, end));
      const container = containers.at(-1);
      if (container?.keys !== undefined && container.key === undefined) {
        hasDuplicateKeys ||= container.keys.has(text);
        container.keys.add(text);
        container.key = text;
      } else add(text);
      at = end;
    } else {
      const start = at;
      while (at < json.length && !/[\s,\]}]/.test(json[at] ?? "")) at++;
      add(readLiteral(json.slice(start, at), toNumber));
    }
  }
  return { value, hasDuplicateKeys };
}

function readLiteral(text: string, toNumber: (text: string) => unknown): unknown {
  if (text === "null") return null;
  return text === "true" || text === "false" ? text === "true" : toNumber(text);
}

function readString(quoted: string): string {
  return quoted.includes("\\") ? JSON.parse(quoted) : quoted.slice(1, -1);
}

/** Returns the index after the string that begins at a quote. */
function endOfString(json: string, start: number): number {
  let from = start + 1;
  for (;;) {
    const quote = json.indexOf(QUOTE, from);
    if (quote < 0) return json.length;
    let escapes = 0;
    while (quote - 1 - escapes >= from && json.charCodeAt(quote - 1 - escapes) === BACKSLASH) {
      escapes++;
    }
    if (escapes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (/\s/.test(json[at] ?? "")) at++;
  return at;
}
