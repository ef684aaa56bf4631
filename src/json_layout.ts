/**
 * Lays out JSON texts for people, without parsing them. Imports only leaves.
 *
 * @module
 */

import { skipSpace, skipString } from "./exact_json.ts";

/** Matches a number, `true`, `false` or `null` at the position where the search starts. */
const LITERAL = /[-+.\w]+/y;

/**
 * Lays out a JSON text with one member per line. Strings lose escapes that they do not need, numbers stay as they are
 * written, and the layout of the text itself is dropped. Works without recursion, because a deep value would exhaust the
 * stack.
 *
 * @param json The text, which must be valid.
 * @param options `levels` is the number of levels to lay out. Deeper values stay on one line, because each level indents
 * its lines by two more spaces: a text of 16 KiB could become one of 64 MiB.
 */
export function layOutJson(json: string, { levels }: { readonly levels: number }): string {
  const parts: string[] = [];
  let level = 0;
  const startLine = (): void => {
    if (level <= levels) parts.push("\n", "  ".repeat(level));
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
        const isLaidOut = level <= levels;
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
  return parts.join("");
}
