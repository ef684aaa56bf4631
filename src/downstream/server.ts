import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { callOnSession } from "./call_on_session.ts";
import { CallClock } from "./call_clock.ts";
import type {
  CallAnswer,
  Caller,
  ClientCapabilities,
  ClientConnection,
  ToolCall,
} from "./caller.ts";
import { declaredCapabilities } from "./handshake.ts";
import type { Catalog } from "./catalog.ts";
import { Listings } from "./listings.ts";
import { type Place, SessionPool, type Wanted } from "./pool.ts";
import type { ServerContext } from "./server_context.ts";
import { readServerStatus, type ServerStatus } from "./server_status.ts";
import { Session } from "./session.ts";
import { StartGuard } from "./start_guard.ts";
import type { Patience } from "./transport.ts";
import { untilAborted } from "./within.ts";

/** A configured server: its sessions, and the tools that it lists. */
export class DownstreamServer {
  /** Its entry in the configuration. */
  readonly config: ServerConfig;
  readonly #context: ServerContext;
  readonly #pool: SessionPool;
  readonly #guard: StartGuard;
  readonly #listings = new Listings();
  // Once at a time each, for thousands of calls may take too long together.
  readonly #examined = new Set<Place>();
  readonly #keys = new WeakMap<ClientCapabilities, string>();
  #lastError: string | undefined;
  #isClosed = false;
  #failures = 0;
  #restarts = 0;
  #connectMs: number | undefined;

