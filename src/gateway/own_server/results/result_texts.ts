import { fieldsOf } from "../../../json.ts";
import { isSpace } from "../../../exact_json.ts";
import { skipSpace, textAt } from "../../../jsonrpc/mod.ts";
import { longWork } from "../../../long_work.ts";

/** Number of UTF-16 code units that are compared in a step. */
const STEP_LENGTH = 256 * 1024;

/**
 * Maximum number of parts that are compared with the structured content. Servers repeat it in one part, but a hostile
 * server could send thousands of parts.
 */
const MAX_COMPARED_PARTS = 4;

const QUOTE = 34;
const BACKSLASH = 92;

/** The texts of a result that count towards a limit, in the order of its content. */
export interface ResultTexts {
  /** The text parts, and the texts of embedded resources. */
  readonly parts: readonly TextPart[];
  /** The structured content; `undefined` if there is none. */
  readonly structured: StructuredPart | undefined;
}

/** A part of the content that has a text. */
export interface TextPart {
  /** Index in the content. */
  readonly index: number;
  /** Whether the text is that of an embedded resource. */
  readonly isEmbedded: boolean;
  readonly text: string;
}

/** The structured content of a result. */
export interface StructuredPart {
  /** The content as JSON, as the server wrote it. */
  readonly text: string;
  /** A part with the same content; `undefined` if there is none. */
  readonly duplicate: { readonly part: TextPart; readonly key: string | undefined } | undefined;
}

/**
 * Finds the texts of a result, in steps.
 *
 * @param json The result as JSON.
 * @param options The parsed result, and the party of the steps.
 */
export async function findTexts(
  json: string,
  { value, party }: { readonly value: unknown; readonly party: string },
): Promise<ResultTexts> {
  const { content, structuredContent } = fieldsOf(value);
  const parts = (Array.isArray(content) ? content : []).flatMap(
    (block: unknown, index): TextPart[] => {
      const { type, text, resource } = fieldsOf(block);
      if (type === "text" && typeof text === "string") return [{ index, isEmbedded: false, text }];
      const { text: embedded } = fieldsOf(resource);
      return type === "resource" && typeof embedded === "string"
        ? [{ index, isEmbedded: true, text: embedded }]
        : [];
    },
  );
  // It may be any value, not only an object.
  const text = structuredContent === undefined ? undefined : textAt(json, "structuredContent");
  if (text === undefined) return { parts, structured: undefined };
  const duplicate = await findDuplicate(text, { structuredContent, parts, party });
  return { parts, structured: { text, duplicate } };
}

/** Finds the part that repeats the structured content: either as JSON, or as the text that is its only member. */
async function findDuplicate(
  structuredText: string,
  { structuredContent, parts, party }: {
    readonly structuredContent: unknown;
    readonly parts: readonly TextPart[];
    readonly party: string;
  },
): Promise<StructuredPart["duplicate"]> {
  const [member, ...others] = Object.entries(fieldsOf(structuredContent));
  const candidates = parts.values().filter(({ isEmbedded }) => !isEmbedded);
  for (const part of candidates.take(MAX_COMPARED_PARTS)) {
    if (others.length === 0 && member?.[1] === part.text) return { part, key: member[0] };
    if (await isSameJson(part.text, { json: structuredText, party })) {
      return { part, key: undefined };
    }
  }
  return undefined;
}

/** Whether a text equals a JSON document, apart from the whitespace between tokens. */
async function isSameJson(
  text: string,
  { json, party }: { readonly json: string; readonly party: string },
): Promise<boolean> {
  if (text === json) return true;
  let at = 0;
  let jsonAt = 0;
  let isInString = false;
  let isEscaped = false;
  const compareSome = (): boolean => {
    const end = Math.min(json.length, jsonAt + STEP_LENGTH);
    for (; jsonAt < end; jsonAt++) {
      const code = json.charCodeAt(jsonAt);
      if (!isInString && isSpace(code)) continue;
      if (!isInString) at = skipSpace(text, at);
      if (text.charCodeAt(at++) !== code) return false;
      if (isEscaped) isEscaped = false;
      else if (code === QUOTE) isInString = !isInString;
      else isEscaped = code === BACKSLASH;
    }
    return true;
  };
  while (jsonAt < json.length) {
    if (!await longWork.runFor({ party, bytes: json.length }, compareSome)) return false;
  }
  return skipSpace(text, at) === text.length;
}
