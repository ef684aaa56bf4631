import { DownstreamError } from "../errors.ts";
import type { Session, SessionState } from "./session.ts";

/** How a server stands, for the status tool. */
export interface ServerStatus {
  /**
   * The best of its sessions' states; without a session `idle`, `login-required` where a person has to
   * log in, `broken` where the last one broke, or `unavailable` where its entry cannot be used.
   */
  readonly state: "idle" | SessionState | "login-required" | "unavailable";
  /** Process ids of its sessions. */
  readonly pids: readonly number[];
  /** How many sessions are open. */
  readonly sessions: number;
  /** Calls under way. */
  readonly calls_in_flight: number;
  /** The last failure; null where there was none. */
  readonly last_error: string | null;
  /** Sessions that were started after one had failed. */
  readonly restarts: number;
  /** Tools of the server; null until they were listed. */
  readonly tools: number | null;
  /** Milliseconds from the start of the newest session to its handshake; null until there was one. */
  readonly connect_ms: number | null;
}

/** The history of a server's sessions, for its status. */
export class ServerHealth {
  /** The last failure. */
  lastError: string | undefined;
  /** Whether the last operation needed a login that nobody made. */
  needsLogin = false;
  /** Sessions that were started after one had failed. */
  restarts = 0;
  /** Milliseconds from the start of the newest session to its handshake. */
  connectMs: number | undefined;
  #failures = 0;

  /** Whether the last session broke. */
  get isBroken(): boolean {
    return this.#failures > 0;
  }

  /** Something went wrong; what is no failure of the server is left out. */
  note(error: unknown): void {
    if (!(error instanceof DownstreamError)) return;
    this.lastError = error.message;
    this.needsLogin = error.code === "AUTH_REQUIRED";
  }

  /** A session is started. */
  started(): void {
    if (this.isBroken) this.restarts++;
  }

  /** A session is ready. */
  connected(ms: number | undefined): void {
    this.#failures = 0;
    this.needsLogin = false;
    this.connectMs = ms;
  }

  /** A session broke. */
  broke(): void {
    this.#failures++;
  }
}

/** The context of a status besides the sessions that are open. */
export interface StatusContext {
  /** The history of its sessions. */
  readonly health: ServerHealth;
  /** Why the server cannot be used at all. */
  readonly unavailable: string | undefined;
  /** Tools of the server. */
  readonly tools: number | undefined;
}

/**
 * Writes a server's status.
 *
 * @param sessions Its sessions.
 * @param context Their history, and why the server is unavailable.
 */
export function readServerStatus(
  sessions: readonly Session[],
  { health, unavailable, tools }: StatusContext,
): ServerStatus {
  const { needsLogin, isBroken, lastError, restarts, connectMs } = health;
  const states = sessions.map((session) => session.state);
  const best = (["ready", "connecting", "draining"] as const).find((state) => {
    return states.includes(state);
  });
  const without = needsLogin ? "login-required" : isBroken ? "broken" : "idle";
  const rest = unavailable === undefined ? without : "unavailable";
  return {
    state: best ?? rest,
    pids: sessions.flatMap((session) => session.pid ?? []),
    sessions: sessions.length,
    calls_in_flight: sessions.reduce((sum, session) => sum + session.activeCalls.count, 0),
    last_error: unavailable ?? lastError ?? null,
    restarts,
    tools: tools ?? null,
    connect_ms: connectMs === undefined ? null : Math.round(connectMs),
  };
}
