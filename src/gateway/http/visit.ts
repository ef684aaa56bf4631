import type { EventStream } from "./event_stream.ts";

/** Why a body could not be read. */
export type Unread =
  /** It is longer than is taken. */
  | "too-long"
  /** Too many are being read. */
  | "busy"
  /** The client is gone, or took too long. */
  | "gone";

/** A request with what its `Request` does not have, and the way for an answer that is no `Response`. */
export interface Visit {
  /** The address that it came from. */
  readonly address: string;
  /**
   * Reads the body.
   *
   * @param most How long it may be, in bytes.
   */
  readBody(most: number): Promise<Uint8Array<ArrayBuffer> | Unread>;
  /**
   * What to write after the head of the answer: a text or a stream. Nothing is copied through web
   * streams, and the stream knows how far the client has read.
   */
  body?: string | EventStream;
}
