import type { Channel } from "../../jsonrpc/mod.ts";
import type { Authenticator, Credential } from "./authentication.ts";
import { HttpSession } from "./http_session.ts";
import type { Limits } from "./limits.ts";
import { ReplayBudget } from "./replay.ts";

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
  /** See there. */
  readonly limits: Pick<Limits, "replay" | "replayAll" | "leftMs" | "yieldMs">;
}

/** The sessions of all clients: who may use which, and when they end. */
export class HttpSessions {
  readonly #options: HttpSessionsOptions;
  readonly #budget: ReplayBudget;
  readonly #sessions = new Map<string, { session: HttpSession; served: Served }>();

  /** @param options See there. */
  constructor(options: HttpSessionsOptions) {
    this.#options = options;
    this.#budget = new ReplayBudget(options.limits.replayAll);
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
  tend(options: { readonly keepAlive: boolean }): void {
    for (const { session } of this.#sessions.values()) session.tend(options);
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
    const leftBefore = performance.now() - this.#options.limits.yieldMs;
    const unused = this.#findOldest(({ isInUse }) => !isInUse);
    if (unused !== undefined && unused.usedAt <= leftBefore) return this.#endOne(unused);
    // Otherwise one agent could keep all others out.
    const rich = this.#findRichest(agent);
    if (rich === undefined) return false;
    const isTheirs = ({ credential }: HttpSession): boolean => credential?.agent === rich;
    return this.#endOne(
      this.#findOldest((session) => isTheirs(session) && !session.isInUse) ??
        this.#findOldest(isTheirs),
    );
  }

  /** The agent with the most sessions, where it has more than another would with one more. */
  #findRichest(other: string | undefined): string | undefined {
    const counts = new Map<string | undefined, number>();
    for (const { session: { credential } } of this.#sessions.values()) {
      counts.set(credential?.agent, (counts.get(credential?.agent) ?? 0) + 1);
    }
    const [richest] = [...counts].toSorted(([, one], [, two]) => two - one);
    const [agent, count = 0] = richest ?? [];
    return count > (counts.get(other) ?? 0) + 1 ? agent : undefined;
  }

  #findOldest(isMeant: (session: HttpSession) => boolean): HttpSession | undefined {
    let oldest: HttpSession | undefined;
    for (const { session } of this.#sessions.values()) {
      if (session.usedAt < (oldest?.usedAt ?? Infinity) && isMeant(session)) oldest = session;
    }
    return oldest;
  }

  #endOne(session: HttpSession | undefined): boolean {
    if (session !== undefined) this.end(session);
    return session !== undefined;
  }
}
