import {
  createScanner,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { MAX_NESTING } from "./json_value.ts";

/** A syntax error in JSON with comments and trailing commas. */
export interface SyntaxProblem {
  readonly offset: number;
  readonly message: string;
}

const MESSAGES = new Map(Object.entries({
  InvalidSymbol:
    "not JSON: strings need double quotes, and the only words are true, false and null",
  InvalidNumberFormat: "not a valid JSON number",
  PropertyNameExpected: "expected a key in double quotes",
  ValueExpected: "expected a value",
  ColonExpected: "expected `:` between key and value",
  CommaExpected: "expected `,` before this, or the end of the list or object",
  CloseBraceExpected: "the file ends before a `{` is closed: expected `}`",
  CloseBracketExpected: "the file ends before a `[` is closed: expected `]`",
  EndOfFileExpected: "unexpected text after the end of the value: remove it",
  UnexpectedEndOfComment: "this comment is not closed: expected `*/`",
  UnexpectedEndOfString: 'this string is not closed on its line: expected `"`',
  UnexpectedEndOfNumber: "not a valid JSON number",
  InvalidUnicode: "expected four hex digits after `\\u`",
  InvalidEscapeCharacter: "unknown escape: write a backslash as `\\\\`",
  InvalidCharacter: "control character in a string: write it as an escape, such as `\\t`",
}));

/** A syntax tree, or at least one problem. */
export interface ParsedSyntax {
  readonly root?: Node;
  readonly problems: readonly SyntaxProblem[];
}

/**
 * Parses JSON with comments and trailing commas. Reports only the first problem of each line, because
 * the others usually follow from it.
 */
export function parseSyntax(text: string): ParsedSyntax {
  const nesting = scanNesting(text);
  // The parser recurses, so it must not see a text that is nested too deeply.
  if (nesting.tooDeepAt !== undefined) {
    const message = `nested too deeply: expected at most ${MAX_NESTING} levels`;
    return { problems: [{ offset: nesting.tooDeepAt, message }] };
  }
  if (nesting.isEmpty) {
    const comment = findOpenComment(text);
    const message = comment === undefined
      ? "the file is empty: expected an object"
      : MESSAGES.get("UnexpectedEndOfComment") ?? "";
    return { problems: [{ offset: comment ?? 0, message }] };
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: false, allowTrailingComma: true });
  if (root !== undefined && errors.length === 0) return { root, problems: [] };
  const problems: SyntaxProblem[] = [];
  for (const { error, offset } of errors) {
    const last = problems.at(-1)?.offset;
    const sameLine = last !== undefined && !/[\r\n]/.test(text.slice(last, offset));
    if (sameLine) continue;
    const name = printParseErrorCode(error);
    const message = name === "InvalidSymbol"
      ? describeInvalidSymbol(text, offset)
      : MESSAGES.get(name);
    problems.push({ offset, message: message ?? "not JSON" });
    // Problems after an unclosed string or comment are only noise.
    if (name === "UnexpectedEndOfString" || name === "UnexpectedEndOfComment") break;
  }
  return { problems };
}

/** Returns what to write instead of a symbol that is not JSON. */
function describeInvalidSymbol(text: string, offset: number): string | undefined {
  const [word = ""] = /^[^\s,:{}[\]"]+/.exec(text.slice(offset, offset + 100)) ?? [];
  if (word.startsWith("'")) return `strings need double quotes: write " instead of '`;
  if (word.startsWith("#")) return "write a comment after `//`, or between `/*` and `*/`";
  if (/^[-+.]?\d/.test(word)) {
    return "not a valid JSON number: write decimal digits, such as 16, 0.5 or -1e3";
  }
  // The message quotes keys only: a value may be a secret.
  const isKey = /^\s*:/.test(text.slice(offset + word.length, offset + word.length + 20));
  if (isKey) return `keys need double quotes: write ${JSON.stringify(word)}`;
  return MESSAGES.get("InvalidSymbol");
}

/** Returns the offset of an unclosed comment in a text that consists of comments only. */
function findOpenComment(text: string): number | undefined {
  for (let at = text.indexOf("/"); at >= 0;) {
    const isBlock = text[at + 1] === "*";
    const end = isBlock ? text.indexOf("*/", at + 2) : findLineEnd(text, at);
    if (end < at) return isBlock ? at : undefined;
    at = text.indexOf("/", end + (isBlock ? 2 : 0));
  }
  return undefined;
}

/** Returns the offset of the end of the line at an offset; -1 on the last line. */
function findLineEnd(text: string, at: number): number {
  const pattern = /[\r\n]/g;
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? -1;
}

// The package declares its kinds as a `const enum`, which isolated modules cannot read.
const TOKEN_KINDS = { openBrace: 1, closeBrace: 2, openBracket: 3, closeBracket: 4, end: 17 };

interface ScanResult {
  readonly isEmpty: boolean;
  readonly tooDeepAt?: number;
}

function scanNesting(text: string): ScanResult {
  const scanner = createScanner(text, true);
  const openBrackets: number[] = [];
  let isEmpty = true;
  for (let kind: number = scanner.scan(); kind !== TOKEN_KINDS.end; kind = scanner.scan()) {
    isEmpty = false;
    if (kind === TOKEN_KINDS.openBrace || kind === TOKEN_KINDS.openBracket) {
      if (openBrackets.push(kind) > MAX_NESTING) {
        return { isEmpty, tooDeepAt: scanner.getTokenOffset() };
      }
    } else if (kind === TOKEN_KINDS.closeBrace || kind === TOKEN_KINDS.closeBracket) {
      // A bracket that does not match closes nothing: the parser may continue inside the open one.
      if (openBrackets.at(-1) === kind - 1) openBrackets.pop();
    }
  }
  return { isEmpty };
}
