import type { Message } from "../../jsonrpc/mod.ts";
import type { RefusalReason } from "./refusals.ts";

/** The reason why a body could not be read. */
export type BodyError =
  /** The body is longer than the limit. */
  | "too-long"
  /** The agent, or all agents together, use all the memory that they may use. */
  | "busy"
  /** The client disconnected, or took too long. */
  | "gone";

/** The parts of a request that handlers need in addition to its `Request`. */
export interface RequestContext {
  /** The client's IP address. */
  readonly address: string;
  /** The reason why the request is refused, if the HTTP status alone does not say it. The middleware that refuses sets it. */
  refusalReason?: RefusalReason;
  /** The agent of the credential. The middleware that checks the credential sets it. */
  agent?: string;
  /**
   * Counts the connection of the request as one of the agent of the credential, or of the clients without a credential
   * if none are required. The middleware that checks the credential calls it.
   *
   * @returns Whether the connections that the agent uses at the same time are within its share.
   */
  admitAgent(agent: string | undefined): boolean;
  /**
   * Receives the message in the body and handles it. The `Request` has no body, because creating a stream for each
   * request is slow.
   *
   * @param options `maxBytes`: maximum size of the body. `agent`: the agent of the credential, in whose share of
   * the memory the body is read.
   * @param handle Handles the message. Nothing else holds the message after this function has returned.
   * @returns The result of `handle`.
   */
  receiveMessage<T>(
    options: { readonly maxBytes: number; readonly agent: string | undefined },
    handle: (message: Message) => T,
  ): Promise<Awaited<T> | BodyError>;
}

/** Returns the name of the share of an agent's clients in the memory; all clients without a credential have one share. */
export function shareName(agent: string | undefined): string {
  return agent === undefined ? "clients" : `agent ${agent}`;
}
