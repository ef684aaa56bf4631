import type { Session } from "./session.ts";
import type { SessionState } from "./session_options.ts";

/** How a server stands, for the status tool. */
export interface ServerStatus {
  /**
   * The best of its sessions' states; without a session `idle`, `broken` where the last one broke, or
   * `unavailable` where its entry cannot be used.
   */
  readonly state: "idle" | SessionState | "unavailable";
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

/** What a status says beyond the sessions that are open. */
export interface ServerHistory {
  /** Why the server cannot be used at all. */
  readonly unavailable: string | undefined;
  /** Whether the last session broke. */
  readonly isBroken: boolean;
  /** The last failure. */
  readonly lastError: string | undefined;
  /** Sessions that were started after one had failed. */
  readonly restarts: number;
  /** Tools of the server. */
  readonly tools: number | undefined;
  /** Milliseconds from the start of the newest session to its handshake. */
  readonly connectMs: number | undefined;
}

/**
 * Writes a server's status.
 *
 * @param sessions Its sessions.
 * @param history What happened before.
 */
export function readServerStatus(
  sessions: readonly Session[],
  history: ServerHistory,
): ServerStatus {
  const { unavailable, isBroken, lastError, restarts, tools, connectMs } = history;
  const states = sessions.map((session) => session.state);
  const best = (["ready", "connecting", "draining"] as const).find((state) => {
    return states.includes(state);
  });
  const rest = unavailable !== undefined ? "unavailable" : isBroken ? "broken" : "idle";
  return {
    state: best ?? rest,
    pids: sessions.flatMap((session) => session.pid ?? []),
    sessions: sessions.length,
    calls_in_flight: sessions.reduce((sum, session) => sum + session.calls, 0),
    last_error: unavailable ?? lastError ?? null,
    restarts,
    tools: tools ?? null,
    connect_ms: connectMs === undefined ? null : Math.round(connectMs),
  };
}
