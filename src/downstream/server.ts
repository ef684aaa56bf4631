import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { CancelSignal } from "../jsonrpc/mod.ts";
import { LoginNeedsCaller, type OwnAuthorization } from "./authorization.ts";
import { callOnPlace, type WantedCall } from "./call_on_place.ts";
import { CallClock } from "./call_clock.ts";
import { CapabilityKeys } from "./capability_keys.ts";
import { PendingCalls } from "./pending_calls.ts";
import type { CallAnswer, Caller, ClientConnection, ToolCall } from "./caller.ts";
import { Deadlines } from "./deadlines.ts";
import type { ServerInfo } from "./handshake.ts";
import { LivenessCheck } from "./liveness_check.ts";
import { ServerHealth } from "./server_health.ts";
import type { Catalog, Tool } from "./catalog.ts";
import { CatalogLog } from "./catalog_log.ts";
import { ToolListCache } from "./tool_list_cache.ts";
import { type PooledSession, SessionPool, type SessionRequest } from "./pool.ts";
import { withDoctorHint } from "./failure.ts";
import { remoteFailureBehind } from "./remote_failure.ts";
import { mayRepeat } from "./repeat.ts";
import type { ServerContext } from "./server_context.ts";
import { readServerStatus, type ServerStatus } from "./server_status.ts";
import { Session } from "./session.ts";
import {
  mayBeSessionLoss,
  refusesSession,
  SessionCheck,
  type SessionLoss,
  sessionRefusal,
} from "./session_check.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import type { Patience } from "./transport.ts";
import { untilAborted } from "./until_aborted.ts";

/** Something that is done on a session. */
interface Use<T> {
  /** Does it; once more, on another session, where the first that had begun is lost. */
  readonly run: (place: PooledSession) => Promise<T>;
  /** Ends it; its reason is thrown. */
  readonly signal: CancelSignal;
  /** The tool that was called meanwhile. */
  readonly called?: () => Tool | undefined;
  /** It is over, however it ended. */
  readonly end?: () => void;
}

/** A configured server: its sessions, and the tools that it lists. */
export class DownstreamServer {
  /** Its entry in the configuration. */
  readonly config: ServerConfig;
  readonly #context: ServerContext;
  readonly #pool: SessionPool;
  readonly #breaker: CircuitBreaker;
  readonly #listings: ToolListCache;
  readonly #deadlines = new Deadlines();
  readonly #keys: CapabilityKeys;
  readonly #waiting = new PendingCalls();
  readonly #authorization: OwnAuthorization | undefined;
  readonly #history = new ServerHealth();
  readonly #hangs: LivenessCheck;
  readonly #check: SessionCheck;
  #isClosed = false;

