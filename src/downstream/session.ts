import { downloads, type ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type CancelSignal, type Channel, ChannelClosed, type Peer } from "../jsonrpc/mod.ts";
import { ActiveCalls } from "./active_calls.ts";
import type { ClientCapabilities, ClientChannel } from "./caller.ts";
import { type Catalog, fetchCatalog } from "./catalog.ts";
import { Connection } from "./connection.ts";
import { explainFailure, withDoctorHint } from "./failure.ts";
import { declaredCapabilities, initialize, type ServerInfo } from "./handshake.ts";
import { Noise } from "./noise_log.ts";
import { openServerPeer } from "./server_peer.ts";
import { redactExcerpt } from "./secrets.ts";
import { type CircuitBreaker, StartAbandoned } from "./circuit_breaker.ts";
import type { GracePeriods, Transport } from "./transport.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { refusesSession } from "./session_check.ts";
import { withDeadline } from "../within.ts";

/** How long a broken session's rests get to end. */
const BROKEN: GracePeriods = { inputMs: 100, terminateMs: 500 };

/**
 * The same where `npx` and its like may still be downloading. npm cannot be stopped half-way: on any
 * signal it may leave a package with files missing, which then fails for everybody. With its input
 * closed, it ends by itself once the server has started.
 */
const DOWNLOADING: GracePeriods = { inputMs: 90_000, terminateMs: 500 };

/** How long a server may take to answer a ping, in milliseconds. */
const PING_MS = 5000;

/** The same for what is left of a server whose process has ended. */
const REST_PING_MS = 500;

/**
 * State of a session:
 *
 *     connecting ──> ready ──> draining ──> closed
 *         │            │           │
 *         └────────────┴───────────┴──────> broken
 *
 * There is no way back: the next call gets a new session.
 */
export type SessionState = "connecting" | "ready" | "draining" | "closed" | "broken";

/** Options of a session. */
export interface SessionOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Capabilities of the client that the session is for. */
  readonly capabilities: ClientCapabilities;
  /** The way back to the client that has the session for its own; of a shared one, `undefined`. */
  readonly link: () => ClientChannel | undefined;
  /** Opens the connection. */
  readonly open: () => Promise<Transport>;
  /** Decides whether the server may be started. */
  readonly breaker: CircuitBreaker;
  /** The gateway's version, told to the server. */
  readonly version: string;
  /** How long the server may take to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
  /** Takes what is odd. */
  readonly log: Log;
  /** The server's tools may have changed. */
  readonly onToolsChanged: () => void;
  /** The session is of no use any more: `closed` or `broken`. Called once. */
  readonly onEnded: (state: "closed" | "broken") => void;
}

/** One connection to a server, from its start to its end; many calls at a time. */
export class Session {
  /** The server's name. */
  readonly server: string;
  /** The calls under way. */
  readonly activeCalls = new ActiveCalls();
  readonly #options: SessionOptions;
  readonly #starting: Promise<ServerInfo>;
  readonly #declared: ClientCapabilities;
  readonly #connection: Connection;
  readonly #started = performance.now();
  #state: SessionState = "connecting";
  #peer: Peer | undefined;
  #info: ServerInfo | undefined;
  #connectMs: number | undefined;
  #isLost = false;
  readonly #noise: Noise;
  #ending: Promise<void> | undefined;

