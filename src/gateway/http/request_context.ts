/** Why a body could not be read. */
export type BodyError =
  /** It is longer than is taken. */
  | "too-long"
  /** Too many are being read. */
  | "busy"
  /** The client is gone, or took too long. */
  | "gone";

/** What handlers need of a request beside its `Request`. */
export interface RequestContext {
  /** The address that it came from. */
  readonly address: string;
  /**
   * Reads the body. The `Request` has none: a stream of its own would cost every request.
   *
   * @param most How long it may be, in bytes.
   */
  readBody(most: number): Promise<Uint8Array<ArrayBuffer> | BodyError>;
}
