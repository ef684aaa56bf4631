import { fieldsOf } from "../../../json.ts";
import { elementTexts, JsonText, otherMembers, textAt, utf8Bytes } from "../../../jsonrpc/mod.ts";
import { longWork } from "../../../long_work.ts";
import { cannotExceed, type CountOptions, countTokens } from "./count_tokens.ts";
import { type Excerpt, writeExcerpt } from "./excerpt.ts";
import { type KeepOutcome, KEPT_MINUTES } from "./result_store.ts";
import { findTexts, type ResultTexts, type TextPart } from "./result_texts.ts";

/** Minimum number of tokens to which a text is cut: enough for the note and some words. */
const MIN_SHARE = 100;

/** The result of a server's tool. */
export interface CuttableResult {
  /** The result as JSON. */
  readonly result: JsonText;
  /** The parsed result. */
  readonly value: unknown;
  /** Size of the result in UTF-8 bytes. */
  readonly bytes: number;
}

/** Options of cutting a result. */
export interface CutOptions {
  /** Maximum number of tokens of all texts together. */
  readonly maxTokens: number;
  /** Keeps a whole text. */
  readonly keep: (text: string) => Promise<KeepOutcome>;
  /** The part of the hint that says how to call `read_result`, up to its arguments. */
  readonly readCall: string;
  /** The party of the steps, such as `agent a`. */
  readonly party: string;
}

/** A text of a result that counts towards the limit. */
interface CountedText {
  readonly text: string;
  readonly tokens: number;
  /** The part of the content that has the text; `undefined` for structured content that no part has. */
  readonly part: TextPart | undefined;
  /** Present if the structured content holds the text. */
  readonly structured?: {
    /** The key under which it has the text; `undefined` if the text is all of it. */
    readonly key: string | undefined;
  };
}

/**
 * Cuts a result whose texts together exceed a limit: the longest ones are replaced by their heads and tails. If there are
 * too many texts for that, they become one. Images and all other parts stay.
 *
 * @returns The same result if it is within the limit.
 */
export async function cutResult<R extends CuttableResult>(
  answer: R,
  options: CutOptions,
): Promise<R> {
  const { result: { json }, value } = answer;
  const { maxTokens, party } = options;
  if (cannotExceed(json, maxTokens)) return answer;
  const texts = await findTexts(json, { value, party });
  const countedTexts = await countTexts(texts, options);
  const share = findShare(countedTexts, maxTokens);
  if (share === Infinity) return answer;
  const replacements = share < MIN_SHARE && texts.parts.length > 1
    ? await cutTexts({ ...await joinTexts(json, { texts, options }), options })
    : await cutTexts({ countedTexts, share, options });
  // Scanning a long text is a step.
  const cutJson = await longWork.runFor({ party, bytes: json.length }, () => {
    return replaceTexts(answer, { texts, replacements });
  });
  const bytes = await longWork.runFor({ party, bytes: json.length }, () => utf8Bytes(cutJson));
  return { ...answer, result: new JsonText(cutJson), bytes };
}

/** The texts that replace those of a result. */
interface Replacements {
  /** The texts of parts, by their index in the content; `undefined` for a part that is left out. */
  readonly parts: ReadonlyMap<number, string | undefined>;
  /** The structured content as JSON; `undefined` if it stays. */
  readonly structured: string | undefined;
}

/** Returns a result with other texts. All that stays is as the server wrote it. */
function replaceTexts(
  { result: { json }, value }: CuttableResult,
  { texts, replacements }: { readonly texts: ResultTexts; readonly replacements: Replacements },
): string {
  const { content, isError, ...others } = fieldsOf(value);
  const parsedBlocks: readonly unknown[] = Array.isArray(content) ? content : [];
  // Most results have a single part, so nothing has to be scanned for other parts.
  const isAllCut = parsedBlocks.every((_, index) => replacements.parts.has(index));
  const blocks = isAllCut ? [] : elementTexts(textAt(json, "content") ?? "[]");
  const cutBlocks = parsedBlocks.flatMap((block, index) => {
    if (!replacements.parts.has(index)) return blocks[index] ?? [];
    const text = replacements.parts.get(index);
    return text === undefined ? [] : JSON.stringify(withText(fieldsOf(block), text));
  });
  const members = [`"content":[${withCommas(cutBlocks)}]`];
  const writtenKeys = ["content"];
  const structured = replacements.structured ?? texts.structured?.text;
  if (structured !== undefined) {
    members.push(`"structuredContent":${structured}`);
    writtenKeys.push("structuredContent");
  }
  if (typeof isError === "boolean") {
    members.push(`"isError":${isError}`);
    writtenKeys.push("isError");
  }
  const hasOthers = Object.keys(others).some((key) => !writtenKeys.includes(key));
  return `{${withCommas([...members, ...hasOthers ? otherMembers(json, writtenKeys) : []])}}`;
}

/** Joins texts. Unlike `join`, the operator copies nothing yet, so that an image of 50 MB is copied only once. */
function withCommas(texts: readonly string[]): string {
  return texts.reduce((joined, text) => joined === "" ? text : `${joined},${text}`, "");
}

/** Returns a part with another text. */
function withText(block: Readonly<Record<string, unknown>>, text: string): unknown {
  const { type, resource } = block;
  if (type === "text") return { ...block, text };
  return { ...block, resource: { ...fieldsOf(resource), text } };
}

