import { detachSlice, startOfText } from "../text.ts";
import type { DroppedMessage } from "./channel.ts";
import { splitEnvelope } from "./envelope.ts";
import {
  type IdText,
  type InvalidMessage,
  type Message,
  type MessageSource,
  readMessage,
  RPC_CODES,
} from "./message.ts";
import { canBeTooComplex, measureParseCost } from "./parse_cost.ts";
import { elementTexts, hasEscapedName } from "./scan.ts";
import { utf8Bytes } from "./utf8.ts";

/** Maximum number of messages in a batch: the answer to an invalid message is many times its size. */
const MAX_BATCH = 1000;

/** Length of the excerpts from both ends of a dropped message, in UTF-16 code units. */
const EXCERPT_LENGTH = 1024;

/** A text with its size in bytes. */
export interface ReceivedText {
  /** Any text. */
  readonly text: string;
  /** The size of the text in UTF-8 bytes. */
  readonly bytes: number;
}

/**
 * Parses a message.
 *
 * @param text Any text.
 * @param bytes The size of the text in bytes.
 */
export function parseMessage(text: string, bytes: number): Message {
  const cost = canBeTooComplex(text) ? measureParseCost(text, text.length === bytes) : undefined;
  return cost?.isTooComplex === true
    ? readDroppedText({ text, bytes }, "too-complex")
    : parseMeasured({ text, bytes, memory: cost?.memory });
}

/** Classifies the text of a message that is dropped without being parsed. */
export function readDroppedText(
  { text, bytes }: ReceivedText,
  reason: DroppedMessage["reason"],
): InvalidMessage {
  const head = startOfText(text, EXCERPT_LENGTH);
  const tail = detachSlice(text.slice(-EXCERPT_LENGTH), text);
  return readDropped({ reason, bytes, head, tail });
}

/** Parses a message that is not too complex. */
export function parseMeasured(source: MessageSource): Message {
  const { text } = source;
  const usualMessage = parseEnvelope(source);
  if (usualMessage !== undefined) return usualMessage;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Only the position is used: the rest of the error quotes the message, which may contain secrets.
    const [, position] = / at position (\d+)/.exec(String(error)) ?? [];
    const positionClause = position === undefined ? "" : `; the fault is at position ${position}`;
    return createInvalid(RPC_CODES.parseError, `The message is not JSON${positionClause}`, text);
  }
  if (!Array.isArray(value)) return readMessage(value, source);
  if (value.length === 0) {
    return createInvalid(RPC_CODES.invalidRequest, "A batch must not be empty", text);
  }
  if (value.length > MAX_BATCH) {
    const message = `A batch must not contain more than ${MAX_BATCH} messages`;
    return createInvalid(RPC_CODES.invalidRequest, message, text);
  }
  const texts = elementTexts(text);
  const messages = value.map((element, index) => {
    const elementText = detachSlice(texts[index] ?? "", text);
    return readMessage(element, { text: elementText, bytes: utf8Bytes(elementText) });
  });
  return { kind: "batch", messages, text };
}

/** Parses a message in one of the usual spellings; the slow path parses and checks all others. */
function parseEnvelope({ text, bytes, memory }: MessageSource): Message | undefined {
  const envelope = splitEnvelope(text);
  if (envelope === undefined) return undefined;
  const { id, method, body } = envelope;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (method === undefined) {
    // Everything around the result is ASCII.
    return { kind: "result", id, value, body, bytes: bytes - (text.length - body.length), text };
  }
  if (typeof value !== "object" || value === null || hasEscapedName(body)) return undefined;
  return {
    kind: "request",
    // The body is almost the whole message, but the id and the method may outlive it in an answer.
    id: detachSlice(id, text),
    method: detachSlice(method, text),
    params: value,
    body,
    bytes,
    memory,
    text,
  };
}

const DROP_DESCRIPTIONS: Readonly<Record<DroppedMessage["reason"], string>> = {
  "too-long": "is too long",
  "not-utf8": "is not UTF-8",
  "no-room": "does not fit into its sender's share of the memory: other messages take the share, " +
    "or it is smaller than the message; GATEWAY_MAX_HELD sets it",
  "too-complex": "is nested too deeply or contains too many values",
};

/** Classifies a dropped message by its beginning and its end. */
export function readDropped(dropped: DroppedMessage): InvalidMessage {
  const message = `The message of ${dropped.bytes} bytes ${DROP_DESCRIPTIONS[dropped.reason]}`;
  const error = { code: RPC_CODES.parseError, message };
  return { kind: "invalid", error, ...guessIdAndKind(dropped), text: dropped.head, dropped };
}

// Strings and not `RegExp` objects: compiling Unicode properties would add 0.4 ms to every start.
const ID = String.raw`(0|[1-9]\d*|"[^"\\\p{Cc}\ufffd]*")`;
const VERSION = String.raw`(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?`;

/** Matches the beginning of a message up to its first member besides the id and the version. */
const HEAD = String.raw`^\s*\{\s*${VERSION}(?:"id"\s*:\s*${ID}\s*,\s*)?${VERSION}` +
  String.raw`"(method|params|result|error)"\s*:`;

/** Matches the end of a message whose last member is the id or the version after the id. */
const TAIL = String.raw`,\s*"id"\s*:\s*${ID}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`;

/** Guesses the id and the kind, from the orders in which SDKs write the members. */
function guessIdAndKind(
  { head, tail }: DroppedMessage,
): Pick<InvalidMessage, "id" | "probableKind"> {
  const [, headId, member] = new RegExp(HEAD, "u").exec(head) ?? [];
  // If the beginning is not that of a message, an id at the end means nothing.
  if (member === undefined) return { id: undefined, probableKind: undefined };
  const id: IdText | undefined = headId ?? new RegExp(TAIL, "u").exec(tail)?.[1];
  return { id, probableKind: member === "method" || member === "params" ? "call" : "answer" };
}

function createInvalid(code: number, message: string, text: string): InvalidMessage {
  return {
    kind: "invalid",
    error: { code, message },
    id: undefined,
    probableKind: undefined,
    text,
  };
}
