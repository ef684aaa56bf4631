/**
 * Fast path for parsing a message. Almost all peers write the members in one of two orders and without
 * spaces. For such a message, the text of the parameters or the result is everything between the other
 * members; the caller parses it, which fails if it is more than one value. Every other message takes the
 * slow path, with the same outcome.
 */
import type { IdText } from "./message.ts";
import { textAt } from "./scan.ts";

/** The members of a message. */
export interface Envelope {
  readonly id: IdText;
  /** `undefined` in an answer. */
  readonly method: string | undefined;
  /** The text of the parameters or of the result; it may not be valid JSON. */
  readonly body: string;
}

/**
 * Matches an id with one possible spelling: no escapes, no exponents, no large numbers; and no commas, because
 * `findIdAtStart` ends the id at the first one.
 */
const ID = /^(?:0|[1-9]\d{0,14}|"[ !#-+\--[\]-~]{0,64}")$/;

/** Matches a method without escapes. */
const METHOD = /^[\w/]{1,64}$/;

/** The beginning of a message with the id first, which is the most common order. */
const ID_FIRST = '{"jsonrpc":"2.0","id":';

/** The end of a message with the id last, up to the id; the TypeScript SDK writes this order. */
const ID_LAST = ',"jsonrpc":"2.0","id":';

/** Length of the longest end of a message from `ID_LAST` on, with the id, rounded up, in UTF-16 code units. */
const MAX_TAIL_LENGTH = 100;

const RESULT_START = '"result":';
const METHOD_START = '"method":"';
const PARAMS_START = '","params":';

/** An id, and the range of the other members in the message. */
interface IdAndRange {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Splits a request with parameters, or a result, into its members.
 *
 * @param text The message as received.
 * @returns `undefined` for a message of another kind or spelling.
 */
export function splitEnvelope(text: string): Envelope | undefined {
  const idAndRange = text.startsWith(ID_FIRST) ? findIdAtStart(text) : findIdAtEnd(text);
  if (idAndRange === undefined || !ID.test(idAndRange.id) || !text.endsWith("}")) return undefined;
  const { id, start, end } = idAndRange;
  if (text.startsWith(RESULT_START, start)) {
    const body = text.slice(start + RESULT_START.length, end);
    return envelopeIfObject({ id, method: undefined, body });
  }
  if (!text.startsWith(METHOD_START, start)) return undefined;
  const methodStart = start + METHOD_START.length;
  const methodEnd = text.indexOf('"', methodStart);
  const method = text.slice(methodStart, methodEnd);
  if (!METHOD.test(method) || !text.startsWith(PARAMS_START, methodEnd)) return undefined;
  return envelopeIfObject({ id, method, body: text.slice(methodEnd + PARAMS_START.length, end) });
}

/**
 * Reads the id and the method of a message. If the message has one of the usual spellings, its parameters and its
 * result are not parsed.
 *
 * @param text A valid message.
 */
export function readIdAndMethod(
  text: string,
): { readonly id: IdText | undefined; readonly method: string | undefined } {
  const envelope = splitEnvelope(text);
  if (envelope !== undefined) return envelope;
  const method = textAt(text, "method");
  return {
    id: textAt(text, "id"),
    method: method === undefined ? undefined : String(JSON.parse(method)),
  };
}

function findIdAtStart(text: string): IdAndRange {
  const idEnd = text.indexOf(",", ID_FIRST.length);
  return { id: text.slice(ID_FIRST.length, idEnd), start: idEnd + 1, end: text.length - 1 };
}

function findIdAtEnd(text: string): IdAndRange | undefined {
  const tail = text.slice(-MAX_TAIL_LENGTH);
  const index = tail.lastIndexOf(ID_LAST);
  if (index < 0 || !text.startsWith("{")) return undefined;
  const end = text.length - tail.length + index;
  return { id: tail.slice(index + ID_LAST.length, -1), start: 1, end };
}

/**
 * Returns the envelope if its body may be an object. This rejects most bodies that include further
 * members of the message.
 */
function envelopeIfObject(envelope: Envelope): Envelope | undefined {
  const { body } = envelope;
  return body.startsWith("{") && body.endsWith("}") ? envelope : undefined;
}
