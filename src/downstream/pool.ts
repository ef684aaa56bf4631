import type { Isolation } from "../config/mod.ts";
import type { Caller, ClientCapabilities, ClientConnection } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import { FairQueue } from "../fair_queue.ts";
import { BROKEN_GRACE, IDLE_GRACE } from "./grace_periods.ts";
import type { Session } from "./session.ts";
import type { GracePeriods, ProcessOwner } from "./transports/mod.ts";
import { within } from "../within.ts";

/** A session in its pool. Its deadline is the end of its idle time. */
export interface PooledSession extends Deadline {
  /** The session. */
  readonly session: Session;
  /** The queue for its calls, which limits how many run at the same time. */
  readonly queue: FairQueue;
  /** Id of the connection of the client that owns the session; `undefined` if clients share it, or none owns it yet. */
  connectionId: string | undefined;
  /** The owner of the session's process, if the server runs as a process. */
  readonly owner: ProcessOwner & { agent: string | undefined };
  /** The channel to the client that owns the session. */
  clientChannel: ClientChannel | undefined;
  /** Key of the capabilities that are declared to the server; see `CapabilityKeys`. */
  readonly capabilitiesKey: string;
  /** Number of operations that use the session. */
  leaseCount: number;
  /** Whether the session stays open although no operation uses it. */
  isKeptOpen: boolean;
  /** Called when the last operation has released the session. */
  readonly unusedCallbacks: (() => void)[];
  /** Whether the session is out of use, so that no further caller gets it. */
  isWithdrawn: boolean;
  dueAt: number;
}

/** Options of a pool. */
export interface PoolOptions {
  /** Which callers share a session. */
  readonly isolation: Isolation;
  /** Limit of concurrent calls on one session. */
  readonly maxConcurrency: number;
  /** Returns whether several agents may use the server. */
  readonly hasSeveralAgents: () => boolean;
  /** Milliseconds after which an unused session is closed. */
  readonly idleTimeoutMs: number;
  /** Ends sessions at the end of their idle time. */
  readonly deadlines: Deadlines;
  /** Returns the key of the capabilities that are declared to the server for a client. */
  readonly capabilitiesKeyOf: (capabilities: ClientCapabilities) => string;
  /** Called when a session is no longer in use: no further caller gets it. */
  readonly onWithdrawn: (pooled: PooledSession) => void;
  /** Starts a session. Must call `onEnded` when the session is closed or broken. */
  readonly start: (request: SessionRequest, onEnded: () => void) => Session;
}

/** The client that a session is needed for. */
export interface SessionRequest {
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** Key of the capabilities that are declared to the server; see `CapabilityKeys`. */
  readonly capabilitiesKey: string;
  /** The owner of the session's process. */
  readonly owner: ProcessOwner;
  /** Returns the channel to the client that owns the session. A prewarmed session has none until a caller takes it. */
  readonly clientChannel: () => ClientChannel | undefined;
}

/** Capabilities of a session that is started before its client is known. */
const NO_CAPABILITIES: ClientCapabilities = {};

