import type { Channel } from "../../jsonrpc/mod.ts";
import type { Authenticator, Credential } from "./authentication.ts";
import { Budget } from "./budget.ts";
import { HttpSession } from "./http_session.ts";
import type { HttpLimits } from "./limits.ts";

/** A client as the gateway serves it. */
export interface Served {
  /** Whether it has introduced itself. */
  readonly isInitialized: boolean;
  /** Ends what was started for the client alone; its next call starts it again. */
  releaseServers(): void;
  /** The client is gone: its calls are given up. */
  leave(): void;
}

/** What clients' sessions are kept by. */
export interface HttpSessionsOptions {
  /** Begins to serve a client. */
  readonly accept: (channel: Channel, agent: string | undefined) => Served;
  /** Says which credentials are good. */
  readonly authenticator: Authenticator;
  /** Sessions at a time. */
  readonly most: number;
  /** How long one may be unused, in milliseconds. */
  readonly idleMs: number;
  /** How long one may last, in milliseconds. */
  readonly maxMs: number;
  /** What is kept, and how long. */
  readonly limits: Pick<HttpLimits, "replay" | "replayAll" | "leftMs" | "yieldMs">;
}

/** The sessions of all clients: who may use which, and when they end. */
export class HttpSessions {
  readonly #options: HttpSessionsOptions;
  readonly #budget: Budget;
  readonly #sessions = new Map<string, { session: HttpSession; served: Served }>();

  /** @param options What the sessions are kept by. */
  constructor(options: HttpSessionsOptions) {
    this.#options = options;
    this.#budget = new Budget(options.limits.replayAll);
  }

  /** How many there are. */
  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session.
   *
   * @param credential Whose it is.
   * @returns `undefined` where all places are taken.
   */
  open(credential: Credential | undefined): HttpSession | undefined {
    const { accept, most, limits: { replay } } = this.#options;
    if (this.#sessions.size >= most && !this.#makeRoom(credential?.agent)) return undefined;
    const session = new HttpSession({ credential, replay, budget: this.#budget });
    const served = accept(session, credential?.agent);
    this.#sessions.set(session.id, { session, served });
    return session;
  }

  /** Ends a session that was opened by a message which did not introduce the client. */
  endUnlessInitialized(session: HttpSession): boolean {
    const isInitialized = this.#sessions.get(session.id)?.served.isInitialized === true;
    if (!isInitialized) this.end(session);
    return isInitialized;
  }

  /**
   * The session of that name, if it belongs to who asks. To anybody else it does not exist.
   *
   * @param id What the client was told.
   * @param credential Who asks.
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

  /** Ends a session. */
  end(session: HttpSession): void {
    const served = this.#sessions.get(session.id)?.served;
    this.#sessions.delete(session.id);
    void session.close();
    served?.leave();
  }

  /**
   * Ends the sessions whose time or credential is over, and the servers of clients that seem to be
   * gone. Those clients' sessions stay: a client that comes back goes on.
   */
  sweep(): void {
    const leftBefore = performance.now() - this.#options.limits.leftMs;
    for (const { session, served } of this.#sessions.values()) {
      if (this.#hasEnded(session)) this.end(session);
      else if (session.hasLeft && !session.isInUse && session.usedAt <= leftBefore) {
        session.hasLeft = false;
        served.releaseServers();
      }
    }
  }

  /** Begins streams for calls that have been open for long, and keeps open streams alive. */
  tick(options: { readonly keepAlive: boolean }): void {
    for (const { session } of this.#sessions.values()) session.tick(options);
  }

  /** Ends all. */
  close(): void {
    for (const { session } of [...this.#sessions.values()]) this.end(session);
  }

  #hasEnded(session: HttpSession): boolean {
    const { authenticator, idleMs, maxMs } = this.#options;
    const { credential, openedAt, usedAt, isInUse } = session;
    const now = performance.now();
    if (now - openedAt > maxMs || (!isInUse && now - usedAt > idleMs)) return true;
    // Once there are credentials, nobody goes on without one.
    return credential === undefined
      ? authenticator.isConfigured
      : !authenticator.isValid(credential);
  }

  /** Ends a session that was left, or one of an agent that has more than its share. */
  #makeRoom(agent: string | undefined): boolean {
    this.sweep();
    if (this.#sessions.size < this.#options.most) return true;
    // Those that are not in use come first, and of both the one that was used longest ago.
    const sessions = [...this.#sessions.values()].map(({ session }) => session)
      .toSorted((a, b) => Number(a.isInUse) - Number(b.isInUse) || a.usedAt - b.usedAt);
    const leftBefore = performance.now() - this.#options.limits.yieldMs;
    const left = sessions.find(({ isInUse, usedAt }) => !isInUse && usedAt <= leftBefore);
    const victim = left ?? this.#findShare(sessions, agent)[0];
    if (victim !== undefined) this.end(victim);
    return victim !== undefined;
  }

  /** The sessions of the agent with the most, if these are more than another has with one more. */
  #findShare(sessions: readonly HttpSession[], other: string | undefined): HttpSession[] {
    const shares = Map.groupBy(sessions, ({ credential }) => credential?.agent);
    const most = Math.max(...shares.values().map(({ length }) => length));
    if (most <= (shares.get(other)?.length ?? 0) + 1) return [];
    return shares.values().find(({ length }) => length === most) ?? [];
  }
}
