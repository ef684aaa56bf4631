import { fieldsOf } from "../json.ts";

/** The part of a message that a relay reads. */
export interface MessageHead {
  /** The id as JSON text, the same for every spelling of the same id; `undefined` in a notification. */
  readonly id: string | undefined;
  /** The method; `undefined` in an answer, and in JSON that is not a message. */
  readonly method: string | undefined;
  /** Whether it is an answer. */
  readonly isAnswer: boolean;
  /** The parameters, `{}` if there are none; `undefined` if the message was not parsed as a whole. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** Size up to which a message is parsed as a whole, in bytes. */
const SMALL_BYTES = 16 * 1024;

/** Size of the parts at both ends of a long message, in bytes. */
const PART_BYTES = 512;

const ID = String.raw`(-?\d{1,15}|"[ !#-\[\]-~]{0,64}")`;
const METHOD = String.raw`"method"\s*:\s*"([\w/$.-]{1,64})"`;

/** Matches the beginning of a message that has its id first; groups: the id, the method. */
const ID_FIRST = new RegExp(
  String
    .raw`^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*${ID}\s*,\s*(?:${METHOD}|"(?:result|error)")`,
);

/**
 * Matches the beginning of an answer in the usual spelling. Parsing a long answer would create as much garbage as the
 * answer is long.
 */
const ANSWER = new RegExp(String.raw`^\{"jsonrpc":"2\.0","id":${ID},"(?:result|error)":`);

/** Size of the part of an answer that has its id in the usual spelling, in bytes. */
const ANSWER_BYTES = 128;

/** Matches the beginning of a message that has its method first, or second. */
const METHOD_FIRST = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${METHOD}`);

/** Matches the end of a message that has its id last. */
const ID_LAST = new RegExp(String.raw`,\s*"id"\s*:\s*${ID}\s*\}\s*$`);

const decoder = new TextDecoder();

/**
 * Reads the heads of a line: of one message, or of each message of a batch; none if it is not JSON.
 *
 * Of a long message in one of the usual spellings, only both ends are read. What looks like the end of the message
 * cannot be inside a string, because the closing quote of the string would have to follow.
 */
export function readHeads(line: Uint8Array): MessageHead[] {
  const [, answeredId] = ANSWER.exec(decoder.decode(line.subarray(0, ANSWER_BYTES))) ?? [];
  if (answeredId !== undefined) return [{ id: answeredId, method: undefined, isAnswer: true }];
  if (line.length > SMALL_BYTES) {
    const head = readFromBothEnds(line);
    if (head !== undefined) return [head];
  }
  try {
    return parseHeads(decoder.decode(line));
  } catch {
    return [];
  }
}

function readFromBothEnds(line: Uint8Array): MessageHead | undefined {
  const beginning = decoder.decode(line.subarray(0, PART_BYTES));
  const [start, firstId, method] = ID_FIRST.exec(beginning) ?? [];
  if (start !== undefined) return { id: firstId, method, isAnswer: method === undefined };
  const [, firstMethod] = METHOD_FIRST.exec(beginning) ?? [];
  if (firstMethod === undefined) return undefined;
  const [, lastId] = ID_LAST.exec(decoder.decode(line.subarray(-PART_BYTES))) ?? [];
  return lastId === undefined ? undefined : { id: lastId, method: firstMethod, isAnswer: false };
}

/** Stands for a number that is not a safe integer, so that `JSON.parse` may not keep all its digits. */
class InexactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function parseHeads(text: string): MessageHead[] {
  const messages = messagesIn(JSON.parse(text));
  // `JSON.parse` with a reviver takes ten times as long.
  const isExact = messages.every(({ id, params }) =>
    [id, fieldsOf(params).requestId].every((value) =>
      typeof value !== "number" || Number.isSafeInteger(value)
    )
  );
  return (isExact ? messages : messagesIn(JSON.parse(text, keepInexactNumber))).map(
    ({ id, method, params, ...others }) => ({
      id: readId(id),
      method: typeof method === "string" ? method : undefined,
      isAnswer: method === undefined && ("result" in others || "error" in others),
      params: fieldsOf(params),
    }),
  );
}

function messagesIn(value: unknown): Readonly<Record<string, unknown>>[] {
  return (Array.isArray(value) ? value : [value]).map(fieldsOf);
}

function keepInexactNumber(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  const isInexact = typeof value === "number" && !Number.isSafeInteger(value);
  return isInexact ? new InexactNumber(context?.source ?? String(value)) : value;
}

/** Returns an id as JSON text; `undefined` if the value is not an id. */
export function readId(id: unknown): string | undefined {
  if (typeof id === "string") return JSON.stringify(id);
  if (id instanceof InexactNumber) return id.text;
  return typeof id === "number" ? String(id) : undefined;
}
