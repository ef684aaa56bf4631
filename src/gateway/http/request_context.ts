import type { Message } from "../../jsonrpc/mod.ts";
import type { RefusalReason } from "./refusals.ts";

/** The reason that a body could not be read. */
export type BodyError =
  /** The body is longer than the limit. */
  | "too-long"
  /** The memory budget of the agent, or of the whole gateway, has no room for the body. */
  | "busy"
  /** The client disconnected, or took too long. */
  | "incomplete";

/** The parts of a request that handlers need in addition to its `Request`. */
export interface HttpRequestContext {
  /** The client's IP address. */
  readonly address: string;
  /** Set by the middleware that refuses the request, if the HTTP status alone does not show the reason. */
  refusalReason?: RefusalReason;
  /** The agent of the credential. Set by the middleware that checks the credential. */
  agent?: string;
  /**
   * Counts the connection of the request for the agent of the credential; if no credential is required, for all clients
   * together. Called by the middleware that checks the credential.
   *
   * @returns Whether the connections that the agent uses at the same time are within its share.
   */
  countConnection(agent: string | undefined): boolean;
  /** Registers a listener for the end of the response, by the gateway or because the client disconnects. */
  onClose(listener: () => void): void;
  /** Whether the client reads the response so slowly that unimportant messages should be dropped. */
  hasSlowReader(): boolean;
  /**
   * Receives the message in the body and handles it. The `Request` has no body, because creating a stream for each
   * request is slow.
   *
   * @param options `maxBytes`: maximum size of the body. `agent`: the agent of the credential, whose budget the body
   * counts against.
   * @param handle Handles the message. While its result is awaited, nothing else refers to the message.
   * @returns The result of `handle`.
   */
  receiveMessage<T>(
    options: { readonly maxBytes: number; readonly agent: string | undefined },
    handle: (message: Message) => T,
  ): Promise<Awaited<T> | BodyError>;
}

/** Returns the name of the memory budget of an agent's clients. All clients without a credential share one budget. */
export function partyName(agent: string | undefined): string {
  return agent === undefined ? "clients" : `agent ${agent}`;
}
