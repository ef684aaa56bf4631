import { detachSlice } from "../text.ts";
import type { DroppedMessage } from "./channel.ts";
import { hasEscapedName, textAt } from "./scan.ts";
import { utf8Bytes } from "./utf8.ts";

/** The id of a request, a string or a number, as JSON text so that it is never rounded. */
export type IdText = string;

/** A JSON-RPC error. */
export interface RpcError {
  /** A code of JSON-RPC, of MCP or of the server. */
  readonly code: number;
  /** A short description of the error. */
  readonly message: string;
  /** Additional data. */
  readonly data?: unknown;
}

/** Codes of JSON-RPC 2.0. @see {@link https://www.jsonrpc.org/specification#error_object} */
export const RPC_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
} as const;

/** A JSON value as text, to be passed on unchanged. */
export class JsonText {
  /** The value as JSON, on one line. */
  readonly json: string;

  /**
   * Wraps a text.
   *
   * @param text A valid JSON text. Line breaks, which JSON allows between tokens only, become spaces:
   * on a pipe they would end the message, and the rest would look like another message of ours.
   */
  constructor(text: string) {
    this.json = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, " ") : text;
  }
}

/** Minimum length of a text that is sent in parts, in UTF-16 code units. */
export const MIN_PARTS_LENGTH = 32 * 1024;

/** A JSON value on one line, in parts. A long value is sent in parts, which saves concatenating them. */
export class JsonParts {
  /** The parts. */
  readonly parts: readonly string[];

  /**
   * Wraps the parts.
   *
   * @param parts Parts without line breaks; concatenated, they are valid JSON.
   */
  constructor(...parts: readonly string[]) {
    this.parts = parts;
  }
}

/** The payload of a message: a value to serialize, or text to pass on. */
export type Payload = JsonText | JsonParts | Readonly<Record<string, unknown>> | readonly unknown[];

/** Serializes a payload. */
export function serializePayload(payload: Payload): string {
  if (payload instanceof JsonParts) return payload.parts.join("");
  return payload instanceof JsonText ? payload.json : JSON.stringify(payload);
}

/** A received message by its kind. */
export type Message =
  | RequestMessage
  | { kind: "notification"; method: string; params: unknown; text: string }
  | ResultMessage
  | { kind: "error"; id: IdText | undefined; error: RpcError; errorText: JsonText; text: string }
  | { kind: "batch"; messages: readonly Message[]; text: string }
  | InvalidMessage;

/** A request. */
export interface RequestMessage {
  /** The kind. */
  readonly kind: "request";
  /** The id of the request. */
  readonly id: IdText;
  /** The name of the method. */
  readonly method: string;
  /** The parsed parameters; `undefined` if there are none. */
  readonly params: unknown;
  /** Text of the parameters; `undefined` if there are none. */
  readonly body: string | undefined;
  /** Size of `text` in UTF-8 bytes. */
  readonly bytes: number;
  /** Memory of `text` and `params`, in bytes; `undefined` if it was not measured. */
  readonly memory?: number | undefined;
  /** The whole message, as received. */
  readonly text: string;
}

/** An answer with a result. */
export interface ResultMessage {
  /** The kind. */
  readonly kind: "result";
  /** The id of the request. */
  readonly id: IdText;
  /** The parsed result. */
  readonly value: unknown;
  /** Text of the result. */
  readonly body: string;
  /** Size of `body` in UTF-8 bytes. */
  readonly bytes: number;
  /** The whole message, as received. */
  readonly text: string;
}

/** A text that is not a valid message, or a message that was dropped. */
export interface InvalidMessage {
  /** The kind. */
  readonly kind: "invalid";
  /** The error to answer with. */
  readonly error: RpcError;
  /** The id, if it could be read. */
  readonly id: IdText | undefined;
  /** The probable kind; `undefined` if there is no indication. An answer must never be answered. */
  readonly probableKind: "call" | "answer" | undefined;
  /** The whole message, as received. */
  readonly text: string;
  /** Set if the message was dropped. */
  readonly dropped?: DroppedMessage;
}

/** The text of a message, as received. */
export type MessageSource = Pick<RequestMessage, "text" | "bytes" | "memory">;

const ESCAPED_NAME =
  "The members of a request and of its parameters must have names without escapes";

/**
 * Classifies one parsed message that is not a batch.
 *
 * @param value The parsed `text`.
 * @param source The message as received.
 */
