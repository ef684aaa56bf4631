import type { Node } from "jsonc-parser";
import { ConfigError } from "../../errors.ts";
import { didYouMean } from "../../similar_names.ts";
import type { Rules } from "../rules.ts";
import { parseRules } from "./parse_rules.ts";

/** A bearer token to be written into the rules. */
export interface NewToken {
  /** Id of the agent that the token identifies. */
  readonly agent: string;
  /** SHA-256 of the token, 64 hex digits in lower case. */
  readonly sha256: string;
  /** When the token expires, as ISO 8601; default: never. */
  readonly expires?: string | undefined;
}

/**
 * Writes a token's hash into the text of a rules file. Everything else is unchanged, comments,
 * trailing commas and layout included: a comment after an entry stays on the line of that entry.
 *
 * @param rulesFile The name of the file, for messages, and its text.
 * @throws {ConfigError} if the file has errors, or does not contain the agent.
 */
export function addToken(
  { file, text }: { readonly file: string; readonly text: string },
  token: NewToken,
): string {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const body = text.slice(mark.length);
  const { document, rules } = parseRules({ file, text: body });
  const { agent, sha256, expires } = token;
  const node = document.findNode(["agents", agent]);
  if (node === undefined) {
    const suggestion = didYouMean(agent, rules.agents.keys());
    const quotedAgent = JSON.stringify(agent);
    const message = `there is no agent ${quotedAgent} in the rules${suggestion}: add it first`;
    throw new ConfigError([document.createProblem(["agents"], message)]);
  }
  const entry = expires === undefined
    ? JSON.stringify(sha256)
    : `{ "sha256": ${JSON.stringify(sha256)}, "expires": ${JSON.stringify(expires)} }`;
  const list = document.findNode(["agents", agent, "token_sha256"]);
  const editedBody = list === undefined
    ? appendMember(body, node, `"token_sha256": [${entry}]`)
    : appendMember(body, list, entry);
  // Verify that nothing else has changed; otherwise add no token.
  const editedRules = parseRules({ file, text: editedBody }).rules;
  const tokenCount = countTokens(rules, agent) ?? 0;
  if (
    editedRules.agents.size !== rules.agents.size ||
    countTokens(editedRules, agent) !== tokenCount + 1
  ) {
    throw new Error(`The token could not be written into ${file}; the file is unchanged`);
  }
  return mark + editedBody;
}

function countTokens({ agents }: Rules, agent: string): number | undefined {
  return agents.get(agent)?.tokens.length;
}

/** Comments of both kinds, in a text without strings. */
const COMMENTS = /\/\*[^]*?\*\/|\/\/[^\r\n]*/g;

/** Appends a member to a list or an object, in the layout of the other members. */
function appendMember(text: string, container: Node, member: string): string {
  const { offset, length, children = [], type } = container;
  const last = children.at(-1);
  const start = last === undefined ? offset + 1 : last.offset + last.length;
  const end = offset + length - 1;
  const gap = text.slice(start, end);
  // The gap contains the comments: the new member follows them.
  const at = start + gap.trimEnd().length;
  const tail = text.slice(at);
  // A list with a trailing comma keeps one.
  const hasComma = gap.replaceAll(COMMENTS, "").includes(",");
  const trailingComma = hasComma ? "," : "";
  if (!gap.includes("\n")) {
    const needsSpaceAfter = type === "object" && gap === "" && last === undefined;
    const needsSpaceBefore = last !== undefined || type === "object" || gap.trim() !== "";
    const before = (last !== undefined && !hasComma ? "," : "") + (needsSpaceBefore ? " " : "");
    const after = trailingComma + (needsSpaceAfter ? " " : "");
    return `${text.slice(0, at)}${before}${member}${after}${tail}`;
  }
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const memberIndent = last === undefined ? undefined : findIndent(text, last.offset);
  const indent = memberIndent ?? (getLineIndent(text, offset) + detectIndentUnit(text));
  // The comma directly follows the last member: after a comment, it would be part of it.
  const comma = last === undefined || hasComma ? "" : ",";
  const head = `${text.slice(0, start)}${comma}${text.slice(start, at)}`;
  return `${head}${lineEnd}${indent}${member}${trailingComma}${tail}`;
}

/** Returns the indentation of a node that is the first on its line; otherwise undefined. */
function findIndent(text: string, offset: number): string | undefined {
  const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return before.trim() === "" ? before : undefined;
}

function getLineIndent(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^[ \t]*/.exec(line)?.[0] ?? "";
}

function detectIndentUnit(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
}
