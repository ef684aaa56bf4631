import { textAt } from "./scan.ts";

/** The id of a request: a string or a number, kept as its JSON text so that none is ever rounded. */
export type IdText = string;

/** An error as JSON-RPC has it. */
export interface RpcError {
  /** A number of JSON-RPC's, MCP's or the server's own. */
  readonly code: number;
  /** One sentence. */
  readonly message: string;
  /** Anything more. */
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

/** A JSON value that is already text, to be passed on as it stands. */
export class JsonText {
  /** The value as JSON, on one line. */
  readonly text: string;

  /**
   * Takes the text as it is.
   *
   * @param text A valid JSON text. Line breaks, which JSON allows between its tokens only, become
   * spaces: on a pipe they would end the message, and what follows would pass for a message of ours.
   */
  constructor(text: string) {
    this.text = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, " ") : text;
  }
}

/** What a message carries: a value to serialise, or text to pass on. */
export type Payload = JsonText | Readonly<Record<string, unknown>> | readonly unknown[];

/** Text of a payload. */
export function payloadText(payload: Payload): string {
  return payload instanceof JsonText ? payload.text : JSON.stringify(payload);
}

/** A message of the other side, sorted by what it is. */
export type Message =
  | { kind: "request"; id: IdText; method: string; params: unknown; text: string }
  | { kind: "notification"; method: string; params: unknown; text: string }
  | { kind: "result"; id: IdText; value: unknown; text: string }
  | { kind: "error"; id: IdText | undefined; error: RpcError; text: string }
  | { kind: "batch"; messages: readonly Message[]; text: string }
  | { kind: "invalid"; error: RpcError; id: IdText | undefined; isCall: boolean; text: string };

/**
 * Sorts one parsed message, a batch excepted.
 *
 * @param value What `JSON.parse` made of the text.
 * @param text The message as it came.
 */
export function readMessage(value: unknown, text: string): Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return invalid("A message must be an object", undefined, text);
  }
  const message = value as Record<string, unknown>;
  const id = readId(message.id, text);
  if (message.jsonrpc !== "2.0") {
    return invalid('"jsonrpc" must be "2.0"', id, text, "method" in message);
  }
  if ("method" in message) return readCall(message, id, text);
  if ("result" in message && id !== undefined) {
    return { kind: "result", id, value: message.result, text };
  }
  if ("error" in message) {
    return { kind: "error", id, error: readError(message.error), text };
  }
  return invalid("A message must have a method, a result or an error", id, text);
}

function readCall(message: Record<string, unknown>, id: IdText | undefined, text: string): Message {
  const { method, params } = message;
  if (typeof method !== "string") return invalid('"method" must be a string', id, text, true);
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return invalid('"params" must be an object', id, text, true);
  }
  if (!("id" in message)) return { kind: "notification", method, params, text };
  if (id === undefined) return invalid('"id" must be a string or a number', undefined, text, true);
  return { kind: "request", id, method, params, text };
}

function readId(id: unknown, text: string): IdText | undefined {
  if (typeof id === "string") return JSON.stringify(id);
  if (typeof id !== "number") return undefined;
  // A number that doubles cannot hold is answered with the digits it came with.
  return Number.isSafeInteger(id) ? String(id) : textAt(text, "id");
}

function readError(error: unknown): RpcError {
  const { code, message, data } = typeof error === "object" && error !== null
    ? error as Record<string, unknown>
    : {};
  return {
    code: typeof code === "number" ? code : RPC_CODES.internalError,
    message: typeof message === "string" ? message : "The error came without a message",
    ...(data === undefined ? {} : { data }),
  };
}

function invalid(
  message: string,
  id: IdText | undefined,
  text: string,
  isCall = false,
): Message & { kind: "invalid" } {
  const error = { code: RPC_CODES.invalidRequest, message };
  return { kind: "invalid", error, id, isCall, text };
}

/** Text of a request. */
export function requestText(id: number, method: string, params: Payload | undefined): string {
  const rest = params === undefined ? "}" : `,"params":${payloadText(params)}}`;
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}${rest}`;
}

/** Text of a notification. */
export function notificationText(method: string, params: Payload | undefined): string {
  const rest = params === undefined ? "}" : `,"params":${payloadText(params)}}`;
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)}${rest}`;
}

/** Text of an answer. */
export function resultText(id: IdText, result: Payload): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${payloadText(result)}}`;
}

/** Text of an error answer; without an id where the request's could not be read. */
export function errorText(id: IdText | undefined, error: RpcError | JsonText): string {
  const text = error instanceof JsonText ? error.text : JSON.stringify(error);
  return `{"jsonrpc":"2.0","id":${id ?? "null"},"error":${text}}`;
}
