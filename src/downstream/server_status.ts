import { DownstreamError } from "../errors.ts";
import type { ServerLists } from "./catalog/mod.ts";
import type { Session, SessionState } from "./session.ts";

/** A server's status, as `get_gateway_status` reports it. */
export interface ServerStatus {
  /**
   * The best state of its sessions. Without a session: `unavailable` if the server's entry cannot be used,
   * `login-required` if a person has to log in, `broken` if the last session broke, otherwise `idle`.
   */
  readonly state: "idle" | SessionState | "login-required" | "unavailable";
  /** Process ids of its sessions. */
  readonly pids: readonly number[];
  /** Whether programs of `npx` or `uvx` run without it; absent if none does. */
  readonly without_launcher?: true;
  /** Number of open sessions. */
  readonly sessions: number;
  /** Number of active calls. */
  readonly calls_in_flight: number;
  /** The reason why the entry cannot be used, otherwise the last failure that the agent may read; null if there is neither. */
  readonly last_error: string | null;
  /** Number of sessions that were started after a session had broken. */
  readonly restarts: number;
  /** Number of tools; null until they have been listed. */
  readonly tools: number | null;
  /** Number of resources; null until they have been listed. */
  readonly resources: number | null;
  /** Number of prompts; null until they have been listed. */
  readonly prompts: number | null;
  /** Number of tools, resource templates and prompts that are held back; absent if there are none. */
  readonly held_back?: number;
  /** Milliseconds from the start of a session to the last handshake; null until the first handshake. */
  readonly connect_ms: number | null;
  /** The MCP revision of the last handshake; null until the first handshake. */
  readonly revision: string | null;
}

/** The key of failures that concern all agents. */
const ALL_AGENTS = Symbol("all agents");

/** The history of a server's sessions, for its status. */
export class ServerHealth {
  // The last failure of each agent's calls and sessions, and the last one that concerns all agents. The newest comes last.
  readonly #lastErrors = new Map<string | typeof ALL_AGENTS, string>();
  /** Whether the last failure was that a login is needed. A handshake resets it. */
  needsLogin = false;
  /** Called when a person has to log in. */
  onLoginNeeded: () => void = () => {};
  /** Number of sessions that were started after a session had broken. */
  restarts = 0;
  /** Milliseconds from the start of a session to the last handshake. */
  connectMs: number | undefined;
  /** The MCP revision of the last handshake. */
  revision: string | undefined;
  #breakCount = 0;

  /** Whether a session broke since the last handshake. */
  get isBroken(): boolean {
    return this.#breakCount > 0;
  }

  /**
   * Returns the last failure that an agent may read.
   *
   * @param agent Name of the agent; `undefined` to read the failures of every agent.
   */
  lastErrorFor(agent: string | undefined): string | undefined {
    const readable = [...this.#lastErrors].filter(([owner]) => {
      return agent === undefined || owner === ALL_AGENTS || owner === agent;
    });
    return readable.at(-1)?.[1];
  }

  /**
   * Records a failure; errors that are not failures of the server are ignored.
   *
   * @param agent The agent whose call or session failed; `undefined` if the failure concerns all agents. Other agents may
   * not read the text, because it may quote the call.
   */
  recordFailure(error: unknown, agent: string | undefined): void {
    if (!(error instanceof DownstreamError)) return;
    this.#setLastError(error.message, agent ?? ALL_AGENTS);
    this.needsLogin = error.code === "AUTH_REQUIRED";
    if (this.needsLogin) this.onLoginNeeded();
  }

  /** Records that the server does not answer a ping. */
  recordSilence(server: string): void {
    this.#setLastError(`Server "${server}" does not even answer a ping`, ALL_AGENTS);
  }

  #setLastError(message: string, owner: string | typeof ALL_AGENTS): void {
    this.#lastErrors.delete(owner);
    this.#lastErrors.set(owner, message);
  }

  /** Records the start of a session. */
  recordStart(): void {
    if (this.isBroken) this.restarts++;
  }

  /** Records the handshake of a session. */
  recordHandshake(revision: string, ms: number | undefined): void {
    this.#breakCount = 0;
    this.needsLogin = false;
    this.connectMs = ms;
    this.revision = revision;
  }

  /** Records that a session broke. */
  recordBreak(): void {
    this.#breakCount++;
  }
}

/** The context of a status. */
export interface StatusContext {
  /** The history of its sessions. */
  readonly health: ServerHealth;
  /** The reason why the entry cannot be used; `undefined` if it can. */
  readonly unavailable: string | undefined;
  /** Its lists. */
  readonly lists: ServerLists;
  /** The agent that reads the status; `undefined` to read all of it. */
  readonly agent: string | undefined;
}

/**
 * Builds a server's status.
 *
 * @param sessions Its sessions.
 * @param context Their history, and why the server is unavailable.
 */
export function buildServerStatus(
  sessions: readonly Session[],
  { health, unavailable, lists, agent }: StatusContext,
): ServerStatus {
  const { heldBackCount } = lists;
  const { needsLogin, isBroken, restarts, connectMs, revision = null } = health;
  const states = sessions.map((session) => session.state);
  const bestState = (["ready", "connecting", "draining"] as const).find((state) => {
    return states.includes(state);
  });
  const stateWithoutSession = needsLogin ? "login-required" : isBroken ? "broken" : "idle";
  const fallback = unavailable === undefined ? stateWithoutSession : "unavailable";
  return {
    state: bestState ?? fallback,
    pids: sessions.flatMap((session) => session.pid ?? []),
    ...(sessions.some(({ isDirect }) => isDirect) ? { without_launcher: true } : {}),
    sessions: sessions.length,
    calls_in_flight: sessions.reduce((sum, session) => sum + session.activeCalls.count, 0),
    last_error: unavailable ?? health.lastErrorFor(agent) ?? null,
    restarts,
    tools: lists.of("tools").itemCount ?? null,
    resources: lists.of("resources").itemCount ?? null,
    prompts: lists.of("prompts").itemCount ?? null,
    ...(heldBackCount === 0 ? {} : { held_back: heldBackCount }),
    connect_ms: connectMs === undefined ? null : Math.round(connectMs),
    revision,
  };
}
