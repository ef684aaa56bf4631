import type { Isolation } from "../config/mod.ts";
import type { Caller, ClientCapabilities, ClientConnection } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import type { Deadlines, Due } from "./deadlines.ts";
import { FairQueue } from "./fair_queue.ts";
import type { Session } from "./session.ts";
import type { GracePeriods } from "./transports/mod.ts";
import { within } from "../within.ts";

/** A session in its pool. Its deadline is the end of its idle time. */
export interface PooledSession extends Due {
  /** The session. */
  readonly session: Session;
  /** The queue for its calls, which limits their number at a time. */
  readonly queue: FairQueue;
  /** The client it belongs to; `undefined` if several share it, or no client has taken it yet. */
  client: string | undefined;
  /** The back channel to that client. */
  clientChannel: ClientChannel | undefined;
  /** Equal for clients that declare alike. */
  readonly capabilitiesKey: string;
  /** Number of operations that hold it. */
  users: number;
  /** Called when the last operation gives it back. */
  readonly onUnused: (() => void)[];
  /** Whether it is out of use: no caller gets it any more. */
  isWithdrawn: boolean;
  dueAt: number;
}

/** Options of a pool. */
export interface PoolOptions {
  /** Which callers share a session. */
  readonly isolation: Isolation;
  /** Calls at a time on one session. */
  readonly maxConcurrency: number;
  /** Milliseconds after which an unused session is closed. */
  readonly idleTimeoutMs: number;
  /** Watches the idle times. */
  readonly deadlines: Deadlines;
  /** Returns the key of the capabilities that are declared to the server for a client. */
  readonly keyOf: (capabilities: ClientCapabilities) => string;
  /** Starts a session; it calls `ended` when the session is closed or broken. */
  readonly start: (wanted: SessionRequest, ended: () => void) => Session;
}

/** The client that a session is needed for. */
export interface SessionRequest {
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** Equal for clients that declare alike. */
  readonly capabilitiesKey: string;
  /** Returns the client that owns the session; a session that was started ahead gets it later. */
  readonly clientChannel: () => ClientChannel | undefined;
}

/** Capabilities that a session declares if it is started for no client in particular. */
const NO_CAPABILITIES: ClientCapabilities = {};

const IDLE_GRACE: GracePeriods = { inputMs: 2000, terminateMs: 2000 };

/** Short, because a session that fails a ping will not shut down in an orderly way either. */
const HANGING_GRACE: GracePeriods = { inputMs: 100, terminateMs: 500 };

