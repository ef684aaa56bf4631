import type { Channel } from "../../jsonrpc/mod.ts";
import { type Authenticator, type Credential, mayContinue } from "./authentication.ts";
import type { Budget } from "../../budget.ts";
import { findEvicted } from "./eviction.ts";
import { HeldDataLimit } from "./held_data.ts";
import { HttpSession } from "./http_session.ts";
import { partyName } from "./request_context.ts";
import type { HttpLimits } from "./limits.ts";

/** A client that the gateway serves. */
export interface ConnectedClient {
  /** Whether the client has sent `initialize`. */
  readonly isInitialized: boolean;
  /** Stops the servers that only this client uses, unless it has subscriptions; its next call starts them again. */
  releaseServers(): void;
  /** Ends the session of a client that has disconnected, and stops the servers that only it uses. */
  disconnect(): void;
}

/** Starts to serve a client; `agent` is the agent of its credential, if it has one. */
export type AcceptClient = (channel: Channel, agent: string | undefined) => ConnectedClient;

/** Options of a session store. */
export interface SessionStoreOptions {
  readonly accept: AcceptClient;
  readonly authenticator: Authenticator;
  /** Maximum number of sessions. */
  readonly maxSessions: number;
  /** Time after which an unused session ends, in milliseconds. */
  readonly idleMs: number;
  /** Maximum lifetime of a session, in milliseconds. */
  readonly maxMs: number;
  /** The gateway's memory budget. */
  readonly memory: Budget;
  /** Limits on kept messages and on abandoned sessions. */
  readonly limits: Pick<
    HttpLimits,
    "maxReplayChars" | "maxTotalReplayChars" | "abandonedAfterMs" | "evictableAfterMs"
  >;
}

/** The sessions of all clients by id. The store controls access to the sessions, and ends them. */
export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #keptMessages: HeldDataLimit;
  readonly #sessions = new Map<string, { session: HttpSession; client: ConnectedClient }>();

  constructor(options: SessionStoreOptions) {
    this.#options = options;
    this.#keptMessages = new HeldDataLimit(options.limits.maxTotalReplayChars);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session.
   *
   * @param credential The credential of the client.
   * @returns `undefined` if there are too many sessions.
   */
  open(credential: Credential | undefined): HttpSession | undefined {
    const { accept, maxSessions, memory, limits: { maxReplayChars } } = this.#options;
    if (this.#sessions.size >= maxSessions && !this.#makeRoom(credential?.agent)) return undefined;
    const session = new HttpSession({
      credential,
      maxReplayChars,
      memory: memory.share(partyName(credential?.agent)),
      heldData: this.#keptMessages,
    });
    const client = accept(session, credential?.agent);
    this.#sessions.set(session.id, { session, client });
    return session;
  }

  /** Whether the client has initialized its session. */
  isInitialized(session: HttpSession): boolean {
    return this.#sessions.get(session.id)?.client.isInitialized === true;
  }

  /**
   * Finds a session for the client that owns it. Other clients do not find the session.
   *
   * @param id The session id that the client sent.
   * @param credential The credential of the client.
   */
  find(id: string, credential: Credential | undefined): HttpSession | undefined {
    const session = this.#sessions.get(id)?.session;
    if (session === undefined || session.credential?.id !== credential?.id) return undefined;
    if (this.#mustEnd(session)) {
      this.end(session);
      return undefined;
    }
    session.credential = credential;
    return session;
  }

  end(session: HttpSession): void {
    const client = this.#sessions.get(session.id)?.client;
    this.#sessions.delete(session.id);
    void session.close();
    client?.disconnect();
  }

  /**
   * Ends the sessions that have expired or whose credential is not valid, and stops the servers of clients
   * that are probably gone. The sessions of such clients stay, so that the clients can return.
   */
  sweep(): void {
    const idleSince = performance.now() - this.#options.limits.abandonedAfterMs;
    for (const { session, client } of this.#sessions.values()) {
      if (this.#mustEnd(session)) this.end(session);
      else if (session.isAbandoned && !session.isInUse && session.lastUsedAt <= idleSince) {
        session.isAbandoned = false;
        client.releaseServers();
      }
    }
  }

  /** Excludes a time in which nothing could be received from the clients' idle times. */
  skipIdleTime(ms: number): void {
    for (const { session } of this.#sessions.values()) session.lastUsedAt += ms;
  }

  /** Starts streams for calls that take long. */
  startDueStreams(): void {
    for (const { session } of this.#sessions.values()) session.startDueStreams();
  }

  /** Sends keep-alive comments on the open streams. */
  keepStreamsAlive(): void {
    for (const { session } of this.#sessions.values()) session.keepStreamsAlive();
  }

  close(): void {
    for (const { session } of [...this.#sessions.values()]) this.end(session);
  }

  #mustEnd({ credential, openedAt, lastUsedAt, isInUse }: HttpSession): boolean {
    const { authenticator, idleMs, maxMs } = this.#options;
    const now = performance.now();
    if (now - openedAt > maxMs || (!isInUse && now - lastUsedAt > idleMs)) return true;
    // A session that was opened before credentials were configured has no credential, and must not continue.
    return !mayContinue(credential, authenticator);
  }

  /** Makes room for a session of an agent; returns whether there is room. */
  #makeRoom(agent: string | undefined): boolean {
    this.sweep();
    if (this.#sessions.size < this.#options.maxSessions) return true;
    const sessions = [...this.#sessions.values()].map(({ session }) => session);
    const { evictableAfterMs: idleMs } = this.#options.limits;
    const evicted = findEvicted(sessions, { agent, idleMs });
    if (evicted !== undefined) this.end(evicted);
    return evicted !== undefined;
  }
}
