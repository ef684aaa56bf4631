import { ChannelClosed, Peer, type Reply } from "../jsonrpc/mod.ts";
import type { ClientLink, ToolCall } from "./caller.ts";
import { type Catalog, fetchCatalog, type Tool } from "./catalog.ts";
import { explainFailure } from "./failure.ts";
import { forwardNotification, forwardRequest } from "./forward.ts";
import { declaredCapabilities, type ServerFacts, shakeHands } from "./handshake.ts";
import type { SessionOptions, SessionState } from "./session_options.ts";
import { StartAbandoned } from "./start_guard.ts";
import { callParams, isTaskTool, runAsTask } from "./task.ts";
import type { Patience, Transport } from "./transport.ts";
import { withDeadline } from "./within.ts";

/** How long a broken session's rests get to end. */
const BROKEN: Patience = { inputMs: 100, terminateMs: 500 };

/** How long a server may take to answer a ping, in milliseconds. */
const PING_MS = 5000;

/** One connection to a server, from its start to its end; many calls at a time. */
export class Session {
  readonly #options: SessionOptions;
  readonly #server: string;
  readonly #starting: Promise<ServerFacts>;
  readonly #started = performance.now();
  readonly #calls = new Set<ClientLink>();
  #state: SessionState = "connecting";
  #transport: Transport | undefined;
  #peer: Peer | undefined;
  #connectMs: number | undefined;