/** The sessions of one server: assigns them to callers, and ends them. */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #byKey = new Map<string, PooledSession>();
  readonly #all = new Set<PooledSession>();
  readonly #ending = new Set<Promise<void>>();
  // Sessions that are over, whose processes may still be ending.
  readonly #closing = new Set<Session>();
  // Started ahead of the first call; the first caller with the same capabilities takes it.
  #spare: PooledSession | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** All sessions, in the order of their start. */
  get sessions(): Session[] {
    return [...this.#all].map((pooled) => pooled.session);
  }

  /** Returns the sessions that belong to a client. */
  sessionsOf(client: string): Session[] {
    return [...this.#all].filter((pooled) => pooled.client === client).map((pooled) =>
      pooled.session
    );
  }

  /**
   * Starts a session ahead of the first call. Give it back with `release` when it is ready; its idle time
   * begins then.
   *
   * @param client The client it is for; if `undefined`, the first with the same capabilities.
   */
  warm(client: ClientConnection | undefined): PooledSession {
    const pooled = this.#start(client);
    this.#spare = pooled;
    pooled.users++;
    return pooled;
  }

  /**
   * Returns the session for a caller, which may still be connecting. Give it back with `release`.
   *
   * @param caller The caller.
   */
  acquire(caller: Caller): PooledSession {
    const key = this.#keyOf(caller);
    let pooled = key === undefined ? undefined : this.#byKey.get(key);
    if (pooled === undefined) {
      pooled = this.#adopt(caller) ?? this.#start(caller);
      if (key !== undefined) this.#byKey.set(key, pooled);
    }
    pooled.users++;
    this.#options.deadlines.remove(pooled);
    return pooled;
  }

  /** Gives a session back: it stays open for the next call until its idle time ends. */
  release(pooled: PooledSession): void {
    if (--pooled.users > 0) return;
    for (const notify of pooled.onUnused.splice(0)) notify();
    if (pooled.isWithdrawn) return;
    const isUsedUp = this.#options.isolation === "call" && pooled !== this.#spare;
    if (isUsedUp) this.#end(pooled, IDLE_GRACE);
    else {
      pooled.dueAt = performance.now() + this.#options.idleTimeoutMs;
      this.#options.deadlines.add(pooled);
    }
  }

  /**
   * Takes a session that hangs out of use, and ends it after its calls.
   *
   * @param pooled The session.
   * @param drainMs Time for the calls to end, in milliseconds.
   */
  retire(pooled: PooledSession, drainMs: number): void {
    if (this.#all.has(pooled) && pooled.session.state === "ready") {
      this.#end(pooled, HANGING_GRACE, drainMs);
    }
  }

  /**
   * Starts a session beside others. No caller gets it before `replace`; give it back with `release`.
   *
   * @param client The client it is for.
   */
  startBeside(client: ClientConnection): PooledSession {
    const pooled = this.#start(client);
    pooled.users++;
    return pooled;
  }

  /**
   * Retires a session, and gives its callers another one.
   *
   * @param pooled The session that is no longer usable.
   * @param options `fresh`: the other session, which is ended if no caller can get it. `drainMs`: time
   * that the calls of the old session have to end, in milliseconds.
   */
  replace(
    pooled: PooledSession,
    { fresh, drainMs }: { readonly fresh: PooledSession; readonly drainMs: number },
  ): void {
    const keys = [...this.#byKey].filter(([, other]) => other === pooled).map(([key]) => key);
    const isSpare = this.#spare === pooled;
    this.retire(pooled, drainMs);
    for (const key of keys) this.#byKey.set(key, fresh);
    if (isSpare) this.#spare = fresh;
    else if (keys.length === 0) this.retire(fresh, drainMs);
  }

  /** Ends the sessions of a client that is gone. */
  async releaseClient(client: string, gracePeriods: GracePeriods): Promise<void> {
    const own = [...this.#all].filter((pooled) => pooled.client === client);
    // Does not wait for all ending sessions: one of another client may be waiting for a long call.
    await Promise.all(own.map((pooled) => this.#end(pooled, gracePeriods)));
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs Time for calls to end, in milliseconds.
   * @param gracePeriods Time for processes to end.
   */
  async close(drainMs: number, gracePeriods: GracePeriods): Promise<void> {
    for (const pooled of [...this.#all]) this.#end(pooled, gracePeriods, drainMs);
    for (const session of this.#closing) void session.close(gracePeriods);
    await Promise.all(this.#ending);
  }

  /** Kills all processes immediately. */
  kill(): void {
    for (const pooled of [...this.#all]) pooled.session.kill();
  }

  #adopt(caller: Caller): PooledSession | undefined {
    const spare = this.#spare;
    if (spare?.capabilitiesKey !== this.#options.keyOf(caller.capabilities)) return undefined;
    if (spare.client !== undefined && spare.client !== caller.sessionId) return undefined;
    this.#spare = undefined;
    if (spare.client === undefined && this.#options.isolation !== "shared") {
      spare.client = caller.sessionId;
      spare.clientChannel = caller.channel;
      const level = caller.channel.logLevel();
      if (level !== undefined) void spare.session.setLogLevel(level);
    }
    return spare;
  }

  #start(connection: ClientConnection | undefined): PooledSession {
    const { isolation, maxConcurrency, start } = this.#options;
    const capabilities = connection?.capabilities ?? NO_CAPABILITIES;
    const capabilitiesKey = this.#options.keyOf(capabilities);
    const owner = isolation === "shared" ? undefined : connection;
    const wanted = { capabilities, capabilitiesKey, clientChannel: () => pooled.clientChannel };
    const pooled: PooledSession = {
      session: start(wanted, () => this.#forget(pooled)),
      queue: new FairQueue(maxConcurrency),
      client: owner?.sessionId,
      clientChannel: owner?.channel,
      capabilitiesKey,
      users: 0,
      onUnused: [],
      isWithdrawn: false,
      dueAt: Infinity,
      indexInSet: -1,
      expire: () => void this.#end(pooled, IDLE_GRACE),
    };
    this.#all.add(pooled);
    return pooled;
  }

  #end(pooled: PooledSession, gracePeriods: GracePeriods, drainMs = 0): Promise<void> {
    this.#withdraw(pooled);
    return this.#track(this.#drain(pooled, drainMs).then(() => pooled.session.close(gracePeriods)));
  }

  #track(ending: Promise<void>): Promise<void> {
    this.#ending.add(ending);
    return ending.finally(() => this.#ending.delete(ending));
  }

  async #drain(pooled: PooledSession, withinMs: number): Promise<void> {
    pooled.session.drain();
    if (pooled.users === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    pooled.onUnused.push(resolve);
    await within(promise, withinMs);
  }

  #forget(pooled: PooledSession): void {
    this.#withdraw(pooled);
    this.#all.delete(pooled);
    // The processes of a broken session take a moment to end, too.
    const { session } = pooled;
    this.#closing.add(session);
    this.#track(session.ended().finally(() => this.#closing.delete(session)));
  }

  /** Takes a session out of use: no caller gets it any more. */
  #withdraw(pooled: PooledSession): void {
    pooled.isWithdrawn = true;
    this.#options.deadlines.remove(pooled);
    if (this.#spare === pooled) this.#spare = undefined;
    for (const [key, other] of this.#byKey) {
      if (other === pooled) this.#byKey.delete(key);
    }
  }

  /** Callers with the same key share a session; callers without a key do not. */
  #keyOf({ sessionId, agent, capabilities }: Caller): string | undefined {
    const capabilitiesKey = this.#options.keyOf(capabilities);
    switch (this.#options.isolation) {
      case "shared":
        return capabilitiesKey;
      case "session":
        return `${sessionId} ${capabilitiesKey}`;
      case "agent":
        // The client's capabilities are known only once it has introduced itself.
        return `${sessionId} ${agent} ${capabilitiesKey}`;
      case "call":
        return undefined;
    }
  }
}
