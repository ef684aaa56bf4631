import { fieldsOf } from "../json.ts";

/** The part of a message that a relay reads. */
export interface Envelope {
  /** The id as JSON text, the same for every spelling of the same id; `undefined` in a notification. */
  readonly id: string | undefined;
  /** The method; `undefined` in an answer. */
  readonly method: string | undefined;
  /** The parameters; `undefined` if there are none, or the message is long. */
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

/** Matches the beginning of an answer in the usual spelling. Parsing it would leave as much to collect as it is long. */
const ANSWER = new RegExp(String.raw`^\{"jsonrpc":"2\.0","id":${ID},"(?:result|error)":`);

/** Size of the part of an answer that has its id in the usual spelling, in bytes. */
const ANSWER_BYTES = 128;

/** Matches the beginning of a message that has its method first, or second. */
const METHOD_FIRST = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${METHOD}`);

/** Matches the end of a message that has its id last. */
const ID_LAST = new RegExp(String.raw`,\s*"id"\s*:\s*${ID}\s*\}\s*$`);

const decoder = new TextDecoder();

/**
 * Reads the envelopes of a line: of one message, or of each message of a batch; none if it is not JSON.
 *
 * Of a long message in one of the usual spellings, only both ends are read. Its end cannot be part of a string, because
 * the string would not end.
 */
export function readEnvelopes(line: Uint8Array): Envelope[] {
  const [, answeredId] = ANSWER.exec(decoder.decode(line.subarray(0, ANSWER_BYTES))) ?? [];
  if (answeredId !== undefined) return [{ id: answeredId, method: undefined }];
  if (line.length > SMALL_BYTES) {
    const envelope = readEnds(line);
    if (envelope !== undefined) return [envelope];
  }
  const text = decoder.decode(line);
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map((item) => toEnvelope(item)) : [toEnvelope(value, text)];
  } catch {
    return [];
  }
}

function readEnds(line: Uint8Array): Envelope | undefined {
  const head = decoder.decode(line.subarray(0, PART_BYTES));
  const [start, firstId, method] = ID_FIRST.exec(head) ?? [];
  if (start !== undefined) return { id: firstId, method };
  const [, firstMethod] = METHOD_FIRST.exec(head) ?? [];
  if (firstMethod === undefined) return undefined;
  const [, lastId] = ID_LAST.exec(decoder.decode(line.subarray(-PART_BYTES))) ?? [];
  return lastId === undefined ? undefined : { id: lastId, method: firstMethod };
}

function toEnvelope(value: unknown, text = ""): Envelope {
  if (typeof value !== "object" || value === null) return { id: undefined, method: undefined };
  const { id, method, params } = value as Record<string, unknown>;
  return {
    id: toIdText(id, text),
    method: typeof method === "string" ? method : undefined,
    params: fieldsOf(params),
  };
}

function toIdText(id: unknown, text: string): string | undefined {
  if (typeof id === "string") return JSON.stringify(id);
  if (typeof id !== "number") return undefined;
  // A double does not have all digits of a long number.
  return Number.isSafeInteger(id) ? String(id) : /"id"\s*:\s*(-?[\d.eE+]+)/.exec(text)?.[1];
}
