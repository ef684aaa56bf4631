import type { Budget } from "../budget.ts";
import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { CancelSignal, RpcError } from "../jsonrpc/mod.ts";
import { LoginNeedsCaller, type ServerAuth } from "./authorization.ts";
import { Lease } from "./lease.ts";
import { CallClock } from "./call_clock.ts";
import type { Caller, CallOutcome, ClientConnection, ToolCall } from "./caller.ts";
import { Deadlines } from "./deadlines.ts";
import { CapabilityKeys } from "./declared_capabilities.ts";
import type { Catalog } from "./catalog.ts";
import { ToolListCache } from "./tool_list_cache.ts";
import { PendingOperations } from "./pending_operations.ts";
import { type PooledSession, SessionPool, type SessionRequest } from "./pool.ts";
import { withDoctorHint } from "./failure.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
import { readServerStatus, ServerHealth, type ServerStatus } from "./server_status.ts";
import type { ServerInfo } from "./revisions/mod.ts";
import { Session } from "./session.ts";
import {
  mayBeSessionLoss,
  refusesSession,
  SessionCheck,
  type SessionLoss,
  sessionRefusal,
} from "./session_check.ts";
import { CircuitBreakers } from "./circuit_breaker.ts";
import type { Log } from "../log.ts";
import type { GracePeriods, ProcessOwner, Transport, TransportContext } from "./transports/mod.ts";
import { untilAborted } from "./until_aborted.ts";

/** Options of opening a connection. */
export type OpenOptions = Pick<TransportContext, "authorization" | "owner" | "memory">;

/** The context that all servers of a gateway share. */
export interface ServerContext {
  /** The gateway's version, sent to servers. */
  readonly version: string;
  /** Receives the output of servers, and warnings about them. */
  readonly log: Log;
  /** Opens a connection, whose requests `authorization` authorizes; its process belongs to `owner`. */
  readonly open: (config: ServerConfig, options: OpenOptions) => Promise<Transport>;
  /** Returns whether several agents use the gateway; default: no. */
  readonly hasSeveralAgents?: () => boolean;
  /** Creates the authorization of a server, if it needs one. */
  readonly authorize?: (config: ServerConfig, pending: PendingOperations) => ServerAuth | undefined;
  /** Returns the memory for the sessions of an owner with a server; default: no limit. */
  readonly memoryOf?: (server: string, owner: ProcessOwner) => Budget;
  /** Clock for the pauses of the circuit breaker, in milliseconds; default `Date.now`. */
  readonly now?: () => number;
  /** Time for a server to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
}

/** An operation that needs a session. */
interface LeasedOperation<T> {
  /** Runs the operation; called again with a new lease if another session may succeed. */
  readonly run: (lease: Lease) => Promise<T>;
  /** Cancels the operation; its reason is thrown. */
  readonly signal: CancelSignal;
  /** Returns the JSON-RPC error of the result, if it has one; the error may be about the session. */
  readonly rpcErrorOf?: (result: T) => RpcError | undefined;
  /** The operation's clock, which is stopped when the operation has ended, successfully or not. */
  readonly clock?: CallClock;
  /** Whether a person is asked to log in if the server needs it. Default: yes. */
  readonly offersLogin?: boolean;
}

/** A configured server: its sessions, and the tools that it lists. */
export class DownstreamServer {
  /** Its entry in the configuration. */
  readonly config: ServerConfig;
  readonly #context: ServerContext;
  readonly #pool: SessionPool;
  readonly #breakers: CircuitBreakers;
  readonly #toolLists: ToolListCache;
  readonly #deadlines = new Deadlines();
  readonly #capabilityKeys: CapabilityKeys;
  readonly #pendingOperations = new PendingOperations();
  readonly #authorization: ServerAuth | undefined;
  readonly #health = new ServerHealth();
  readonly #sessionCheck: SessionCheck;
  #isClosed = false;