/** The sessions of one server: assigns them to callers, and ends them. */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #byCallerKey = new Map<string, PooledSession>();
  readonly #sessions = new Set<PooledSession>();
  readonly #endings = new Set<Promise<void>>();
  // The sessions that have ended, but whose processes are still ending.
  readonly #endedSessions = new Set<Session>();
  // The session that was started before the first call. The first caller with equal capabilities takes it.
  #prewarmed: PooledSession | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** The sessions that have not ended, in the order of their start. */
  get sessions(): Session[] {
    return [...this.#sessions].map((pooled) => pooled.session);
  }

  /** Returns the id of the connection that owns a session; `undefined` if clients share it, or none owns it. */
  connectionIdOf(session: object | undefined): string | undefined {
    return this.#sessions.values().find((pooled) => pooled.session === session)?.connectionId;
  }

  /** Returns the sessions that belong to a client. */
  sessionsOf(connectionId: string): Session[] {
    return this.#ownedBy(connectionId).map((pooled) => pooled.session);
  }

  /**
   * Starts a session before the first call. It must be released when it is ready; then its idle time begins.
   *
   * @param client The client that the session is for; if `undefined`, the session is for the first client
   * without capabilities to declare to the server.
   */
  warm(client: ClientConnection | undefined): PooledSession {
    const pooled = this.#start(client);
    this.#prewarmed = pooled;
    pooled.leaseCount++;
    return pooled;
  }

  /** Returns the session that a caller has; never starts one. */
  find(caller: Caller): PooledSession | undefined {
    const key = this.#callerKeyOf(caller);
    return key === undefined ? undefined : this.#byCallerKey.get(key);
  }

  /**
   * Returns the session for a caller; the session may still be connecting. Each `acquire` needs its own
   * `release`.
   *
   * @param caller The caller.
   */
  acquire(caller: Caller): PooledSession {
    const key = this.#callerKeyOf(caller);
    let pooled = key === undefined ? undefined : this.#byCallerKey.get(key);
    if (pooled === undefined) {
      pooled = this.#takePrewarmed(caller) ?? this.#start(caller);
      if (key !== undefined) this.#byCallerKey.set(key, pooled);
    }
    this.hold(pooled);
    return pooled;
  }

  /** Holds a session that is in use for another operation, until `release`. */
  hold(pooled: PooledSession): void {
    pooled.leaseCount++;
    this.#options.deadlines.remove(pooled);
  }

  /** Keeps a session open even when no operation uses it. The caller must be holding the session. */
  keepOpen(pooled: PooledSession): void {
    pooled.isKeptOpen = true;
  }

  /** Undoes `keepOpen`. An unused session then stays open for its idle time, unless it was for a single call. */
  allowEnd(pooled: PooledSession): void {
    pooled.isKeptOpen = false;
    if (pooled.leaseCount === 0 && !pooled.isWithdrawn) this.#leaveUnused(pooled);
  }

  /** Releases a session. Unless it is for a single call, it stays open for the next call until its idle time ends. */
  release(pooled: PooledSession): void {
    if (--pooled.leaseCount > 0) return;
    for (const onUnused of pooled.unusedCallbacks.splice(0)) onUnused();
    if (!pooled.isWithdrawn && !pooled.isKeptOpen) this.#leaveUnused(pooled);
  }

  #leaveUnused(pooled: PooledSession): void {
    const isSingleUse = this.#options.isolation === "call" && pooled !== this.#prewarmed;
    if (isSingleUse) this.#end(pooled, IDLE_GRACE);
    else {
      pooled.dueAt = performance.now() + this.#options.idleTimeoutMs;
      this.#options.deadlines.add(pooled);
    }
  }

  /**
   * Takes a session out of use if it is ready, and ends it after its calls. Its process gets little time to
   * end, because the process may hang.
   *
   * @param pooled The session.
   * @param drainMs Time for the calls to end, in milliseconds.
   */
  retire(pooled: PooledSession, drainMs: number): void {
    if (this.#sessions.has(pooled) && pooled.session.state === "ready") {
      this.#end(pooled, BROKEN_GRACE, drainMs);
    }
  }

  /**
   * Starts another session for a client that has one. No caller gets the new session before `replace`. It
   * must be released after that.
   *
   * @param caller The caller that the session is for.
   */
  startReplacement(caller: Caller): PooledSession {
    const pooled = this.#start(caller);
    pooled.leaseCount++;
    return pooled;
  }

  /**
   * Retires a session, and gives its callers another session.
   *
   * @param pooled The session that is no longer usable.
   * @param options `replacement`: the other session, which is ended if no caller can get it. `drainMs`: time
   * for the calls of the old session to end, in milliseconds.
   */
  replace(
    pooled: PooledSession,
    { replacement, drainMs }: { readonly replacement: PooledSession; readonly drainMs: number },
  ): void {
    const keys = [...this.#byCallerKey.keys()].filter((key) => {
      return this.#byCallerKey.get(key) === pooled;
    });
    const isPrewarmed = this.#prewarmed === pooled;
    this.retire(pooled, drainMs);
    for (const key of keys) this.#byCallerKey.set(key, replacement);
    if (isPrewarmed) this.#prewarmed = replacement;
    else if (keys.length === 0) this.retire(replacement, drainMs);
  }

  /**
   * Starts a session without a client, which no caller gets. It must be ended by `discard`.
   *
   * @param capabilities The capabilities to declare to the server.
   */
  startDetached(capabilities: ClientCapabilities): PooledSession {
    const pooled = this.#start({ capabilities });
    pooled.leaseCount++;
    return pooled;
  }

  /** Ends a session that no caller has. */
  discard(pooled: PooledSession): void {
    pooled.leaseCount--;
    if (!pooled.isWithdrawn) void this.#end(pooled, IDLE_GRACE);
  }

  /** Keeps a session from being ended as an idle one while the result exists. */
  holdSession(session: Session): Disposable {
    const pooled = this.#sessions.values().find((candidate) => candidate.session === session);
    if (pooled !== undefined) this.hold(pooled);
    return { [Symbol.dispose]: () => pooled && this.release(pooled) };
  }

  /** Ends the sessions of a client that has disconnected. */
  async releaseClient(connectionId: string, gracePeriods: GracePeriods): Promise<void> {
    const endings = this.#ownedBy(connectionId).map((pooled) => this.#end(pooled, gracePeriods));
    // The sessions of other clients are not awaited: they may be waiting for a long call.
    await Promise.all(endings);
  }

  #ownedBy(connectionId: string): PooledSession[] {
    return [...this.#sessions].filter((pooled) => pooled.connectionId === connectionId);
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs Time for calls to end, in milliseconds.
   * @param gracePeriods Time for processes to end.
   */
  async close(drainMs: number, gracePeriods: GracePeriods): Promise<void> {
    for (const pooled of [...this.#sessions]) this.#end(pooled, gracePeriods, drainMs);
    for (const session of this.#endedSessions) void session.close(gracePeriods);
    await Promise.all(this.#endings);
  }

  /** Kills all processes immediately. */
  kill(): void {
    for (const pooled of [...this.#sessions]) pooled.session.kill();
  }

  #takePrewarmed(caller: Caller): PooledSession | undefined {
    const prewarmed = this.#prewarmed;
    if (prewarmed?.capabilitiesKey !== this.#options.capabilitiesKeyOf(caller.capabilities)) {
      return undefined;
    }
    if (prewarmed.connectionId !== undefined && prewarmed.connectionId !== caller.connectionId) {
      return undefined;
    }
    this.#prewarmed = undefined;
    if (this.#options.isolation !== "shared") prewarmed.owner.agent = caller.agent;
    if (prewarmed.connectionId === undefined && this.#options.isolation !== "shared") {
      prewarmed.connectionId = caller.connectionId;
      prewarmed.clientChannel = caller.channel.outsideCalls;
      const level = caller.channel.logLevel();
      if (level !== undefined) prewarmed.session.clientChanges.setLogLevel(level);
    }
    return prewarmed;
  }

  #start(connection: Partial<Caller> | undefined): PooledSession {
    const { isolation, maxConcurrency, idleTimeoutMs, hasSeveralAgents, start } = this.#options;
    const capabilities = connection?.capabilities ?? NO_CAPABILITIES;
    const capabilitiesKey = this.#options.capabilitiesKeyOf(capabilities);
    const client = isolation === "shared" ? undefined : connection;
    // The process may be started before `pooled` is assigned.
    const owner = {
      agent: client?.agent,
      // A prewarmed session is not needed yet.
      isNeeded: connection?.agent !== undefined,
      get idleSince() {
        const isIdle = pooled.leaseCount === 0 && !pooled.isKeptOpen && !pooled.isWithdrawn;
        return isIdle ? pooled.dueAt - idleTimeoutMs : undefined;
      },
      end: () => this.#end(pooled, IDLE_GRACE),
    };
    const clientChannel = (): ClientChannel | undefined => pooled.clientChannel;
    const request = { capabilities, capabilitiesKey, owner, clientChannel };
    const pooled: PooledSession = {
      session: start(request, () => this.#forget(pooled)),
      queue: new FairQueue(maxConcurrency, () => isolation === "shared" && hasSeveralAgents()),
      owner,
      connectionId: client?.connectionId,
      clientChannel: client?.channel?.outsideCalls,
      capabilitiesKey,
      leaseCount: 0,
      isKeptOpen: false,
      unusedCallbacks: [],
      isWithdrawn: false,
      dueAt: Infinity,
      indexInSet: -1,
      expire: () => void this.#end(pooled, IDLE_GRACE),
    };
    this.#sessions.add(pooled);
    return pooled;
  }

  #end(pooled: PooledSession, gracePeriods: GracePeriods, drainMs = 0): Promise<void> {
    this.#withdraw(pooled);
    return this.#track(this.#drain(pooled, drainMs).then(() => pooled.session.close(gracePeriods)));
  }

  #track(ending: Promise<void>): Promise<void> {
    this.#endings.add(ending);
    return ending.finally(() => this.#endings.delete(ending));
  }

  async #drain(pooled: PooledSession, withinMs: number): Promise<void> {
    pooled.session.drain();
    if (pooled.leaseCount === 0) return;
    const { promise: unused, resolve } = Promise.withResolvers<void>();
    pooled.unusedCallbacks.push(resolve);
    await within(unused, withinMs);
  }

  #forget(pooled: PooledSession): void {
    this.#withdraw(pooled);
    this.#sessions.delete(pooled);
    // The processes of a broken session take a moment to end.
    const { session } = pooled;
    this.#endedSessions.add(session);
    this.#track(session.ended().finally(() => this.#endedSessions.delete(session)));
  }

  /** Takes a session out of use, so that no further caller gets it. */
  #withdraw(pooled: PooledSession): void {
    const wasInUse = !pooled.isWithdrawn;
    pooled.isWithdrawn = true;
    this.#options.deadlines.remove(pooled);
    if (this.#prewarmed === pooled) this.#prewarmed = undefined;
    for (const [key, candidate] of this.#byCallerKey) {
      if (candidate === pooled) this.#byCallerKey.delete(key);
    }
    if (wasInUse) this.#options.onWithdrawn(pooled);
  }

  /** Callers with the same key share a session. With isolation `call` there is no key: no session is shared. */
  #callerKeyOf({ connectionId, agent, capabilities }: Caller): string | undefined {
    // The capabilities are part of the key because they are unknown before the client's `initialize`.
    const capabilitiesKey = this.#options.capabilitiesKeyOf(capabilities);
    switch (this.#options.isolation) {
      case "shared":
        return capabilitiesKey;
      case "session":
        return `${connectionId} ${capabilitiesKey}`;
      case "agent":
        return `${connectionId} ${agent} ${capabilitiesKey}`;
      case "call":
        return undefined;
    }
  }
}
