import type { DroppedMessage } from "./channel.ts";
import { type Message, readMessage, RPC_CODES } from "./message.ts";
import { elementTexts } from "./scan.ts";

/**
 * Sorts the text of a message.
 *
 * @param text What came; anything.
 */
export function parseMessage(text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const error = { code: RPC_CODES.parseError, message: "The message is not JSON" };
    return { kind: "invalid", error, id: undefined, isCall: false, text };
  }
  if (!Array.isArray(value)) return readMessage(value, text);
  if (value.length === 0) {
    const error = { code: RPC_CODES.invalidRequest, message: "A batch must not be empty" };
    return { kind: "invalid", error, id: undefined, isCall: false, text };
  }
  const texts = elementTexts(text);
  const messages = value.map((element, index) => readMessage(element, texts[index] ?? ""));
  return { kind: "batch", messages, text };
}

/**
 * What can be told of a message of which only the ends are known. SDKs write the id and the method
 * first, or the id last.
 *
 * @param dropped The message's ends.
 * @returns Whether it asks or answers, and its id as JSON text where it shows.
 */
export function guessMessage({ head, tail }: DroppedMessage): { isCall: boolean; id?: string } {
  const isCall = /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:\d+|"[^"\\]*")\s*,\s*)*"method"/.test(head);
  const first = /^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d+|"[^"\\]*")\s*,/.exec(head);
  const last = /,\s*"id"\s*:\s*(\d+|"[^"\\]*")\s*\}\s*$/.exec(tail);
  const id = first?.[1] ?? last?.[1];
  return id === undefined ? { isCall } : { isCall, id };
}