  /**
   * Prepares the server; nothing is started yet.
   *
   * @param config Its entry.
   * @param context What all servers share.
   */
  constructor(config: ServerConfig, context: ServerContext) {
    this.config = config;
    this.#context = context;
    this.#guard = new StartGuard(config.name, context.now);
    const { isolation, maxConcurrency, idleTimeoutMs } = config.options;
    this.#pool = new SessionPool({
      isolation,
      maxConcurrency,
      idleTimeoutMs,
      keyOf: (capabilities) => this.#keyOf(capabilities),
      start: (wanted, ended) => this.#startSession(wanted, ended),
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
      const reason = error instanceof Error ? error.message : String(error);
      const { log } = this.#context;
      // A client that goes before its servers have started is no trouble of theirs.
      if (this.#isClosed) log.debug(reason, { server: this.config.name });
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
  async listTools(caller: Caller, signal: AbortSignal): Promise<Catalog> {
    const key = this.#keyOf(caller.capabilities);
    const known = this.#listings.known(key, signal);
    const ask = (): Promise<Catalog> => {
      return this.#use(caller, ({ session }) => {
        return untilAborted(this.#listings.ask(session, key), signal);
      });
    };
    // Without a turn in between, so that a reload cannot take the server away before it is asked.
    if (known === undefined) return await ask();
    return await known ?? await ask();
  }

  /**
   * Calls a tool. A tool that is not known is looked for in a fresh list before it counts as missing.
   *
   * @param call The call.
   * @param caller Who calls.
   * @throws {DownstreamError} where the server is not there, or takes too long.
   */
  async callTool(call: ToolCall, caller: Caller): Promise<CallAnswer> {
    const { callTimeoutMs, maxCallMs } = this.config.options;
    const { timeoutMs } = call;
    const limits = timeoutMs === undefined
      ? { idleMs: callTimeoutMs, hardMs: maxCallMs }
      : { idleMs: Infinity, hardMs: Math.min(timeoutMs, maxCallMs) };
    return await this.#use(caller, async ({ session, line }) => {
      const clock = new CallClock(this.config.name, limits, call.signal);
      const { signal } = clock;
      try {
        const key = this.#keyOf(caller.capabilities);
        // Not through listTools: with a session for each call that would start another one.
        let catalog = await this.#listings.known(key, signal) ??
          await untilAborted(this.#listings.ask(session, key), signal);
        if (catalog.get(call.tool) === undefined) {
          catalog = await untilAborted(this.#listings.ask(session, key, true), signal);
        }
        const tool = catalog.get(call.tool);
        if (tool === undefined) return { kind: "no-such-tool", catalog };
        const queue = call.span.child("queue");
        try {
          await line.enter(caller.agent, signal);
        } finally {
          queue.end();
        }
        try {
          // The list may be known while this session still connects, and may do so for long.
          await untilAborted(session.ready(), signal);
          const started = performance.now();
          const reply = await callOnSession(session, {
            config: this.config,
            tool,
            call,
            caller,
            clock,
          });
          return { kind: "answer", reply, tool, downstreamMs: performance.now() - started };
        } finally {
          line.leave();
        }
      } finally {
        clock.stop();
      }
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
  }

  /** Ends all processes at once, without asking. */
  kill(): void {
    this.#isClosed = true;
    this.#pool.kill();
  }

  /** How the server stands. */
  status(): ServerStatus {
    return readServerStatus(this.#pool.sessions, {
      unavailable: this.config.unavailable,
      isBroken: this.#failures > 0,
      lastError: this.#lastError,
      restarts: this.#restarts,
      tools: this.#listings.toolCount,
      connectMs: this.#connectMs,
    });
  }

  /**
   * Passes a notification of a client on to its sessions, such as that its roots have changed.
   *
   * @param client Id of the client's connection.
   * @param method The notification.
   */
  tell(client: string, method: string): void {
    for (const session of this.#pool.sessionsOf(client)) session.tell(method);
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
  async #use<T>(caller: Caller, run: (place: Place) => Promise<T>): Promise<T> {
    const { name, unavailable } = this.config;
    if (unavailable !== undefined) {
      const message = `Server "${name}" is not available: ${unavailable}.`;
      throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
    }
    if (this.#isClosed) {
      const message = `Server "${name}" is not available: the gateway has taken it out of use.`;
      throw new DownstreamError("SERVER_UNAVAILABLE", name, message);
    }
    const place = this.#pool.acquire(caller);
    try {
      return await run(place);
    } catch (error) {
      if (error instanceof DownstreamError) {
        this.#lastError = error.message;
        if (error.code === "TIMEOUT") void this.#examine(place);
      }
      throw error;
    } finally {
      this.#pool.release(place);
    }
  }

  /** Clients that can do the same, as far as this server is told, share lists and sessions. */
  #keyOf(capabilities: ClientCapabilities): string {
    let key = this.#keys.get(capabilities);
    if (key === undefined) {
      key = JSON.stringify(declaredCapabilities(capabilities, this.config.options.forward));
      this.#keys.set(capabilities, key);
    }
    return key;
  }

  /**
   * A call took too long: finds out whether its server hangs. If so, the next call gets a new
   * session; calls that are under way on the old one may still end well.
   */
  async #examine(place: Place): Promise<void> {
    // One that still connects, or has ended meanwhile, answers no ping either.
    if (place.session.state !== "ready" || this.#examined.has(place)) return;
    this.#examined.add(place);
    const isAlive = await place.session.isAlive();
    this.#examined.delete(place);
    if (isAlive || place.session.state !== "ready") return;
    this.#lastError = `Server "${this.config.name}" does not even answer a ping`;
    this.#pool.retire(place, this.config.options.maxCallMs);
  }

  #startSession(wanted: Wanted, ended: () => void): Session {
    const { capabilities, capabilitiesKey, link } = wanted;
    const { version, log, open, pingMs } = this.#context;
    if (this.#failures > 0) this.#restarts++;
    const session: Session = new Session({
      config: this.config,
      capabilities,
      link,
      version,
      log,
      open: () => open(this.config),
      guard: this.#guard,
      ...(pingMs === undefined ? {} : { pingMs }),
      onToolsChanged: () => this.#listings.forget(capabilitiesKey),
      onEnded: (state) => {
        if (state === "broken") {
          this.#failures++;
          // The server that comes back may have other tools.
          this.#listings.forget(capabilitiesKey);
        }
        ended();
      },
    });
    session.ready().then(() => {
      this.#failures = 0;
      this.#connectMs = session.connectMs;
    }, () => {});
    return session;
  }
}
