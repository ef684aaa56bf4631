/** Limits of an HTTP listener. */
export interface HttpLimits {
  /** Maximum number of open connections; each further one closes another. */
  readonly connections: number;
  /** Maximum number of concurrent requests on one connection (HTTP/1.1 pipelining). */
  readonly requestsPerConnection: number;
  /** Maximum size of a request's headers, in bytes; larger ones are answered with 431. */
  readonly headerBytes: number;
  /** Maximum time to receive the headers, in milliseconds; then the answer is 408. */
  readonly headersMs: number;
  /** Maximum time to receive a whole request, in milliseconds; then the answer is 408. */
  readonly requestMs: number;
  /** Maximum idle time of a connection, in milliseconds. */
  readonly keepAliveMs: number;
  /** Maximum size of a request's body, in bytes; a larger one is answered with 413. */
  readonly bodyBytes: number;
  /** Maximum size of a first message, which opens a session, in bytes. */
  readonly firstBodyBytes: number;
  /** Maximum queued data of a client that does not read, in bytes; above it, the client is disconnected. */
  readonly queuedBytes: number;
  /**
   * Maximum queued data of all clients, in bytes. Above it, a client of the agent with the most queued data is
   * disconnected: the client whose data has been queued the longest.
   */
  readonly allQueuedBytes: number;
  /** Maximum time for which a client may read nothing of its queued data, in milliseconds. */
  readonly stalledMs: number;
  /** Time after which the response to an unanswered call becomes a stream, in milliseconds. */
  readonly streamAfterMs: number;
  /** Interval of keep-alive comments on a stream, in milliseconds. */
  readonly streamKeepAliveMs: number;
  /** Maximum size of the messages that a session keeps for a client that reconnects, in UTF-16 code units. */
  readonly maxReplayChars: number;
  /**
   * Maximum total size of the messages that all sessions keep, in UTF-16 code units. Above it, messages of the agent
   * with the most kept messages are dropped, from the session that has kept messages the longest.
   */
  readonly maxTotalReplayChars: number;
  /** Idle time after which the servers of a client that has lost its stream are stopped, in milliseconds. */
  readonly abandonedAfterMs: number;
  /** Idle time after which a session may be ended to make room for a new one, in milliseconds. */
  readonly evictableAfterMs: number;
}

/** The limits of the gateway. */
export const HTTP_LIMITS: HttpLimits = {
  connections: 4096,
  requestsPerConnection: 16,
  headerBytes: 16 * 1024,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 75_000,
  bodyBytes: 64 * 1024 * 1024,
  firstBodyBytes: 1024 * 1024,
  queuedBytes: 8 * 1024 * 1024,
  allQueuedBytes: 256 * 1024 * 1024,
  stalledMs: 30_000,
  streamAfterMs: 1000,
  streamKeepAliveMs: 15_000,
  maxReplayChars: 1024 * 1024,
  maxTotalReplayChars: 64 * 1024 * 1024,
  abandonedAfterMs: 30_000,
  evictableAfterMs: 300_000,
};
