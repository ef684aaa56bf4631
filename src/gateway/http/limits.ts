/** How much an HTTP listener takes. */
export interface HttpLimits {
  /** Connections at a time; more are closed at once. */
  readonly connections: number;
  /** Requests at a time on one connection: HTTP/1.1 lets clients send on without waiting. */
  readonly pipelined: number;
  /** Size of all headers of a request, in bytes; more is answered with 431. */
  readonly headerBytes: number;
  /** How long the headers may take, in milliseconds; longer is answered with 408. */
  readonly headersMs: number;
  /** How long a whole request may take to come in, in milliseconds; longer is answered with 408. */
  readonly requestMs: number;
  /** How long a connection may be unused, in milliseconds. */
  readonly keepAliveMs: number;
  /** Size of a request's body, in bytes; more is answered with 413. */
  readonly bodyBytes: number;
  /** Size of a first message, which opens a session, in bytes. */
  readonly firstBodyBytes: number;
  /** Size of all bodies that are being read, in bytes; while there are more, 503. */
  readonly allBodiesBytes: number;
  /** How much may wait for a client that does not read, in UTF-16 code units, before it is cut off. */
  readonly unread: number;
  /** How much may wait for all clients together, in bytes; who lets it wait longest is cut off. */
  readonly unreadAll: number;
  /** How long a client may read nothing of what waits for it, in milliseconds. */
  readonly stalledMs: number;
  /** After this long a call that is still open is answered by a stream, in milliseconds. */
  readonly streamAfterMs: number;
  /** How often a stream that says nothing shows that it is alive, in milliseconds. */
  readonly keepStreamMs: number;
  /** How much of what was sent a session keeps for clients that lost it, in UTF-16 code units. */
  readonly replay: number;
  /** The same for all sessions together. */
  readonly replayAll: number;
  /** How long a client that closed its stream has to come back before its servers end. */
  readonly leftMs: number;
  /** Where all places are taken, a session that was unused for this long gives up its own. */
  readonly yieldMs: number;
}

/** What the gateway takes. */
export const LIMITS: HttpLimits = {
  connections: 4096,
  pipelined: 16,
  headerBytes: 16 * 1024,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 75_000,
  bodyBytes: 64 * 1024 * 1024,
  firstBodyBytes: 1024 * 1024,
  allBodiesBytes: 256 * 1024 * 1024,
  unread: 8 * 1024 * 1024,
  unreadAll: 256 * 1024 * 1024,
  stalledMs: 30_000,
  streamAfterMs: 1000,
  keepStreamMs: 15_000,
  replay: 1024 * 1024,
  replayAll: 64 * 1024 * 1024,
  leftMs: 30_000,
  yieldMs: 300_000,
};
