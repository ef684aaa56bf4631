/**
 * The quick way to take a message apart: who wrote it nearly always wrote its members in one of two
 * orders, without spaces between them. What is then left is one value, the parameters or the result,
 * which is parsed for itself; its text is known without a search, and that it is one value and
 * nothing else, `JSON.parse` proves. Every other message is read the long way, with the same outcome.
 */
import type { IdText } from "./message.ts";

/** A message whose members are known, but for the value of one. */
export interface Envelope {
  /** The id as JSON text. */
  readonly id: IdText;
  /** The method; `undefined` in an answer. */
  readonly method: string | undefined;
  /** The text of the parameters or of the result, not yet known to be JSON. */
  readonly body: string;
}

/** An id that is the same text however it is written: no escapes, no exponents, no large numbers. */
const ID = /^(?:0|[1-9]\d{0,14}|"[ !#-+\--[\]-~]{0,64}")$/;

/** A method without escapes. */
const METHOD = /^[\w/]{1,64}$/;

/** How a message begins whose id stands first, as most write it. */
const FIRST = '{"jsonrpc":"2.0","id":';

/** How one ends whose id stands last, as the SDK for TypeScript writes it; but for the id. */
const LAST = ',"jsonrpc":"2.0","id":';

/** Room for that and the longest id, in UTF-16 code units. */
const LAST_SIZE = 100;

/** An id, and where the member lies that stands before or after it. */
interface Found {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Takes a request with parameters, or a result, apart.
 *
 * @param text The message as it came.
 * @returns `undefined` for every message that is written another way.
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

/** Where other members follow the value, that mostly shows in its end, before it is parsed in vain. */
function seal(envelope: Envelope): Envelope | undefined {
  const { body } = envelope;
  return body.startsWith("{") && body.endsWith("}") ? envelope : undefined;
}
