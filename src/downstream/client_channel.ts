import type { CancelSignal, JsonText, Payload, Result } from "../jsonrpc/mod.ts";

/** A kind of input: a form to fill in, a link to open, an answer of a model, or the list of roots. */
export type InputKind = "form" | "url" | "sampling" | "roots";

/** A request for input, by a server or by the gateway itself, independent of the MCP revision. */
export interface InputRequest {
  /** The kind of input. */
  readonly kind: InputKind;
  /** The parameters, which are the same in every revision. A server's parameters are passed on as it wrote them. */
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
  /** The client does not support this kind of input, so it was not asked. */
  | { readonly kind: "unsupported" };

/** The channel to the client of a call. Carries requests for input and notifications of servers. */
export interface ClientChannel {
  /** Whether the client can be asked for a kind of input. */
  supports(kind: InputKind): boolean;
  /**
   * Requests input from the client, or from the person who uses it.
   *
   * @param request The request.
   * @param signal Cancels the request; its reason is thrown.
   */
  requestInput(request: InputRequest, signal: CancelSignal): Promise<InputResponse>;
  /** Notifies the client that the interaction behind a link is complete; `params` has its `elicitationId`. */
  notifyUrlInputDone(params: Readonly<Record<string, unknown>>): void;
  /** Passes a log message on to the client, unless it is below the severity that the client asked for. */
  log(params: Readonly<Record<string, unknown>>): void;
  /** Returns the least severity of log messages that the client asked for; `undefined` if it did not. */
  logLevel(): string | undefined;
}