  /**
   * Starts to connect at once.
   *
   * @param options The server, and the client that the session is for.
   */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.server = options.config.name;
    this.#noise = new Noise(options.config);
    const { forward } = options.config.options;
    this.#declared = declaredCapabilities(options.capabilities, forward);
    this.#connection = new Connection({
      server: this.server,
      open: options.open,
      log: options.log,
    });
    this.#starting = this.#start();
    // Callers that need the session await it and see the failure; there may be none.
    this.#starting.catch(() => {});
  }

  /** Its state. */
  get state(): SessionState {
    return this.#state;
  }

  /** The server's process, where it is one. */
  get pid(): number | undefined {
    return this.#connection.pid;
  }

  /** The server's description of itself; `undefined` until the handshake. */
  get info(): ServerInfo | undefined {
    return this.#info;
  }

  /**
   * The way to the server.
   *
   * @throws {ChannelClosed} The session has not come so far.
   */
  get peer(): Peer {
    if (this.#peer === undefined) throw new ChannelClosed("The session is closed");
    return this.#peer;
  }

  /** How often the server sent data that was no message. */
  get noiseCount(): number {
    return this.#noise.count;
  }

  /** Whether the server is a process of ours. */
  get isProcess(): boolean {
    return this.#options.config.connect.kind === "stdio";
  }

  /** Whether the server keeps the session under an id, which it may forget. */
  get hasId(): boolean {
    return this.#connection.hasSessionId;
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
  ready(): Promise<ServerInfo> {
    return this.#starting;
  }

  /**
   * Asks for the server's tools.
   *
   * @throws {DownstreamError} where the server is not there or does not answer.
   */
  async listTools(): Promise<Catalog> {
    const { capabilities } = await this.#starting;
    const { config } = this.#options;
    const noiseBefore = this.#noise.count;
    const timeoutMs = config.options.connectTimeoutMs;
    try {
      return await fetchCatalog(this.peer, {
        timeoutMs,
        declaresTools: "tools" in capabilities,
        quote: (text) => redactExcerpt(text, config),
      });
    } catch (cause) {
      const timedOut = `it did not list its tools within ${timeoutMs} ms`;
      throw withDoctorHint(await this.#explain(cause, timedOut, noiseBefore));
    }
  }

  /**
   * Explains the failure of a request that was sent for a call.
   *
   * @param cause The error that was thrown.
   * @param request The signal of the request, and `noiseCount` before it was sent.
   * @returns The signal's reason where it has aborted, else the failure of the server.
   */
  async explainCall(
    cause: unknown,
    { signal, noiseCount }: { readonly signal: CancelSignal; readonly noiseCount: number },
  ): Promise<unknown> {
    if (signal.aborted) return this.#addNoise(signal.reason, noiseCount);
    return await this.#explain(cause, "it failed during the call", noiseCount);
  }

  /**
   * Whether the server answers at all, however busy its tools are.
   *
   * @param withinMs How long it may take to answer, in milliseconds.
   */
  async isAlive(withinMs?: number): Promise<boolean> {
    return await this.probe("ping", withinMs) === "answered";
  }

  /**
   * Asks the server something that changes nothing.
   *
   * @param method What to ask.
   * @param withinMs How long it may take to answer, in milliseconds.
   * @returns `refused` where it turns the session away, `silent` where no answer came.
   */
  async probe(
    method: "ping" | "tools/list",
    withinMs: number = this.#options.pingMs ?? PING_MS,
  ): Promise<"answered" | "refused" | "silent"> {
    const peer = this.#peer;
    if (peer === undefined || this.#state === "broken") return "silent";
    try {
      const reply = await withDeadline(withinMs, (signal) => {
        return peer.request(method, undefined, { signal });
      });
      const isRefused = !reply.ok && this.hasId && refusesSession(reply.error);
      return isRefused ? "refused" : "answered";
    } catch (cause) {
      const isRefused = cause instanceof RemoteFailure && cause.status !== undefined;
      return isRefused ? "refused" : "silent";
    }
  }

  /** Tells the server something that the client said, such as that its roots have changed. */
  notify(method: string): void {
    if (method === "notifications/roots/list_changed" && !("roots" in this.#declared)) return;
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

  /** Ends the session now; calls under way fail. Resolves when what was started for it is gone. */
  async close(patience: GracePeriods): Promise<void> {
    if (this.#isOver) void this.#connection.end(patience);
    this.#end("closed", patience);
    await this.#ending;
  }

  /** Resolves when what was started for a session that is over is gone. */
  async ended(): Promise<void> {
    await this.#ending;
  }

  /** Ends the server's process at once, without asking. */
  kill(): void {
    this.#end("closed", BROKEN);
    this.#connection.kill();
  }

  async #start(): Promise<ServerInfo> {
    const { connectTimeoutMs } = this.#options.config.options;
    const timedOut = `it did not answer within ${connectTimeoutMs} ms of its start`;
    try {
      const info = await this.#options.breaker.run(async () => {
        try {
          return await this.#connect();
        } catch (cause) {
          // The breaker knows this one, and repeats the others while the circuit is open.
          throw cause instanceof StartAbandoned ? cause : await this.#explain(cause, timedOut);
        }
      });
      const level = this.#options.link()?.logLevel();
      if (level !== undefined) void this.setLogLevel(level);
      return info;
    } catch (cause) {
      const error = await this.#explain(cause, timedOut);
      this.#end("broken", this.#mayDownload(error) ? DOWNLOADING : BROKEN);
      throw withDoctorHint(error);
    }
  }

  /** Whether a start took too long because its program may be downloading the server. */
  #mayDownload({ cause }: Error): boolean {
    const { connect } = this.#options.config;
    return connect.kind === "stdio" && downloads([connect.command, ...connect.args]) &&
      cause instanceof DOMException && cause.name === "TimeoutError";
  }

  async #connect(): Promise<ServerInfo> {
    const { config, version } = this.#options;
    this.#refuseIfEnded();
    const transport = await this.#connection.open();
    this.#refuseIfEnded();
    const peer = this.#openPeer(transport.channel);
    this.#peer = peer;
    transport.exited?.then(() => this.#examineRest(peer));
    try {
      const info = await withDeadline(config.options.connectTimeoutMs, (signal) => {
        const onAgreed = (revision: string): void => transport.negotiated?.(revision);
        return initialize(peer, { capabilities: this.#declared, version, signal, onAgreed });
      });
      // It may be gone in the same breath, and nobody would be told of it any more.
      if (this.#isLost) throw new ChannelClosed("The connection ended after the handshake");
      this.#info = info;
      this.#connectMs = performance.now() - this.#started;
      if (this.#state === "connecting") this.#state = "ready";
      return info;
    } catch (cause) {
      throw this.#state === "closed" ? new StartAbandoned("closed", { cause }) : cause;
    }
  }

  /** Nobody wants the session any more: what is not started yet is not started. */
  #refuseIfEnded(): void {
    if (this.#state !== "connecting") throw new StartAbandoned("closed");
  }

  /**
   * The server's process has ended, but not its channel. That may be a launcher whose server talks
   * on, or a child that holds the pipes and will never answer.
   */
  async #examineRest(peer: Peer): Promise<void> {
    const hasStarted = await this.#starting.then(() => true, () => false);
    if (!hasStarted || this.#isOver || await this.isAlive(REST_PING_MS)) return;
    void peer.close();
    this.#end("broken", BROKEN);
  }

  #openPeer(channel: Channel): Peer {
    const { log, config, onToolsChanged } = this.#options;
    return openServerPeer(channel, {
      config,
      // A client is asked only what it said it can answer.
      forward: config.options.forward.filter((name) => name in this.#declared),
      log,
      calls: this.activeCalls,
      onNoise: (excerpt) => this.#noise.note(excerpt),
      // On a session that several clients share, nobody can be told otherwise.
      link: () => this.activeCalls.onlyLink ?? this.#options.link(),
      onToolsChanged,
      onClosed: () => {
        // While it connects, the start itself fails and says why.
        if (this.#state === "connecting") this.#isLost = true;
        else this.#end("broken", BROKEN);
      },
    });
  }

  #explain(cause: unknown, timedOut: string, noiseBefore = 0): Promise<Error> {
    return explainFailure(cause, {
      config: this.#options.config,
      timedOut,
      noise: this.#noise.describeSince(noiseBefore),
      lastWords: () => this.#connection.lastWords(),
    });
  }

  /** A server whose answer cannot be read is not one that said nothing. */
  #addNoise(reason: unknown, noiseBefore: number): unknown {
    const noise = this.#noise.describeSince(noiseBefore);
    if (noise === "" || !(reason instanceof DownstreamError)) return reason;
    const { code, server, message, details } = reason;
    const options = { ...details, cause: reason, quotesNoise: true };
    return new DownstreamError(code, server, `${message}. ${noise}`, options);
  }

  get #isOver(): boolean {
    return this.#state === "closed" || this.#state === "broken";
  }

  #end(state: "closed" | "broken", patience: GracePeriods): void {
    if (this.#isOver) return;
    this.#state = state;
    this.#ending = this.#connection.end(patience);
    this.#options.onEnded(state);
  }
}
