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
const ID = String.raw`(0|[1-9]\d{0,14}|"[ !#-\[\]-~]{0,64}")`;

/** How a message begins: `jsonrpc` and `id` first, as most write it, or last, as the SDK for TypeScript. */
const HEAD = new RegExp(
  String.raw`^\{(?:"jsonrpc":"2\.0","id":${ID},)?(?:"method":"([\w/]{1,64})","params":|"result":)`,
);
const TAIL = new RegExp(String.raw`,"jsonrpc":"2\.0","id":${ID}\}$`);
const CLOSE = /^\}$/;

/** Room for the longest tail, in UTF-16 code units. */
const TAIL_SIZE = 100;

/**
 * Takes a request with parameters, or a result, apart.
 *
 * @param text The message as it came.
 * @returns `undefined` for every message that is written another way.
 */
export function openEnvelope(text: string): Envelope | undefined {
  const head = HEAD.exec(text);
  if (head === null) return undefined;
  const [{ length }, first, method] = head;
  const tail = first === undefined ? TAIL.exec(text.slice(-TAIL_SIZE)) : CLOSE.exec(text.slice(-1));
  const id = first ?? tail?.[1];
  if (tail === null || id === undefined) return undefined;
  const body = text.slice(length, -tail[0].length);
  // Spaces around a value are not passed on with it.
  return body.trim().length < body.length ? undefined : { id, method, body };
}