  /**
   * Starts to connect at once.
   *
   * @param options See there.
   */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#server = options.config.name;
    this.#starting = this.#start();
    // Whoever needs the session awaits it and sees the failure; nobody may need it.
    this.#starting.catch(() => {});
  }

  /** Where it stands. */
  get state(): SessionState {
    return this.#state;
  }

  /** The server's process, where it is one. */
  get pid(): number | undefined {
    return this.#transport?.pid;
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Milliseconds from start to ready; `undefined` until then. */
  get connectMs(): number | undefined {
    return this.#connectMs;
  }

  /**
   * Waits for the handshake.
   *
   * @throws {DownstreamError} where the server did not start.
   */
  ready(): Promise<ServerFacts> {
    return this.#starting;
  }

  /**
   * Asks for the server's tools.
   *
   * @throws {DownstreamError} where the server is not there or does not answer.
   */
  async listTools(): Promise<Catalog> {
    await this.#starting;
    const { log, config: { options: { connectTimeoutMs } } } = this.#options;
    const onOdd = (what: string): void => {
      log.warn(`Tool left out: ${what}`, { server: this.#server });
    };
    try {
      const peer = this.#livePeer();
      return await withDeadline(
        connectTimeoutMs,
        (signal) => fetchCatalog(peer, { signal, onOdd }),
      );
    } catch (cause) {
      throw await this.#explain(cause, `it did not list its tools within ${connectTimeoutMs} ms`);
    }
  }

  /**
   * Calls a tool.
   *
   * @param tool The tool.
   * @param call Its arguments and what goes with them.
   * @param options The way back to the calling client, and what ends the call; its reason is thrown.
   * @returns The server's answer, errors included.
   * @throws {DownstreamError} where the server went away before it answered.
   */
  async callTool(
    tool: Tool,
    call: ToolCall,
    { link, signal }: { readonly link: ClientLink; readonly signal: AbortSignal },
  ): Promise<Reply> {
    const facts = await this.#starting;
    // A wrapper of its own for each call, because a client may have many under way.
    const caller = { ...link };
    this.#calls.add(caller);
    try {
      const peer = this.#livePeer();
      if (isTaskTool(tool, facts)) return await runAsTask(peer, call, signal);
      const { onProgress } = call;
      return await peer.request("tools/call", (id) => callParams(call, id), {
        signal,
        ...(onProgress === undefined ? {} : { onProgress }),
      });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw await this.#explain(cause, "it failed during the call");
    } finally {
      this.#calls.delete(caller);
    }
  }

  /** Whether the server answers at all, however busy its tools are. */
  async isAlive(): Promise<boolean> {
    const peer = this.#peer;
    if (peer === undefined || this.#state === "broken") return false;
    try {
      await withDeadline(PING_MS, (signal) => peer.request("ping", undefined, { signal }));
      return true;
    } catch {
      return false;
    }
  }

  /** Tells the server something that the client said, such as that its roots have changed. */
  tell(method: string): void {
    if (this.#state === "ready") this.#peer?.notify(method);
  }

  /** Has the server log from a level on, where it can. */
  async setLogLevel(level: string): Promise<void> {
    try {
      const { capabilities } = await this.#starting;
      if ("logging" in capabilities) await this.#peer?.request("logging/setLevel", { level });
    } catch {
      // It failed to start or went away; the next session is told anew.
    }
  }

  /** Marks the session as one that is about to end: it takes no new callers. */
  drain(): void {
    if (this.#state === "ready") this.#state = "draining";
  }

  /** Ends the session now; calls under way fail. */
  async close(patience: Patience): Promise<void> {
    this.#end("closed");
    await this.#endTransport(patience);
  }

  /** Ends the server's process at once, without asking. */
  kill(): void {
    this.#end("closed");
    this.#transport?.kill();
  }

  async #start(): Promise<ServerFacts> {
    const { connectTimeoutMs } = this.#options.config.options;
    try {
      const facts = await this.#options.guard.run(() => this.#connect());
      this.#connectMs = performance.now() - this.#started;
      if (this.#state === "connecting") this.#state = "ready";
      const level = this.#options.link?.logLevel();
      if (level !== undefined) void this.setLogLevel(level);
      return facts;
    } catch (cause) {
      const timedOut = `it did not answer within ${connectTimeoutMs} ms of its start`;
      const error = await this.#explain(cause, timedOut);
      this.#end("broken");
      this.#endTransport(BROKEN);
      throw error;
    }
  }

  async #connect(): Promise<ServerFacts> {
    const { config, capabilities, version, open } = this.#options;
    const transport = await open();
    this.#transport = transport;
    const peer = this.#openPeer(transport);
    this.#peer = peer;
    const declared = declaredCapabilities(capabilities, config.options.forward);
    try {
      return await withDeadline(config.options.connectTimeoutMs, (signal) => {
        return shakeHands(peer, declared, { version, signal });
      });
    } catch (cause) {
      throw this.#state === "closed" ? new StartAbandoned("closed", { cause }) : cause;
    }
  }

  #openPeer(transport: Transport): Peer {
    const { log, config, onToolsChanged } = this.#options;
    const { forward } = config.options;
    const server = this.#server;
    const peer = new Peer(transport.channel, {
      request: (request) => {
        forwardRequest(request, { server, forward, link: this.#clientLink() });
      },
      notification: (method, params) => {
        if (method === "notifications/tools/list_changed") onToolsChanged();
        else forwardNotification(method, params, { server, link: this.#clientLink() });
      },
      noise: (description, excerpt) => {
        log.warn(`Skipped what the server wrote to stdout: ${description}`, { server, excerpt });
      },
      closed: () => {
        peer.cancelIncoming("The server is gone");
        // While it connects, the start itself fails and says why.
        if (this.#state === "connecting") return;
        this.#end("broken");
        this.#endTransport(BROKEN);
      },
    });
    return peer;
  }

  /**
   * The client that a request or a log message of the server is for. On a session that several
   * share the protocol does not say, so it is known only while there is one call.
   */
  #clientLink(): ClientLink | undefined {
    if (this.#options.link !== undefined) return this.#options.link;
    const [only, ...others] = this.#calls;
    return others.length === 0 ? only : undefined;
  }

  #livePeer(): Peer {
    if (this.#peer === undefined) throw new ChannelClosed("The session is closed");
    return this.#peer;
  }

  #explain(cause: unknown, timedOut: string): Promise<Error> {
    return explainFailure(cause, {
      server: this.#server,
      timedOut,
      lastWords: () => this.#transport?.lastWords() ?? Promise.resolve(""),
    });
  }

  #end(state: "closed" | "broken"): void {
    if (this.#state === "closed" || this.#state === "broken") return;
    this.#state = state;
    this.#options.onEnded(state);
  }

  async #endTransport(patience: Patience): Promise<void> {
    try {
      await this.#transport?.end(patience);
    } catch (error) {
      const reason = String(error);
      this.#options.log.error("A server could not be ended", { server: this.#server, reason });
    }
  }
}
