import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import type { ClientCapabilities, ClientLink } from "./caller.ts";
import type { CircuitBreaker } from "./circuit_breaker.ts";
import type { Transport } from "./transport.ts";

/**
 * Where a session stands:
 *
 *     connecting ──> ready ──> draining ──> closed
 *         │            │           │
 *         └────────────┴───────────┴──────> broken
 *
 * There is no way back: the next call gets a new session.
 */
export type SessionState = "connecting" | "ready" | "draining" | "closed" | "broken";

/** What a session is made with. */
export interface SessionOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** What the client can do that the session is for. */
  readonly capabilities: ClientCapabilities;
  /** The way back to the client that has the session for its own; of a shared one, `undefined`. */
  readonly link: () => ClientLink | undefined;
  /** Opens the connection. */
  readonly open: () => Promise<Transport>;
  /** Decides whether the server may be started. */
  readonly breaker: CircuitBreaker;
  /** The gateway's version, told to the server. */
  readonly version: string;
  /** How long the server may take to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
  /** Takes what is odd. */
  readonly log: Log;
  /** The server's tools may have changed. */
  readonly onToolsChanged: () => void;
  /** The session is of no use any more: `closed` or `broken`. Called once. */
  readonly onEnded: (state: "closed" | "broken") => void;
}
