import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Meta } from "../trace.ts";
import type { Refusal } from "./refusal.ts";
import type { Arguments, GatewayAnswer, OwnTool, ServerAnswer, ServerCall } from "./tools/mod.ts";

/** A request of an agent, in no revision's words. */
export type Operation =
  /** Call a tool of a server. */
  | ServerCall
  /** Run a tool of the gateway's own. */
  | { readonly kind: "gateway-tool"; readonly tool: OwnTool; readonly args: Arguments };

/** The end of an operation, in no revision's words. */
export type Outcome =
  | GatewayAnswer
  | ServerAnswer
  /** The gateway did not run it: identity, limits or rules forbid that. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The caller has to correct it, or its server failed. */
  | { readonly kind: "failed"; readonly refusal: Refusal }
  /** The client cancelled it or is gone; nobody waits for an answer. */
  | { readonly kind: "cancelled" }
  /** A fault of the gateway; the log has the reason under `id`. */
  | { readonly kind: "internal-error"; readonly id: string };

/** An outcome as a revision writes it. */
export interface Encoded {
  /** Size of the result in UTF-8, in bytes; absent where the record needs none. */
  readonly bytes?: number;
}

/** A request as a codec hands it to the pipeline. */
export interface OperationRequest<E extends Encoded = Encoded> {
  /** Name of the operation in records, such as `execute_tool`. */
  readonly name: string;
  /** Method of the request, such as `tools/call`. */
  readonly method: string;
  /** Agent id that the call gives, before anything is checked; absent where it gives none. */
  readonly claimedAgent: string | undefined;
  /** Fields of the request's `_meta`, where it has any. */
  readonly meta: Meta | undefined;
  /** Id of the request. */
  readonly requestId: string | number;
  /** Requests of the client that wait for an answer, this one included. */
  readonly unanswered: number;
  /** Aborts when the client cancels or is gone. */
  readonly signal: CancelSignal;
  /** Takes a server's progress, where the client asked for it. */
  readonly onProgress: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Checks the arguments.
   *
   * @throws {CallerError} `INVALID_ARGUMENTS`.
   */
  decode(): Operation;
  /** Writes the outcome. */
  encode(outcome: Outcome): E;
}