/** Counts the tokens of all texts. A text that is in a part and in the structured content counts once. */
async function countTexts(
  { parts, structured }: ResultTexts,
  { maxTokens: max, party }: CutOptions,
): Promise<CountedText[]> {
  const countedTexts: CountedText[] = [];
  for (const part of parts) {
    const tokens = await countTokens(part.text, { max, party });
    const { duplicate } = structured ?? {};
    const target = duplicate?.part === part ? { structured: { key: duplicate.key } } : {};
    countedTexts.push({ text: part.text, tokens, part, ...target });
  }
  if (structured !== undefined && structured.duplicate === undefined) {
    countedTexts.push(await countStructured(structured.text, { max, party }));
  }
  return countedTexts;
}

async function countStructured(text: string, options: CountOptions): Promise<CountedText> {
  const tokens = await countTokens(text, options);
  return { text, tokens, part: undefined, structured: { key: undefined } };
}

/** Joins all parts that have a text into one text: a JSON array of the parts, each on its own line. */
async function joinTexts(
  json: string,
  { texts: { parts, structured }, options }: {
    readonly texts: ResultTexts;
    readonly options: CutOptions;
  },
): Promise<Omit<CutPlan, "options">> {
  const { maxTokens: max, party } = options;
  const text = await longWork.runFor({ party, bytes: json.length }, () => {
    const blocks = elementTexts(textAt(json, "content") ?? "[]");
    return `[\n${parts.map(({ index }) => blocks[index]).join(",\n")}\n]`;
  });
  const tokens = await countTokens(text, { max, party });
  const part = parts.find(({ isEmbedded }) => !isEmbedded) ?? parts[0];
  const countedTexts: CountedText[] = [{ text, tokens, part }];
  if (structured !== undefined) {
    countedTexts.push(await countStructured(structured.text, { max, party }));
  }
  // The joined text is cut even if it would fit, because only a text that is cut replaces its part.
  const share = Math.min(findShare(countedTexts, max), tokens - 1);
  return { countedTexts, share, omitted: parts };
}

/** Returns the number of tokens to which the longest texts are cut, so that all fit the limit; `Infinity` if they fit uncut. */
function findShare(countedTexts: readonly CountedText[], maxTokens: number): number {
  let remainingTokens = maxTokens;
  const ascending = countedTexts.map(({ tokens }) => tokens).sort((a, b) => a - b);
  for (const [index, tokens] of ascending.entries()) {
    const share = Math.floor(remainingTokens / (ascending.length - index));
    if (tokens > share) return share;
    remainingTokens -= tokens;
  }
  return Infinity;
}

/** The texts to cut, and the length to which they are cut. */
interface CutPlan {
  readonly countedTexts: readonly CountedText[];
  /** Number of tokens to which longer texts are cut. */
  readonly share: number;
  /** Parts to leave out, because the text of another part contains them. */
  readonly omitted?: readonly TextPart[];
  readonly options: CutOptions;
}

async function cutTexts(
  { countedTexts, share, omitted = [], options }: CutPlan,
): Promise<Replacements> {
  const parts = new Map<number, string | undefined>();
  for (const { index } of omitted) parts.set(index, undefined);
  let structured: string | undefined;
  for (const { text, tokens, part, structured: target } of countedTexts) {
    if (tokens <= share) continue;
    const replacement = await cutText(text, { target, share, options });
    if (part !== undefined) parts.set(part.index, replacement.text);
    structured = replacement.structured ?? structured;
  }
  return { parts, structured };
}

/**
 * Keeps a text, and returns its head and tail with a note: as lines, or as an object if it is structured content.
 *
 * @returns The new text, and the new structured content as JSON if it held the text.
 */
async function cutText(
  text: string,
  { target, share, options: { keep, readCall, party } }: Omit<CutPlan, "countedTexts"> & {
    readonly target: CountedText["structured"];
  },
): Promise<{ readonly text: string; readonly structured?: string }> {
  const outcome = await keep(text);
  const chars = text.length;
  const note = "handle" in outcome
    ? { size: { chars, lines: outcome.lines }, handle: outcome.handle, hint: writeHint(readCall) }
    : {
      size: { chars },
      hint: `The rest could not be kept (${outcome.reason}). Ask the tool for less.`,
    };
  const writeLines = ({ head, tail, from, to }: Excerpt): string => {
    const gap = `[… characters ${from} to ${to} left out …]`;
    return [...lineBlock(head), gap, ...lineBlock(tail), JSON.stringify(note)].join("\n");
  };
  const options = { maxTokens: share, party };
  if (target === undefined) {
    return { text: await writeExcerpt(text, { ...options, write: writeLines }) };
  }
  const { key } = target;
  const structured = await writeExcerpt(text, {
    ...options,
    write: (excerpt) => {
      const { head, tail, from, to } = excerpt;
      return JSON.stringify(
        key === undefined
          ? { head, left_out: { from, to }, tail, ...note }
          : { [key]: writeLines(excerpt) },
      );
    },
  });
  return { text: key === undefined ? structured : JSON.parse(structured)[key], structured };
}

function writeHint(readCall: string): string {
  return `The whole is kept for ${KEPT_MINUTES} minutes: ${readCall} {handle, offset?, limit?, ` +
    "unit?: lines, grep?, path?}";
}

/** Returns a text without its last line feed, to be joined with others; an empty text adds nothing, not even a line. */
function lineBlock(text: string): string[] {
  return text === "" ? [] : [text.endsWith("\n") ? text.slice(0, -1) : text];
}
