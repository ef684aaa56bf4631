/**
 * Writes what `detail: "signatures"` shows of a tool: one TypeScript-like line made from its input
 * schema, and the beginning of its description.
 */

import { cut, parametersText } from "./schema_text.ts";
import { estimateTokens } from "./tokens.ts";
import { startOfText } from "../../text.ts";

/** The shown parts of a server's tool definition. */
export interface DescribedTool {
  readonly name?: unknown;
  readonly description?: unknown;
  readonly inputSchema?: unknown;
}

const maxNameChars = 128;
/** Maximum length of all parameters, and of the type of one, in characters. */
const room = { list: 1_600, type: 400 };
/**
 * Tokens of a summary: the rest of `share` of the full definition, within these bounds. Measured with 14
 * public servers (225 tools), this saves 80 % and keeps two of three descriptions whole; with more, the
 * largest answer (26 tools) exceeds the 4,000 tokens above which signatures replace definitions.
 */
const summary = { share: 0.45, min: 40, max: 100, besides: 20 };
/** Matches headings: `## Usage`, `**Note:**`, `2.` */
const heading = /^#|:[^\p{L}\p{N}]*$|^[^\p{L}]*$/u;
/** Characters of a description that are read; far more than a summary can hold. */
const maxReadChars = 1_000;

/**
 * Writes the input of a tool as one line such as
 * `search(query: string, limit?: number = 10, sort?: "asc" | "desc")`, for any schema. An ellipsis
 * marks parts that are too deep or too long to show, or a schema that says nothing usable.
 */
export function signatureOf(tool: DescribedTool): string {
  const name = typeof tool.name === "string" ? tool.name : "";
  const shownName = name.length > maxNameChars ? name.slice(0, maxNameChars) + cut : name;
  return escapeControls(`${shownName}(${parametersText(tool.inputSchema, room)})`);
}

/**
 * Takes as many whole sentences and lines from the beginning of a tool's description as it may cost
 * in addition to its signature, on one line; an ellipsis marks omitted text. Empty without a description.
 */
export function summaryOf(tool: DescribedTool): string {
  if (typeof tool.description !== "string") return "";
  const room = summaryRoom(tool);
  const sentences = sentencesOf(tool.description.slice(0, maxReadChars));
  const shown: string[] = [];
  let left = room;
  for (const sentence of sentences) {
    left -= estimateTokens(` ${sentence}`);
    if (left < 0) break;
    shown.push(sentence);
  }
  if (shown.length === sentences.length && tool.description.length <= maxReadChars) {
    return shown.join(" ");
  }
  // A heading without its text says nothing.
  while (shown.length > 1 && heading.test(shown.at(-1) ?? "")) shown.pop();
  return shown.length > 0 ? `${shown.join(" ")} ${cut}` : beginningOf(sentences[0] ?? "", room);
}

/** Splits a text at the ends of sentences and lines, and collapses white space. */
function sentencesOf(text: string): string[] {
  return text.replace(/[^\S\n]+/g, " ")
    .split(/ ?\n\s*|(?<=[.!?]) (?=[^a-z])|(?<=[\u3002\uff01\uff1f])/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

/** Returns the first words of a sentence that fit. */
function beginningOf(sentence: string, tokens: number): string {
  let left = tokens - 1;
  let end = 0;
  for (const { 0: word, index } of sentence.matchAll(/\S+/g)) {
    left -= estimateTokens(` ${word}`);
    if (left < 0) break;
    end = index + word.length;
  }
  // In a script without spaces no word may fit; the cut must not split a character.
  if (end === 0) return startOfText(sentence, tokens) + cut;
  return sentence.slice(0, end) + cut;
}

function summaryRoom(tool: DescribedTool): number {
  const { share, min, max, besides } = summary;
  const left = share * fullTokens(tool) - estimateTokens(signatureOf(tool)) - besides;
  return Math.max(min, Math.min(max, Math.floor(left)));
}

function fullTokens(tool: DescribedTool): number {
  try {
    return estimateTokens(JSON.stringify(tool));
  } catch (error) {
    // The definition is nested too deeply for the stack or has a cycle: such a tool gets the minimum.
    if (error instanceof RangeError || error instanceof TypeError) return 0;
    throw error;
  }
}

/** Escapes line ends, and characters that hide or reorder text. */
function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
