/**
 * Lays out JSON texts for people, without parsing them. Imports only leaves.
 *
 * @module
 */

import { skipSpace, skipString } from "./exact_json.ts";

/** Matches a number, `true`, `false` or `null` at the position where the search starts. */
const LITERAL = /[-+.\w]+/y;

/**
 * Writes a JSON text anew, one member a line: every string as it reads, every number as it was written, and no layout of
 * its own. Works without recursion, because of deep values.
 *
 * @param json The text, which must be valid.
 * @param options `levels`: how many levels are laid out. What is nested deeper is on one line: each level adds two spaces
 * to each of its lines, so that a text of 16 KiB could become one of 64 MiB.
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
