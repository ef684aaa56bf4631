import type { CancelSignal, JsonText, Payload, Result } from "../jsonrpc/mod.ts";

/** A kind of input: a form filled in, a link opened, an answer of a model, the names of the roots. */
export type InputKind = "form" | "url" | "sampling" | "roots";

/** A request for input, by a server or by the gateway itself, independent of the MCP revision. */
export interface InputRequest {
  /** The kind of input, which the client must support. */
  readonly kind: InputKind;
  /** The parameters, which are the same in every revision; those of a server as it wrote them. */
  readonly params: Payload | undefined;
}

/** The outcome of a request for input, independent of the MCP revision. */
export type InputResponse =
  /** The person agreed, or the client answered by itself. */
  | { readonly kind: "accepted"; readonly result: Result }
  /** The person declined. */
  | { readonly kind: "declined"; readonly result: Result }
  /** The person dismissed the request without a choice. */
  | { readonly kind: "cancelled"; readonly result: Result }
  /** The client answered with a JSON-RPC error. */
  | { readonly kind: "failed"; readonly error: JsonText }
  /** The client did not declare that it can be asked this. It was not asked. */
  | { readonly kind: "unsupported" };

/** The channel to the client of a call: carries questions to it, and notifications of servers. */
export interface ClientChannel {
  /** Whether the client can be asked for a kind of input. */
  supports(kind: InputKind): boolean;
  /**
   * Asks the client, or the person at it, for input.
   *
   * @param request The request.
   * @param signal Takes the request back; its reason is thrown.
   */
  ask(request: InputRequest, signal: CancelSignal): Promise<InputResponse>;
  /** Notifies the client that the interaction behind a link is complete; `params` has its `elicitationId`. */
  linkDone(params: Readonly<Record<string, unknown>>): void;
  /** Sends a log message on to the client, unless the client asked for more severe ones only. */
  log(params: Readonly<Record<string, unknown>>): void;
  /** Returns the least severity of log messages that the client asked for, if it did. */
  logLevel(): string | undefined;
}