export function readMessage(value: unknown, source: MessageSource): Message {
  const { text } = source;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return createInvalid("A message must be an object", undefined, text);
  }
  const message = value as Record<string, unknown>;
  const id = readId(message.id, text, "id");
  if (message.jsonrpc !== "2.0") {
    return createInvalid('"jsonrpc" must be "2.0"', id, text, guessKind(message));
  }
  if ("method" in message) return readCall(message, { id, ...source });
  if (isError(message)) return { kind: "error", id, ...readError(message.error, text), text };
  if ("result" in message) {
    if (id === undefined) {
      return createInvalid("An answer must have an id", undefined, text, "answer");
    }
    const body = detachedTextAt(text, "result") ?? "null";
    return { kind: "result", id, value: message.result, body, bytes: utf8Bytes(body), text };
  }
  return createInvalid("A message must have a method, a result or an error", id, text);
}

function guessKind(message: Record<string, unknown>): InvalidMessage["probableKind"] {
  if ("method" in message) return "call";
  return "result" in message || "error" in message ? "answer" : undefined;
}

/** Whether an answer is an error. Some servers always write both `result` and `error`, one of them as null. */
function isError(message: Record<string, unknown>): boolean {
  const { error, result } = message;
  if (typeof error === "object" && error !== null) return true;
  return "result" in message ? result === null && Boolean(error) : "error" in message;
}

function readCall(
  message: Record<string, unknown>,
  { id, text, bytes, memory }: MessageSource & { readonly id: IdText | undefined },
): Message {
  const { method, params } = message;
  if (typeof method !== "string") {
    return createInvalid('"method" must be a string', id, text, "call");
  }
  if (hasEscapedName(text)) return createInvalid(ESCAPED_NAME, undefined, text, "call");
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return createInvalid('"params" must be an object', id, text, "call");
  }
  if (!("id" in message)) return { kind: "notification", method, params, text };
  if (id === undefined) {
    return createInvalid('"id" must be a string or a number', undefined, text, "call");
  }
  const body = detachedTextAt(text, "params");
  if (body !== undefined && hasEscapedName(body)) {
    return createInvalid(ESCAPED_NAME, id, text, "call");
  }
  return { kind: "request", id, method, params, body, bytes, memory, text };
}

/** Like `textAt`, but the returned text does not keep the message in memory. */
function detachedTextAt(text: string, ...path: readonly string[]): string | undefined {
  const valueText = textAt(text, ...path);
  return valueText === undefined ? undefined : detachSlice(valueText, text);
}

/**
 * Returns an id as JSON text, the same text for every spelling of the same integer.
 *
 * @param id The parsed id.
 * @param text The message that contains the id at the keys of `path`.
 * @returns `undefined` if the value is not an id.
 */
export function readId(id: unknown, text: string, ...path: string[]): IdText | undefined {
  if (typeof id === "string") return JSON.stringify(id);
  if (typeof id !== "number") return undefined;
  // The text of a number that a double cannot represent has all of its digits.
  return Number.isSafeInteger(id) ? String(id) : detachedTextAt(text, ...path);
}

function readError(value: unknown, text: string): { error: RpcError; errorText: JsonText } {
  const { code, message, data } = typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
  const error = {
    code: Number.isInteger(code) ? Number(code) : RPC_CODES.internalError,
    message: typeof message === "string" ? message : "The error came without a message",
    ...(data === undefined ? {} : { data }),
  };
  // The text is passed on unchanged only if it is a valid error.
  const isValid = error.code === code && error.message === message;
  const receivedText = isValid ? detachedTextAt(text, "error") : undefined;
  return { error, errorText: new JsonText(receivedText ?? JSON.stringify(error)) };
}

function createInvalid(
  message: string,
  id: IdText | undefined,
  text: string,
  probableKind?: "call" | "answer",
): InvalidMessage {
  const error = { code: RPC_CODES.invalidRequest, message };
  return { kind: "invalid", error, id, probableKind, text };
}

/** Serializes a request in parts. */
export function serializeRequest(
  id: number,
  { method, params }: { readonly method: string; readonly params: Payload | undefined },
): readonly string[] {
  const head = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`;
  if (params === undefined) return [head, "}"];
  const paramsParts = params instanceof JsonParts ? params.parts : [serializePayload(params)];
  return [head, ',"params":', ...paramsParts, "}"];
}

/** Serializes a notification. */
export function serializeNotification(method: string, params: Payload | undefined): string {
  const tail = params === undefined ? "}" : `,"params":${serializePayload(params)}}`;
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)}${tail}`;
}

/** Serializes a successful answer in parts. */
export function serializeResult(id: IdText, result: Payload): readonly string[] {
  const head = `{"jsonrpc":"2.0","id":${id},"result":`;
  if (result instanceof JsonParts) return [head, ...result.parts, "}"];
  return [head, serializePayload(result), "}"];
}

/** Serializes an answer with an error; `id` is `undefined` if the id of the request could not be read. */
export function serializeError(id: IdText | undefined, error: RpcError | JsonText): string {
  const text = error instanceof JsonText ? error.json : JSON.stringify(error);
  return `{"jsonrpc":"2.0","id":${id ?? "null"},"error":${text}}`;
}
