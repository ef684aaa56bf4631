/**
 * Fast path for parsing a message. Almost all peers write the members in one of two orders and
 * without spaces. One value remains, the parameters or the result. Its text is found without a
 * search, and `JSON.parse` proves that it is one value and nothing else. Every other message takes
 * the slow path, with the same outcome.
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

/** Matches an id with one possible spelling: no escapes, no exponents, no large numbers. */
const ID = /^(?:0|[1-9]\d{0,14}|"[ !#-+\--[\]-~]{0,64}")$/;

/** Matches a method without escapes. */
const METHOD = /^[\w/]{1,64}$/;

/** The beginning of a message with the id first, which is the most common order. */
const FIRST = '{"jsonrpc":"2.0","id":';

/** The end of a message with the id last, up to the id; the TypeScript SDK writes this order. */
const LAST = ',"jsonrpc":"2.0","id":';

/** Enough for `LAST` and the longest id, in UTF-16 code units. */
const LAST_SIZE = 100;

/** An id, and the range of the members before or after it. */
interface Found {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Splits a request with parameters, or a result, into its members.
 *
 * @param text The message as received.
 * @returns `undefined` for every message that is written in another way.
 */
export function openEnvelope(text: string): Envelope | undefined {
  const found = text.startsWith(FIRST) ? findFirstId(text) : findLastId(text);
  if (found === undefined || !ID.test(found.id) || !text.endsWith("}")) return undefined;
  const { id, start, end } = found;
  if (text.startsWith('"result":', start)) {
    return seal({ id, method: undefined, body: text.slice(start + 9, end) });
  }
  if (!text.startsWith('"method":"', start)) return undefined;
  const methodEnd = text.indexOf('"', start + 10);
  const method = text.slice(start + 10, methodEnd);
  if (!METHOD.test(method) || !text.startsWith('","params":', methodEnd)) return undefined;
  return seal({ id, method, body: text.slice(methodEnd + 11, end) });
}

/**
 * Reads the id and the method of a message. In one of the usual spellings, the parameters and the
 * result are not parsed.
 *
 * @param text A valid message.
 */
export function readIdAndMethod(
  text: string,
): { readonly id: IdText | undefined; readonly method: string | undefined } {
  const envelope = openEnvelope(text);
  if (envelope !== undefined) return envelope;
  const method = textAt(text, "method");
  return {
    id: textAt(text, "id"),
    method: method === undefined ? undefined : String(JSON.parse(method)),
  };
}

function findFirstId(text: string): Found {
  const idEnd = text.indexOf(",", FIRST.length);
  return { id: text.slice(FIRST.length, idEnd), start: idEnd + 1, end: text.length - 1 };
}

function findLastId(text: string): Found | undefined {
  const tail = text.slice(-LAST_SIZE);
  const at = tail.lastIndexOf(LAST);
  if (at < 0 || !text.startsWith("{")) return undefined;
  const end = text.length - tail.length + at;
  return { id: tail.slice(at + LAST.length, -1), start: 1, end };
}

/** Rejects most messages with other members after the value, before the value is parsed in vain. */
function seal(envelope: Envelope): Envelope | undefined {
  const { body } = envelope;
  return body.startsWith("{") && body.endsWith("}") ? envelope : undefined;
}
