import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { AnswerTooLong, ChannelClosed, Peer, type Reply } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { ClientCapabilities, ClientLink, ToolCall } from "./caller.ts";
import { type Catalog, CatalogError, fetchCatalog, type Tool } from "./catalog.ts";
import { forwardNotification, forwardRequest } from "./forward.ts";
import { declaredCapabilities, HandshakeError, type ServerFacts, shakeHands } from "./handshake.ts";
import { callParams, isTaskTool, runAsTask } from "./task.ts";
import type { Patience, Transport } from "./transport.ts";
import { withDeadline } from "./within.ts";

/**
 * Where a session stands. `connecting` → `ready` → `draining` → `closed`; a failed start or a crash
 * leads to `closed` from anywhere. There is no way back: the next call gets a new session.
 */
export type SessionState = "connecting" | "ready" | "draining" | "closed";

/** What a session is made with. */
export interface SessionOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** What the client can do that the session is for. */
  readonly capabilities: ClientCapabilities;
  /** The way back to the client that has the session for its own; of a shared one, `undefined`. */
  readonly link: ClientLink | undefined;
  /** Opens the connection. */
  readonly open: () => Promise<Transport>;
  /** The gateway's version, told to the server. */
  readonly version: string;
  /** Takes what is odd. */
  readonly log: Log;
  /** The server's tools may have changed. */
  readonly onToolsChanged: () => void;
  /** The session is of no use any more, by a failure or because it was told to end. Called once. */
  readonly onClosed: (failed: boolean) => void;
}

/** How long a broken session's rests get to end, in milliseconds. */
const BROKEN: Patience = { inputMs: 100, terminateMs: 500 };

/** One connection to a server, from its start to its end; many calls at a time. */
export class Session {
  readonly #options: SessionOptions;
  readonly #server: string;
  readonly #starting: Promise<ServerFacts>;
  readonly #started = performance.now();
  #state: SessionState = "connecting";
  #transport: Transport | undefined;
  #peer: Peer | undefined;
  readonly #calls = new Set<ClientLink>();
  #connectMs: number | undefined;

  /**
   * Starts to connect at once.
   *
   * @param options See there.
   */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#server = options.config.name;
    this.#starting = this.#connect();
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
    const { connectTimeoutMs } = this.#options.config.options;
    const server = this.#server;
    try {
      const peer = this.#livePeer();
      const { log } = this.#options;
      const onOdd = (what: string): void => log.warn(`Tool left out: ${what}`, { server });
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
   * @param link The way back to the calling client.
   * @param signal Ends the call; its reason is thrown.
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

  /** Marks the session as one that is about to end: it takes no new callers. */
  drain(): void {
    if (this.#state === "ready") this.#state = "draining";
  }

  /** Ends the session now; calls under way fail. */
  async close(patience: Patience): Promise<void> {
    this.#markClosed(false);
    await this.#endTransport(patience);
  }

  /** Ends the server's process at once, without asking. */
  kill(): void {
    this.#markClosed(false);
    this.#transport?.kill();
  }

  async #connect(): Promise<ServerFacts> {
    const { config, capabilities, version, open } = this.#options;
    const { connectTimeoutMs, forward } = config.options;
    try {
      const transport = await open();
      this.#transport = transport;
      if (this.#state === "closed") {
        await transport.end(BROKEN);
        throw new ChannelClosed("The session was closed while it connected");
      }
      const peer = this.#openPeer(transport);
      this.#peer = peer;
      const declared = declaredCapabilities(capabilities, forward);
      const facts = await withDeadline(
        connectTimeoutMs,
        (signal) => shakeHands(peer, declared, { version, signal }),
      );
      this.#connectMs = performance.now() - this.#started;
      this.#state = "ready";
      return facts;
    } catch (cause) {
      throw await this.#explain(
        cause,
        `it did not answer within ${connectTimeoutMs} ms of its start`,
      );
    }
  }

  #openPeer(transport: Transport): Peer {
    const { log, config, onToolsChanged } = this.#options;
    const server = this.#server;
    const peer = new Peer(transport.channel, {
      request: (request) => {
        forwardRequest(request, {
          server,
          forward: config.options.forward,
          link: this.#clientLink(),
        });
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
        this.#markClosed(true);
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

  async #endTransport(patience: Patience): Promise<void> {
    try {
      await this.#transport?.end(patience);
    } catch (error) {
      const reason = String(error);
      this.#options.log.error("A server could not be ended", { server: this.#server, reason });
    }
  }

  #markClosed(failed: boolean): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#options.onClosed(failed);
  }

  /** Turns a failure into what the agent is told; a session that cannot connect is ended. */
  async #explain(cause: unknown, timedOut: string): Promise<DownstreamError> {
    if (cause instanceof DownstreamError) {
      this.#markClosed(true);
      return cause;
    }
    if (cause instanceof AnswerTooLong) {
      const message =
        `Server "${this.#server}" answered with ${cause.bytes} bytes, which is more ` +
        "than the gateway takes; ask for less.";
      return new DownstreamError("SERVER_UNAVAILABLE", this.#server, message, { cause });
    }
    let why: string;
    if (cause instanceof HandshakeError || cause instanceof CatalogError) why = cause.message;
    else if (cause instanceof ChannelClosed) why = "its connection ended";
    else if (cause instanceof DOMException && cause.name === "TimeoutError") why = timedOut;
    else throw cause;
    const words = await this.#transport?.lastWords() ?? "";
    if (this.#state === "connecting") {
      this.#markClosed(true);
      this.#endTransport(BROKEN);
    }
    const message = `Server "${this.#server}" is not available: ${why}.`;
    return new DownstreamError("SERVER_UNAVAILABLE", this.#server, `${message} ${words}`.trim(), {
      cause,
    });
  }
}
