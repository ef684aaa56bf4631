/**
 * Writes what `detail: "signatures"` shows of a tool: one TypeScript-like line made from its input
 * schema, and the beginning of its description.
 */

import { ELLIPSIS, type ParameterLimits, parametersText } from "./schema_text.ts";
import { cutToTokens, estimateTokens } from "./tokens.ts";
import { escapeControls, shortenText } from "../../text.ts";

/** The shown parts of a server's tool definition. */
export interface DescribedTool {
  readonly name?: unknown;
  readonly description?: unknown;
  readonly inputSchema?: unknown;
}

/** Values that a summary needs, if the caller has computed them: the signature, and the tokens of the full definition. */
export interface PrecomputedValues {
  readonly signature?: string;
  readonly fullTokens?: number;
}

const MAX_NAME_CHARS = 128;
/** Maximum length of all parameters, and of the type of one, in characters. */
const PARAMETER_LIMITS: ParameterLimits = { list: 1_600, type: 400 };
const SHORT_PARAMETER_LIMITS: ParameterLimits = { list: 160, type: 60, omitsOptionalTypes: true };
/**
 * The limit of a summary, in tokens: `share` of the full definition, less the signature and the JSON around
 * both (`overhead`), but at least `min` and at most `max`. With 14 public servers (225 tools), this saves
 * 80 % of the tokens and keeps two of three descriptions whole (measured). With a greater share, the largest
 * answer (26 tools) would exceed 4,000 tokens, the size that full definitions may have.
 */
const SUMMARY_LIMIT = { share: 0.45, min: 40, max: 100, overhead: 20 };
/** Maximum number of characters of a description that are read; far more than a summary can contain. */
const MAX_READ_CHARS = 1_000;

/**
 * Writes the input of a tool as one line such as
 * `search(query: string, limit?: number = 10, sort?: "asc" | "desc")`, for any schema. An ellipsis
 * marks parts that are nested too deeply or too long, or a schema that describes no arguments.
 */
export function signatureOf(tool: DescribedTool): string {
  return writeSignature(tool, PARAMETER_LIMITS);
}

function writeSignature(tool: DescribedTool, limits: ParameterLimits): string {
  const name = typeof tool.name === "string" ? tool.name : "";
  const shownName = shortenText(name, MAX_NAME_CHARS);
  return escapeControls(`${shownName}(${parametersText(tool.inputSchema, limits)})`);
}

/**
 * Writes the input of a tool as `signatureOf` does, but shorter: without the types of optional parameters.
 */
export function shortSignatureOf(tool: DescribedTool): string {
  return writeSignature(tool, SHORT_PARAMETER_LIMITS);
}

/** Returns the first sentence of a tool's description, at most `maxChars` characters. Empty without a description. */
export function firstSentenceOf({ description }: DescribedTool, maxChars: number): string {
  if (typeof description !== "string") return "";
  const [first = ""] = sentencesOf(description.slice(0, MAX_READ_CHARS)).filter((sentence) =>
    !isHeading(sentence)
  );
  return first.length <= maxChars ? first : shortenText(first, maxChars - 1);
}

/**
 * Returns the first sentences of a tool's description on one line, as many as the tokens of a summary
 * allow; an ellipsis marks omitted text. Empty without a description.
 *
 * @param computed Parts that the caller has computed already, because they take long for a large definition.
 */
export function summaryOf(tool: DescribedTool, computed: PrecomputedValues = {}): string {
  if (typeof tool.description !== "string") return "";
  const maxTokens = summaryTokens(tool, computed);
  const sentences = sentencesOf(tool.description.slice(0, MAX_READ_CHARS));
  const shownSentences: string[] = [];
  let tokensLeft = maxTokens;
  for (const sentence of sentences) {
    tokensLeft -= estimateTokens(` ${sentence}`);
    if (tokensLeft < 0) break;
    shownSentences.push(sentence);
  }
  if (shownSentences.length === sentences.length && tool.description.length <= MAX_READ_CHARS) {
    return shownSentences.join(" ");
  }
  // A heading says nothing without the text below it.
  while (shownSentences.length > 1 && isHeading(shownSentences.at(-1) ?? "")) {
    shownSentences.pop();
  }
  return shownSentences.length > 0
    ? `${shownSentences.join(" ")} ${ELLIPSIS}`
    : cutToTokens(sentences[0] ?? "", maxTokens);
}

/** Whether a text is a heading: `## Usage`, `**Note:**`, `2.` */
function isHeading(text: string): boolean {
  return /^#|:[^\p{L}\p{N}]*$|^[^\p{L}]*$/u.test(text);
}

/** Splits a text at the ends of sentences and lines, and collapses white space. */
function sentencesOf(text: string): string[] {
  return text.replace(/[^\S\n]+/g, " ")
    .split(/ ?\n\s*|(?<=[.!?]) (?=[^a-z])|(?<=[\u3002\uff01\uff1f])/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

/** Returns the maximum number of tokens of a tool's summary. */
function summaryTokens(
  tool: DescribedTool,
  { signature = signatureOf(tool), fullTokens = estimateFullTokens(tool) }: PrecomputedValues,
): number {
  const { share, min, max, overhead } = SUMMARY_LIMIT;
  const remaining = share * fullTokens - estimateTokens(signature) - overhead;
  return Math.max(min, Math.min(max, Math.floor(remaining)));
}

function estimateFullTokens(tool: DescribedTool): number {
  try {
    return estimateTokens(JSON.stringify(tool));
  } catch (error) {
    // The definition is nested too deeply for the stack, or has a cycle. The summary gets the minimum.
    if (error instanceof RangeError || error instanceof TypeError) return 0;
    throw error;
  }
}
