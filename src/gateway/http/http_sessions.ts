import type { Channel } from "../../jsonrpc/mod.ts";
import type { Credential, Identification } from "./credentials.ts";
import { HttpSession } from "./http_session.ts";
import type { Limits } from "./limits.ts";
import { ReplayBudget } from "./replay.ts";

/** A client as the gateway serves it. */
export interface Served {
  /** Whether it has introduced itself. */
  readonly isInitialized: boolean;
  /** The client is gone: its calls are given up. */
  leave(): void;
}

/** What clients' sessions are kept by. */
export interface HttpSessionsOptions {
  /** Begins to serve a client. */
  readonly accept: (channel: Channel, agent: string | undefined) => Served;
  /** Says which credentials are good. */
  readonly identification: Identification;
  /** Sessions at a time. */
  readonly most: number;
  /** How long one may be unused, in milliseconds. */
  readonly idleMs: number;
  /** How long one may last, in milliseconds. */
  readonly maxMs: number;
  /** See there. */
  readonly limits: Pick<Limits, "replay" | "replayAll" | "yieldMs">;
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
    if (this.#sessions.size >= most && !this.#makeRoom()) return undefined;
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

  /** Ends the sessions whose time or credential is over. */
  sweep(): void {
    for (const { session } of this.#sessions.values()) {
      if (this.#hasEnded(session)) this.end(session);
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
    const { identification, idleMs, maxMs } = this.#options;
    const { credential, openedAt, usedAt, isInUse } = session;
    const now = performance.now();
    if (now - openedAt > maxMs || (!isInUse && now - usedAt > idleMs)) return true;
    // Once there are credentials, nobody goes on without one.
    return credential === undefined
      ? identification.isConfigured
      : !identification.isValid(credential);
  }

  /** Ends the session that was unused for longest, where that is long enough. */
  #makeRoom(): boolean {
    this.sweep();
    if (this.#sessions.size < this.#options.most) return true;
    let oldest: HttpSession | undefined;
    for (const { session } of this.#sessions.values()) {
      if (session.isInUse || session.usedAt >= (oldest?.usedAt ?? Infinity)) continue;
      oldest = session;
    }
    if (oldest === undefined) return false;
    if (performance.now() - oldest.usedAt < this.#options.limits.yieldMs) return false;
    this.end(oldest);
    return true;
  }
}