  /**
   * Prepares the server; nothing is started yet.
   *
   * @param config Its entry.
   * @param context What all servers share.
   */
  constructor(config: ServerConfig, context: ServerContext) {
    this.config = config;
    this.#context = context;
    const catalogLog = new CatalogLog(context.log, config.name);
    this.#listings = new ToolListCache((catalog) => catalogLog.note(catalog));
    this.#keys = new CapabilityKeys(config.options.forward);
    this.#breaker = new CircuitBreaker(config.name, context.now);
    this.#authorization = context.authorize?.(config, () => this.#waiting.best);
    const { isolation, maxConcurrency, idleTimeoutMs } = config.options;
    this.#pool = new SessionPool({
      isolation,
      maxConcurrency,
      idleTimeoutMs,
      deadlines: this.#deadlines,
      keyOf: (capabilities) => this.#keys.of(capabilities),
      start: (wanted, ended) => this.#startSession(wanted, ended),
    });
    this.#hangs = new LivenessCheck({
      server: config.name,
      pool: this.#pool,
      history: this.#history,
      drainMs: config.options.maxCallMs,
    });
    this.#check = new SessionCheck({
      server: config.name,
      pool: this.#pool,
      // A server that was started anew may have other tools.
      onLost: ({ capabilitiesKey }) => this.#listings.forget(capabilitiesKey),
      drainMs: config.options.maxCallMs,
    });
  }

  /**
   * Starts a session and lists the tools, ahead of the first call. Never throws: who calls first is
   * told what went wrong.
   *
   * @param client The client it is for; over HTTP none is there yet.
   */
  async warm(client?: ClientConnection): Promise<void> {
    if (this.config.unavailable !== undefined || this.#isClosed) return;
    // A call came first, and started one for itself.
    if (this.#pool.sessions.length > 0) return;
    const place = this.#pool.warm(client);
    try {
      await this.#listings.ask(place.session, place.capabilitiesKey);
    } catch (error) {
      if (error instanceof LoginNeedsCaller) this.#history.note(error);
      const reason = error instanceof Error ? error.message : String(error);
      const { log } = this.#context;
      // A client that goes before its servers have started is no trouble of theirs.
      if (this.#isClosed) log.debug(reason, { server: this.config.name });
      else if (error instanceof LoginNeedsCaller) log.info(reason);
      else log.warn(reason, { server: this.config.name });
    } finally {
      this.#pool.release(place);
    }
  }

  /**
   * The server's tools as this caller's client sees them, cached.
   *
   * @param caller Who asks.
   * @param signal Gives up; its reason is thrown.
   * @throws {DownstreamError} where the server is not there.
   */
  async listTools(caller: Caller, signal: CancelSignal): Promise<Catalog> {
    const key = this.#keys.of(caller.capabilities);
    const isStale = this.#listings.isStale(key);
    const known = isStale
      ? undefined
      : this.#listings.known(key) ?? this.#listings.coming(key, signal);
    const ask = (): Promise<Catalog> => {
      return this.#use(caller, {
        run: ({ session }) => untilAborted(this.#listings.ask(session, key, isStale), signal),
        signal,
      });
    };
    // Without a turn in between, so that a reload cannot take the server away before it is asked.
    if (known === undefined) return await ask();
    return await known ?? await ask();
  }

  /**
   * What the server said of itself in the handshake with this caller's session.
   *
   * @param caller The caller.
   * @param signal Gives up; its reason is thrown.
   * @throws {DownstreamError} The server did not start.
   */
  async introduce(caller: Caller, signal: CancelSignal): Promise<ServerInfo> {
    return await this.#use(caller, {
      run: ({ session }) => untilAborted(session.ready(), signal),
      signal,
    });
  }

  /**
   * Calls a tool. A tool that is not known is looked for in a fresh list before it counts as missing.
   *
   * @param call The call.
   * @param caller Who calls.
   * @throws {DownstreamError} where the server is not there, or takes too long.
   */
  callTool(call: ToolCall, caller: Caller): Promise<CallAnswer> {
    const { callTimeoutMs, maxCallMs } = this.config.options;
    const { timeoutMs } = call;
    const limits = timeoutMs === undefined
      ? { idleMs: callTimeoutMs, hardMs: maxCallMs }
      : { idleMs: Infinity, hardMs: Math.min(timeoutMs, maxCallMs) };
    const clock = new CallClock({
      server: this.config.name,
      timeouts: limits,
      caller: call.signal,
      deadlines: this.#deadlines,
      permit: call.permit,
    });
    const wanted: WantedCall = {
      config: this.config,
      listings: this.#listings,
      listKey: this.#keys.of(caller.capabilities),
      call,
      caller,
      clock,
      called: undefined,
    };
    return this.#use(caller, {
      run: async (place) => {
        const answer = await callOnPlace(place, wanted);
        const error = answer.kind === "answer" && !answer.reply.ok ? answer.reply.error : undefined;
        if (error === undefined || !refusesSession(error)) return answer;
        const loss = await this.#lossOf(place, caller, clock.signal);
        if (loss === undefined) return answer;
        throw sessionRefusal(this.config, error);
      },
      called: () => wanted.called,
      signal: clock.signal,
      end: () => clock.stop(),
    });
  }

  /** Ends the sessions of a client that is gone. */
  async releaseClient(client: string, patience: Patience): Promise<void> {
    await this.#pool.releaseClient(client, patience);
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs How long calls may take to end.
   * @param patience How long processes may take to end.
   */
  async close(drainMs: number, patience: Patience): Promise<void> {
    this.#isClosed = true;
    await this.#pool.close(drainMs, patience);
    this.#deadlines.close();
    await this.#authorization?.close();
  }

  /** Ends all processes at once, without asking. */
  kill(): void {
    this.#isClosed = true;
    this.#pool.kill();
    this.#deadlines.close();
  }

  /** How the server stands. */
  status(): ServerStatus {
    const { unavailable } = this.config;
    const tools = this.#listings.toolCount;
    return readServerStatus(this.#pool.sessions, { history: this.#history, unavailable, tools });
  }

  /**
   * Passes a notification of a client on to its sessions, such as that its roots have changed.
   *
   * @param client Id of the client's connection.
   * @param method The notification.
   */
  notify(client: string, method: string): void {
    for (const session of this.#pool.sessionsOf(client)) session.notify(method);
  }

  /**
   * Has the server log to a client from a level on.
   *
   * @param client Id of the client's connection.
   * @param level A severity of MCP.
   */
  setLogLevel(client: string, level: string): void {
    for (const session of this.#pool.sessionsOf(client)) void session.setLogLevel(level);
  }

  /** Runs something on the caller's session, and remembers what went wrong. */
  async #use<T>(caller: Caller, { run, called, end, signal }: Use<T>): Promise<T> {
    // Only for a login is one of those who wait asked for something.
    const waiting = this.#authorization && this.#waiting.enter(caller);
    try {
      for (let isFirst = true;; isFirst = false) {
        this.#refuseWhereUnusable();
        const place = this.#pool.acquire(caller);
        try {
          return await run(place);
        } catch (cause) {
          const loss = mayBeSessionLoss(cause)
            ? await this.#lossOf(place, caller, signal)
            : undefined;
          const error = loss === undefined ? cause : this.#check.explain(cause, loss, called?.());
          if (isFirst && this.#mayTryAgain(place, error, called?.())) continue;
          this.#history.note(error);
          const isLate = error instanceof DownstreamError && error.code === "TIMEOUT";
          if (isLate) void this.#hangs.examine(place);
          throw error;
        } finally {
          this.#pool.release(place);
        }
      }
    } finally {
      if (waiting !== undefined) this.#waiting.leave(waiting);
      end?.();
    }
  }

  /** How a session was lost, if its server does not know it any more. */
  async #lossOf(
    place: PooledSession,
    caller: Caller,
    signal: CancelSignal,
  ): Promise<SessionLoss | undefined> {
    if (!place.session.hasId || this.#isClosed) return undefined;
    const verdict = await untilAborted(this.#check.examine(place, caller), signal);
    return verdict === "gone" || verdict === "lost" ? verdict : undefined;
  }

  #refuseWhereUnusable(): void {
    const { name, unavailable } = this.config;
    const reason = unavailable ??
      (this.#isClosed ? "the gateway has taken it out of use" : undefined);
    if (reason === undefined) return;
    const message = `Server "${name}" is not available: ${reason}.`;
    const error = new DownstreamError("SERVER_UNAVAILABLE", name, message);
    throw unavailable === undefined ? error : withDoctorHint(error);
  }

  /** Whether another session may do better than one that failed. */
  #mayTryAgain(place: PooledSession, error: unknown, called: Tool | undefined): boolean {
    // It joined a session that was started ahead, and was not there yet when the server refused.
    if (error instanceof LoginNeedsCaller) return true;
    // One that did not begin has failed as a start, and is tried again by the next call.
    if (place.session.connectMs === undefined || !mayRepeat(error, called)) return false;
    this.#leave(place, error);
    return true;
  }

  /** A session that its server does not know any more: what is under way on it may still end well. */
  #leave(place: PooledSession, error: unknown): void {
    if (remoteFailureBehind(error)?.reach !== "never" || place.session.state !== "ready") return;
    // The server that has forgotten its sessions may have been started anew, with other tools.
    this.#listings.forget(place.capabilitiesKey);
    this.#pool.retire(place, this.config.options.maxCallMs);
  }

  #startSession(wanted: SessionRequest, ended: () => void): Session {
    const { capabilities, capabilitiesKey, link } = wanted;
    const { version, log, open, pingMs } = this.#context;
    this.#history.started();
    const session: Session = new Session({
      config: this.config,
      capabilities,
      link,
      version,
      log,
      open: () => open(this.config, this.#authorization),
      breaker: this.#breaker,
      ...(pingMs === undefined ? {} : { pingMs }),
      onToolsChanged: () => this.#listings.forget(capabilitiesKey),
      onEnded: (state) => {
        if (state === "broken") {
          this.#history.broke();
          // The server that comes back may have other tools.
          this.#listings.forget(capabilitiesKey);
        }
        ended();
      },
    });
    session.ready().then(() => this.#history.connected(session.connectMs), () => {});
    return session;
  }
}
