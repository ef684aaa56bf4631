import { skipSpace, skipString } from "../exact_json.ts";
import { escapeUnprintable } from "../text.ts";

/**
 * Number of levels that are laid out, one member a line. What is nested deeper is on one line: each level would add two
 * spaces to each line, so that a text of 16 KiB would become one of 64 MiB.
 */
const MAX_LEVELS = 8;

/** Matches a number, `true`, `false` or `null` at the position where the search starts. */
const LITERAL = /[-+.\w]+/y;

/**
 * Writes arguments for a person, one member a line: every string as it reads, every number as it was written, and every
 * character that cannot be printed as an escape. Nothing is cut, and no layout of the caller remains.
 *
 * @param json The text of a JSON object, which must be valid.
 */
export function shownArguments(json: string): string {
  const parts: string[] = [];
  let level = 0;
  const startLine = (): void => {
    if (level <= MAX_LEVELS) parts.push("\n", "  ".repeat(level));
  };
  for (let at = skipSpace(json, 0); at < json.length; at = skipSpace(json, at)) {
    const character = json[at] ?? "";
    switch (character) {
      case "{":
      case "[": {
        parts.push(character);
        at = skipSpace(json, at + 1);
        level++;
        const isEmpty = json[at] === "}" || json[at] === "]";
        if (isEmpty) {
          parts.push(json[at++] ?? "");
          level--;
        } else startLine();
        break;
      }
      case "}":
      case "]": {
        // The closing bracket is on a line of its own if the members are.
        const isLaidOut = level <= MAX_LEVELS;
        level--;
        if (isLaidOut) startLine();
        parts.push(character);
        at++;
        break;
      }
      case ",":
        parts.push(character);
        startLine();
        at++;
        break;
      case ":":
        parts.push(": ");
        at++;
        break;
      case '"': {
        const end = skipString(json, at);
        parts.push(JSON.stringify(JSON.parse(json.slice(at, end))));
        at = end;
        break;
      }
      default: {
        LITERAL.lastIndex = at;
        const [literal = character] = LITERAL.exec(json) ?? [];
        parts.push(literal);
        at += literal.length;
      }
    }
  }
  return escapeUnprintable(parts.join(""));
}

/** Writes a name for a person, in quotes, with every character that cannot be printed as an escape. */
export function shownName(name: string): string {
  return escapeUnprintable(JSON.stringify(name));
}
