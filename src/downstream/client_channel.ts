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
  /** The client answered with a JSON-RPC error, or the gateway in its place. */
  | { readonly kind: "failed"; readonly error: JsonText }
  /** The client does not support this kind of input, so it was not asked. */
  | { readonly kind: "unsupported" };

/** The input that a stateless server needs before it can answer. */
export interface NeededInput {
  /** The requests by the server's keys; none if the server only wants the invocation to be sent again. */
  readonly requests: Readonly<Record<string, InputRequest>>;
  /** The state of the server, which it wants back unchanged; `undefined` if it gave none. */
  readonly state: string | undefined;
}

/** The input for an invocation that is sent again because the server needed it. */
export interface GivenInput {
  /** The client's responses by the server's keys: the text of a JSON object; `undefined` if there are none. */
  readonly responses: JsonText | undefined;
  /** The state that the server gave; `undefined` if it gave none. */
  readonly state: string | undefined;
}

/** The channel to the client of a call. Carries requests for input and notifications of servers. */
export interface ClientChannel {
  /**
   * Whether the client gives input only with a new request. If so, a call ends when a stateless server needs input, and
   * its outcome describes the input.
   */
  readonly relaysInput: boolean;
  /** The channel to the same client outside of calls; `undefined` if the client cannot be reached then. */
  readonly outsideCalls: ClientChannel | undefined;
  /** Whether the client can be asked for a kind of input. */
  supports(kind: InputKind): boolean;
  /**
   * Requests input from the client, or from the person who uses it.
   *
   * @param request The request.
   * @param signal Cancels the request; its reason is thrown.
   */
  requestInput(request: InputRequest, signal: CancelSignal): Promise<InputResponse>;
  /** Notifies the client that the person has finished at a link; `params` has its `elicitationId`. */
  notifyUrlInputDone(params: Readonly<Record<string, unknown>>): void;
  /** Passes a log message on to the client, unless it is below the severity that the client asked for. */
  log(params: Readonly<Record<string, unknown>>): void;
  /** Returns the least severity of log messages that the client asked for; `undefined` if it did not. */
  logLevel(): string | undefined;
}
