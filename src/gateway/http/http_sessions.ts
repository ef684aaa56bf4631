import type { Channel } from "../../jsonrpc/mod.ts";
import type { Authenticator, Credential } from "./authentication.ts";
import { Budget } from "./budget.ts";
import { HttpSession } from "./http_session.ts";
import type { HttpLimits } from "./limits.ts";

/** A client that the gateway serves. */
export interface ClientHandle {
  /** Whether the client has sent `initialize`. */
  readonly isInitialized: boolean;
  /** Stops the servers of this client alone; its next call starts them again. */
  releaseServers(): void;
  /** Cancels the calls of a client that has disconnected. */
  leave(): void;
}

/** Options of the sessions. */
export interface HttpSessionsOptions {
  readonly accept: (channel: Channel, agent: string | undefined) => ClientHandle;
  readonly authenticator: Authenticator;
  /** Maximum number of sessions at the same time. */
  readonly maxSessions: number;
  readonly idleMs: number;
  readonly maxMs: number;
  /** Limits on kept messages and on abandoned sessions. */
  readonly limits: Pick<
    HttpLimits,
    "maxReplayChars" | "maxTotalReplayChars" | "abandonedAfterMs" | "evictableAfterMs"
  >;
}

/** The sessions of all clients. Controls access to them, and ends them. */
export class HttpSessions {
  readonly #options: HttpSessionsOptions;
  readonly #budget: Budget;
  readonly #sessions = new Map<string, { session: HttpSession; served: ClientHandle }>();

  constructor(options: HttpSessionsOptions) {
    this.#options = options;
    this.#budget = new Budget(options.limits.maxTotalReplayChars);
  }

  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session.
   *
   * @param credential The credential of the client.
   * @returns `undefined` if there are too many sessions.
   */
  open(credential: Credential | undefined): HttpSession | undefined {
    const { accept, maxSessions, limits: { maxReplayChars } } = this.#options;
    if (this.#sessions.size >= maxSessions && !this.#makeRoom(credential?.agent)) return undefined;
    const session = new HttpSession({ credential, maxReplayChars, budget: this.#budget });
    const served = accept(session, credential?.agent);
    this.#sessions.set(session.id, { session, served });
    return session;
  }

  /** Ends a session whose first message did not initialize it; returns whether the session is initialized. */
  endUnlessInitialized(session: HttpSession): boolean {
    const isInitialized = this.#sessions.get(session.id)?.served.isInitialized === true;
    if (!isInitialized) this.end(session);
    return isInitialized;
  }

  /**
   * Finds a session, but only for its own client. For other clients it does not exist.
   *
   * @param id The session id that the client sent.
   * @param credential The credential of the client.
   */
  find(id: string, credential: Credential | undefined): HttpSession | undefined {
    const session = this.#sessions.get(id)?.session;
    if (session === undefined || session.credential?.id !== credential?.id) return undefined;
    if (this.#hasEnded(session)) {
      this.end(session);
      return undefined;
    }
    session.credential = credential;
    return session;
  }

  end(session: HttpSession): void {
    const served = this.#sessions.get(session.id)?.served;
    this.#sessions.delete(session.id);
    void session.close();
    served?.leave();
  }

  /**
   * Ends the sessions whose lifetime or credential has expired, and stops the servers of clients that
   * seem to be gone. The sessions of these clients stay, so that they can return.
   */
  sweep(): void {
    const idleSince = performance.now() - this.#options.limits.abandonedAfterMs;
    for (const { session, served } of this.#sessions.values()) {
      if (this.#hasEnded(session)) this.end(session);
      else if (session.isAbandoned && !session.isInUse && session.usedAt <= idleSince) {
        session.isAbandoned = false;
        served.releaseServers();
      }
    }
  }

  /** Starts streams for calls that take long, and keeps open streams alive. */
  tick(options: { readonly keepAlive: boolean }): void {
    for (const { session } of this.#sessions.values()) session.tick(options);
  }

  close(): void {
    for (const { session } of [...this.#sessions.values()]) this.end(session);
  }

  #hasEnded(session: HttpSession): boolean {
    const { authenticator, idleMs, maxMs } = this.#options;
    const { credential, openedAt, usedAt, isInUse } = session;
    const now = performance.now();
    if (now - openedAt > maxMs || (!isInUse && now - usedAt > idleMs)) return true;
    // Once credentials are configured, sessions without one are not continued.
    return credential === undefined
      ? authenticator.isConfigured
      : !authenticator.isValid(credential);
  }

  /** Ends an idle session, or one of the agent with the most; returns whether there is room now. */
  #makeRoom(agent: string | undefined): boolean {
    this.sweep();
    if (this.#sessions.size < this.#options.maxSessions) return true;
    // Sessions that are not in use come first, and among equals the least recently used.
    const sessions = [...this.#sessions.values()].map(({ session }) => session)
      .toSorted((a, b) => Number(a.isInUse) - Number(b.isInUse) || a.usedAt - b.usedAt);
    const idleSince = performance.now() - this.#options.limits.evictableAfterMs;
    const idle = sessions.find(({ isInUse, usedAt }) => !isInUse && usedAt <= idleSince);
    const victim = idle ?? this.#sessionsOfLargestAgent(sessions, agent)[0];
    if (victim !== undefined) this.end(victim);
    return victim !== undefined;
  }

  /** Returns the sessions of the agent with the most; none if `other` would have as many with one more. */
  #sessionsOfLargestAgent(
    sessions: readonly HttpSession[],
    other: string | undefined,
  ): HttpSession[] {
    const shares = Map.groupBy(sessions, ({ credential }) => credential?.agent);
    const most = Math.max(...shares.values().map(({ length }) => length));
    if (most <= (shares.get(other)?.length ?? 0) + 1) return [];
    return shares.values().find(({ length }) => length === most) ?? [];
  }
}
