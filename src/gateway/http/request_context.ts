/** Why a body could not be read. */
export type BodyError =
  /** The body is longer than the limit. */
  | "too-long"
  /** The bodies being read exceed their shared limit. */
  | "busy"
  /** The client disconnected, or took too long. */
  | "gone";

/** The parts of a request that handlers need in addition to its `Request`. */
export interface RequestContext {
  /** The client's IP address. */
  readonly address: string;
  /**
   * Reads the body. The `Request` has no body, because creating a stream for each request is slow.
   *
   * @param maxBytes Maximum size of the body, in bytes.
   */
  readBody(maxBytes: number): Promise<Uint8Array<ArrayBuffer> | BodyError>;
}