  /**
   * Prepares the server; nothing is started yet.
   *
   * @param config Its entry.
   * @param context The context that all servers share.
   */
  constructor(config: ServerConfig, context: ServerContext) {
    this.config = config;
    this.#context = context;
    this.#toolLists = new ToolListCache(context.log, config.name);
    this.#capabilityKeys = new CapabilityKeys(config.options.forward);
    this.#breakers = new CircuitBreakers(config.name, context.now);
    this.#authorization = context.authorize?.(config, this.#pendingOperations);
    const { isolation, maxConcurrency, idleTimeoutMs } = config.options;
    this.#pool = new SessionPool({
      isolation,
      maxConcurrency,
      idleTimeoutMs,
      hasSeveralAgents: context.hasSeveralAgents ?? (() => false),
      deadlines: this.#deadlines,
      capabilitiesKeyOf: (capabilities) => this.#capabilityKeys.of(capabilities),
      start: (request, onEnded) => this.#startSession(request, onEnded),
    });
    this.#sessionCheck = new SessionCheck({
      server: config.name,
      pool: this.#pool,
      health: this.#health,
      // A restarted server may have other tools.
      onLost: (pooled) => this.#toolLists.forget(pooled),
      drainMs: config.options.maxCallMs,
    });
  }

  /**
   * Starts a session and lists the tools, ahead of the first call. Never throws: the first call reports
   * the failure.
   *
   * @param client The client that the session is for; over HTTP there is none yet.
   */
  async warm(client?: ClientConnection): Promise<void> {
    if (this.config.unavailable !== undefined || this.#isClosed) return;
    // A call has already started a session.
    if (this.#pool.sessions.length > 0) return;
    const pooled = this.#pool.warm(client);
    try {
      await this.#toolLists.fetchList(pooled);
    } catch (error) {
      if (error instanceof LoginNeedsCaller) this.#health.recordFailure(error, undefined);
      const reason = error instanceof Error ? error.message : String(error);
      const { log } = this.#context;
      // A client that leaves before its servers have started is not a problem of the servers.
      if (this.#isClosed) log.debug(reason, { server: this.config.name });
      else if (error instanceof LoginNeedsCaller) log.info(reason);
      else log.warn(reason, { server: this.config.name });
    } finally {
      this.#pool.release(pooled);
    }
  }

  /**
   * Returns the server's tools for the capabilities of this caller's client, cached.
   *
   * @param caller The caller.
   * @param signal Cancels the wait; its reason is thrown.
   * @param options Whether a person is asked to log in if the server needs it; default: yes.
   * @throws {DownstreamError} if the server is not available.
   */
  async listTools(
    caller: Caller,
    signal: CancelSignal,
    options: { readonly offersLogin?: boolean } = {},
  ): Promise<Catalog> {
    const owner = {
      session: this.#pool.find(caller)?.session,
      capabilitiesKey: this.#capabilityKeys.of(caller.capabilities),
    };
    const isStale = this.#toolLists.isStale(owner);
    const knownList = isStale
      ? undefined
      : this.#toolLists.cachedList(owner) ?? this.#toolLists.pendingList(owner, signal);
    const requestList = (): Promise<Catalog> => {
      return this.#withLease(caller, {
        run: (lease) => lease.listTools(isStale),
        signal,
        ...options,
      });
    };
    // The list is requested in the same tick, so that a reload cannot remove the server first.
    if (knownList === undefined) return await requestList();
    return await knownList ?? await requestList();
  }

  /**
   * Returns the server's description of itself, from the handshake of this caller's session.
   *
   * @param caller The caller.
   * @param signal Cancels the wait; its reason is thrown.
   * @throws {DownstreamError} if the server did not start.
   */
  async getInfo(caller: Caller, signal: CancelSignal): Promise<ServerInfo> {
    return await this.#withLease(caller, { run: (lease) => lease.ready(), signal });
  }

  /**
   * Calls a tool. The tool list is fetched again before an unknown tool counts as missing.
   *
   * @param call The call.
   * @param caller The caller.
   * @throws {DownstreamError} if the server is not available, or takes too long.
   */
  callTool(call: ToolCall, caller: Caller): Promise<CallOutcome> {
    const { callTimeoutMs, maxCallMs } = this.config.options;
    const { timeoutMs } = call;
    const clock = new CallClock({
      server: this.config.name,
      timeouts: timeoutMs === undefined
        ? { idleMs: callTimeoutMs, hardMs: maxCallMs }
        : { idleMs: Infinity, hardMs: Math.min(timeoutMs, maxCallMs) },
      callerSignal: call.signal,
      deadlines: this.#deadlines,
      permit: caller.permit,
    });
    return this.#withLease(caller, {
      run: (lease) => lease.callTool(call, clock),
      signal: clock.signal,
      rpcErrorOf: (outcome) => {
        return outcome.kind === "replied" && !outcome.reply.ok ? outcome.reply.error : undefined;
      },
      clock,
    });
  }

  /** Ends the sessions of a client that is gone. */
  async releaseClient(connectionId: string, gracePeriods: GracePeriods): Promise<void> {
    await this.#pool.releaseClient(connectionId, gracePeriods);
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs Time for calls to end, in milliseconds.
   * @param gracePeriods Time for processes to end.
   */
  async close(drainMs: number, gracePeriods: GracePeriods): Promise<void> {
    this.#isClosed = true;
    await this.#pool.close(drainMs, gracePeriods);
    this.#deadlines.close();
    await this.#authorization?.close();
  }

  /** Kills all processes immediately. */
  kill(): void {
    this.#isClosed = true;
    this.#pool.kill();
    this.#deadlines.close();
  }

  /**
   * Returns the server's status.
   *
   * @param agent The agent that reads it, without the texts of other agents' failures; default: all of it.
   */
  status(agent?: string): ServerStatus {
    const { unavailable } = this.config;
    const tools = this.#toolLists.toolCount;
    const health = this.#health;
    return readServerStatus(this.#pool.sessions, { health, unavailable, tools, agent });
  }

  /**
   * Notifies the server, on the client's sessions, that the client's roots have changed.
   *
   * @param connectionId Id of the client's connection.
   */
  notifyRootsChanged(connectionId: string): void {
    for (const session of this.#pool.sessionsOf(connectionId)) session.notifyRootsChanged();
  }

  /**
   * Sets the least severity of the log messages that the server sends to a client.
   *
   * @param connectionId Id of the client's connection.
   * @param level A log level of MCP.
   */
  setLogLevel(connectionId: string, level: string): void {
    for (const session of this.#pool.sessionsOf(connectionId)) session.setLogLevel(level);
  }

  /** Runs an operation on the caller's session. If it fails and another session may succeed, runs it there once more. */
  async #withLease<T>(
    caller: Caller,
    { run, signal, rpcErrorOf, clock, offersLogin = true }: LeasedOperation<T>,
  ): Promise<T> {
    // Only OAuth needs the pending operations: it offers a login to the client of one of them.
    const pending = offersLogin && this.#authorization !== undefined
      ? this.#pendingOperations.add({ channel: caller.channel, clock: clock ?? caller.permit })
      : undefined;
    try {
      for (let isFirst = true;; isFirst = false) {
        this.#refuseIfUnusable();
        const lease = new Lease({ pool: this.#pool, caller, toolLists: this.#toolLists, signal });
        try {
          const result = await run(lease);
          const rpcError = rpcErrorOf?.(result);
          if (rpcError === undefined || !refusesSession(rpcError)) return result;
          if (await this.#findLoss(lease, caller, signal) === undefined) return result;
          throw sessionRefusal(this.config, rpcError);
        } catch (cause) {
          const loss = mayBeSessionLoss(cause)
            ? await this.#findLoss(lease, caller, signal)
            : undefined;
          const error = loss === undefined
            ? cause
            : this.#sessionCheck.explain(cause, { loss, hasSent: lease.hasSent });
          if (isFirst && this.#prepareRetry(lease, error)) continue;
          this.#health.recordFailure(error, caller.agent);
          const isTimeout = error instanceof DownstreamError && error.code === "TIMEOUT";
          if (isTimeout) void this.#sessionCheck.examineTimeout(lease.pooledSession);
          throw error;
        } finally {
          lease[Symbol.dispose]();
        }
      }
    } finally {
      if (pending !== undefined) this.#pendingOperations.remove(pending);
      clock?.stop();
    }
  }

  /** Finds out whether the server still knows the session. Returns why the session counts as lost, if it does. */
  async #findLoss(
    { pooledSession, session }: Lease,
    caller: Caller,
    signal: CancelSignal,
  ): Promise<SessionLoss | undefined> {
    if (!session.hasSessionId || this.#isClosed) return undefined;
    const verdict = await untilAborted(
      this.#sessionCheck.examineLoss(pooledSession, caller),
      signal,
    );
    return verdict === "refused" || verdict === "silent" ? verdict : undefined;
  }

  #refuseIfUnusable(): void {
    const { name, unavailable } = this.config;
    const reason = unavailable ??
      (this.#isClosed ? "the gateway has taken it out of use" : undefined);
    if (reason === undefined) return;
    const message = `Server "${name}" is not available: ${reason}.`;
    const error = new DownstreamError("SERVER_UNAVAILABLE", name, message);
    throw unavailable === undefined ? error : withDoctorHint(error);
  }

  /** Returns whether another session may succeed. If so, retires a session that its server no longer knows. */
  #prepareRetry(lease: Lease, error: unknown): boolean {
    // The call joined a prewarmed session whose server had already asked for a login.
    if (error instanceof LoginNeedsCaller) return true;
    // A session without a handshake is a failed start; the next call tries again.
    if (lease.session.connectMs === undefined || !lease.mayRepeat(error)) return false;
    this.#retireLost(lease.pooledSession, error);
    return true;
  }

  /** Retires a session that its server no longer knows; active calls on it may still succeed. */
  #retireLost(pooled: PooledSession, error: unknown): void {
    if (remoteFailureBehind(error)?.reach !== "never" || pooled.session.state !== "ready") return;
    // A server that has forgotten its sessions may have been restarted, with other tools.
    this.#toolLists.forget(pooled);
    this.#pool.retire(pooled, this.config.options.maxCallMs);
  }

  #startSession(request: SessionRequest, onEnded: () => void): Session {
    const { capabilities, capabilitiesKey, owner, clientChannel } = request;
    const { version, log, open, pingMs } = this.#context;
    const memory = this.#context.memoryOf?.(this.config.name, owner);
    this.#health.recordStart();
    const session: Session = new Session({
      config: this.config,
      capabilities,
      clientChannel,
      version,
      log,
      memory,
      open: () => open(this.config, { authorization: this.#authorization, owner, memory }),
      breaker: this.#breakers.of({ agent: owner.agent, capabilitiesKey }),
      ...(pingMs === undefined ? {} : { pingMs }),
      onToolsChanged: () => this.#toolLists.forget({ session, capabilitiesKey }),
      onEnded: (state) => {
        if (state === "broken") {
          this.#health.recordBreak();
          // The server may have other tools after its restart.
          this.#toolLists.forget({ session, capabilitiesKey });
        }
        onEnded();
      },
    });
    session.ready().then(
      () => this.#health.recordHandshake(session.connectMs),
      (error) => this.#health.recordFailure(error, owner.agent),
    );
    return session;
  }
}
