import type { SocketStream } from "../shared_socket/mod.ts";
import { LineBuffer } from "./line_buffer.ts";
import type { OpenRequest } from "./refusal.ts";

/** A connection to a daemon, with what is open on it. */
export class Link {
  readonly stream: SocketStream;
  /** The daemon's bytes. */
  readonly lines: LineBuffer = new LineBuffer();
  /** The client's requests that the daemon has not answered, by id. */
  readonly open: Map<string, OpenRequest> = new Map();
  /** The ids of requests to the client that it has not answered. */
  readonly asked: Set<string> = new Set();
  /** Ids of repeated requests, whose answers the client must not get again. */
  readonly repeatedIds: Set<string> = new Set();
  /** Called with the answer to the repeated `initialize`. */
  onInitialized: () => void = () => {};
  /** Resolves when the connection has ended, and everything open is answered. */
  ended: Promise<void> = Promise.resolve();
  hasEnded = false;

  constructor(stream: SocketStream) {
    this.stream = stream;
  }
}
