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
  /**
   * Reads the body. The `Request` has no body, because creating a stream for each request is slow.
   *
   * @param maxBytes Maximum size of the body, in bytes.
   * @param agent The agent of the credential, in whose share of the memory the body is read.
   */
  readBody(
    maxBytes: number,
    agent: string | undefined,
  ): Promise<Uint8Array<ArrayBuffer> | BodyError>;
}
