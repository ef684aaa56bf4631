import type { Budget } from "../budget.ts";
import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import { type CancelSignal, type Channel, ChannelClosed, type Peer } from "../jsonrpc/mod.ts";
import { ActiveCalls } from "./active_calls.ts";
import type { ClientCapabilities } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import { declaresList, fetchList, ItemList, LIST_WORDS, type ListKind } from "./catalog/mod.ts";
import { ClientChanges } from "./client_changes.ts";
import { Connection } from "./connection.ts";
import { explainFailure, withDoctorHint } from "./failure.ts";
import { BROKEN_GRACE, DOWNLOADING_GRACE } from "./grace_periods.ts";
import { declaredCapabilities } from "./declared_capabilities.ts";
import { performHandshake } from "./handshake.ts";
import type { FindRevision, KnownRevision } from "./known_revision.ts";
import { Noise } from "./noise_log.ts";
import { openServerPeer } from "./server_peer.ts";
import { redactExcerpt } from "./secrets.ts";
import { type CircuitBreaker, StartAbandoned } from "./circuit_breaker.ts";
import { probeSession } from "./probe_session.ts";
import { WakeCheck } from "./wake_check.ts";
import {
  OLDEST_CODEC,
  type ResourceUpdate,
  type ServerCodec,
  type ServerInfo,
} from "./revisions/mod.ts";
import {
  type GracePeriods,
  type Transport,
  type TransportKind,
  transportKind,
} from "./transports/mod.ts";

/** Maximum time for the answer to a ping, in milliseconds. */
const PING_TIMEOUT_MS = 5000;

/** Maximum time for the answer to a ping after the server's process has ended, in milliseconds. */
const ORPHAN_PING_TIMEOUT_MS = 500;

/**
 * State of a session:
 *
 *     connecting ──> ready ──> draining
 *         │            │           │
 *         └────────────┴───────────┴──────> closed or broken
 *
 * A session never returns to an earlier state: the next call gets a new session.
 */
export type SessionState = "connecting" | "ready" | "draining" | "closed" | "broken";

/** Options of a session. */
export interface SessionOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** Capabilities of the client that the session is for. */
  readonly capabilities: ClientCapabilities;
  /** Returns the channel to the client that owns the session; `undefined` if the session is shared. */
  readonly clientChannel: () => ClientChannel | undefined;
  /** Key of the capabilities that are declared to the server. */
  readonly capabilitiesKey: string;
  /** The revision that the server is known to speak, if it is known. */
  readonly knownRevision: KnownRevision;
  /** Opens the connection. */
  readonly open: () => Promise<Transport>;
  /** Refuses starts while the server keeps failing. */
  readonly breaker: CircuitBreaker;
  /** The gateway's version, sent to the server. */
  readonly version: string;
  /** Time for the server to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
  /** The memory for the server's messages, lists and pending requests; default: no limit. */
  readonly memory?: Budget | undefined;
  /** Receives warnings. */
  readonly log: Log;
  /** Called when the server has announced that lists have changed. */
  readonly onListsChanged: (kinds: readonly ListKind[]) => void;
  /** Called when the server has announced that a resource has changed. */
  readonly onResourceUpdated: (update: ResourceUpdate) => void;
  /** Called once, when the session is `closed` or `broken`. */
  readonly onEnded: (state: "closed" | "broken") => void;
}

/** One connection to a server, from its start to its end. Calls run concurrently. */
export class Session {
  /** The server's name. */
  readonly server: string;
  /** Everything that depends on the kind of the connection. */
  readonly transport: TransportKind;
  /** The capabilities of the client that are declared to the server. */
  readonly declared: ClientCapabilities;
  /**
   * Whether a caller may have caused what the session lists: it was used for a call, a request of the server was
   * forwarded to the client, or the client's roots have changed.
   */
  isAltered = false;
  /** Whether the session was used for a call. */
  isCalled = false;
  /** The active calls. */
  readonly activeCalls = new ActiveCalls();
  /** Sends the server its client's changes of the log level and the roots. */
  readonly clientChanges: ClientChanges = new ClientChanges(this);
  /** Checks the session after a sleep of the machine; `undefined` until the handshake, and if no check is needed. */
  wakeCheck: WakeCheck | undefined;
  readonly #options: SessionOptions;
  readonly #starting: Promise<ServerInfo>;
  readonly #connection: Connection;
  readonly #startedAt = performance.now();
  #state: SessionState = "connecting";
  #peer: Peer | undefined;
  #codec: ServerCodec = OLDEST_CODEC;
  #info: ServerInfo | undefined;
  #connectMs: number | undefined;
  #endedEarly = false;
  readonly #noise: Noise;
  #ending: Promise<void> | undefined;

  /**
   * Starts to connect immediately.
   *
   * @param options The server, and the client that the session is for.
   */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.server = options.config.name;
    this.transport = transportKind(options.config.connection);
    this.#noise = new Noise(options.config);
    this.declared = declaredCapabilities(options.capabilities, options.config.options.forward);
    this.#connection = new Connection(options);
    this.#starting = this.#start();
    // Callers await the promise and see the failure; without a caller, the rejection would be unhandled.
    this.#starting.catch(() => {});
  }

  /** The state. */
  get state(): SessionState {
    return this.#state;
  }

  /** The id of the server's process, if the gateway started one. */
  get pid(): number | undefined {
    return this.#connection.pid;
  }

  /** Whether the server's program was started without its launcher. */
  get isDirect(): boolean {
    return this.#connection.isDirect;
  }

  /** The server's description of itself; `undefined` until the handshake. */
  get info(): ServerInfo | undefined {
    return this.#info;
  }

  /**
   * The JSON-RPC peer of the server.
   *
   * @throws {ChannelClosed} if the session was never connected.
   */
  get peer(): Peer {
    if (this.#peer === undefined) throw new ChannelClosed("The session is closed");
    return this.#peer;
  }

  /** The codec of the server's revision. */
  get codec(): ServerCodec {
    return this.#codec;
  }

  /** Number of times that the server sent data that was not a valid message. */
  get noiseCount(): number {
    return this.#noise.count;
  }

  /**
   * Whether the server may refuse the session while it accepts a new one: because it may have forgotten the id of the
   * session, or may no longer speak the stateless revision.
   */
  get mayBeRefused(): boolean {
    return this.#connection.hasSessionId || this.#codec.refusesProbe !== undefined;
  }

  /** Time for the server to answer a ping, in milliseconds. */
  get pingMs(): number {
    return this.#options.pingMs ?? PING_TIMEOUT_MS;
  }

  /** Milliseconds from start to ready; `undefined` until then. */
  get connectMs(): number | undefined {
    return this.#connectMs;
  }

  /**
   * Waits for the handshake.
   *
   * @throws {DownstreamError} if the server did not start.
   */
  ready(): Promise<ServerInfo> {
    return this.#starting;
  }

  /**
   * Requests one of the server's lists.
   *
   * @throws {DownstreamError} if the server is not available or does not answer.
   */
  async list(kind: ListKind): Promise<ItemList> {
    const info = await this.#starting;
    const isDeclared = declaresList(info, kind);
    // Some servers forget to declare their tools, so they are asked for them.
    if (!isDeclared && kind !== "tools") return new ItemList([], { completeness: "empty" });
    const { config } = this.#options;
    const noiseCountBefore = this.#noise.count;
    const timeoutMs = config.options.connectTimeoutMs;
    try {
      const { peer, codec } = this;
      return await fetchList({
        kind,
        listPage: (cursor, signal) => codec.list(peer, { kind, cursor, signal }),
        timeoutMs,
        isDeclared,
        quote: (text) => redactExcerpt(text, config),
        memory: this.#options.memory,
      });
    } catch (cause) {
      const { items } = LIST_WORDS[kind];
      const timeoutReason = `it answered initialize, but listed no ${items} within ${timeoutMs} ms`;
      throw withDoctorHint(await this.#explain(cause, timeoutReason, noiseCountBefore));
    }
  }

  /**
   * Explains the failure of a request that was sent for a call.
   *
   * @param cause The error that was thrown.
   * @param request The signal of the request, and the value of `noiseCount` before it was sent.
   * @returns The signal's reason if it has aborted, otherwise the failure of the server.
   */
  async explainCallFailure(
    cause: unknown,
    { signal, noiseCount }: { readonly signal: CancelSignal; readonly noiseCount: number },
  ): Promise<unknown> {
    if (signal.aborted) return this.#noise.addToTimeout(signal.reason, noiseCount);
    return await this.#explain(cause, "it failed during the call", noiseCount);
  }

  /** Notifies the server that the client's roots have changed, if it may ask for them. */
  notifyRootsChanged(): void {
    if (this.#state !== "ready" || !("roots" in this.declared)) return;
    this.isAltered = true;
    this.clientChanges.notifyRootsChanged();
  }

  /** Marks the session as one that is about to end: it takes no new callers. */
  drain(): void {
    if (this.#state === "ready") this.#state = "draining";
  }

  /** Ends the session now; active calls fail. Resolves when its processes have ended. */
  async close(gracePeriods: GracePeriods): Promise<void> {
    // These grace periods may be shorter than those of the end in progress.
    if (this.#isOver) void this.#connection.end(gracePeriods);
    this.#end("closed", gracePeriods);
    await this.#ending;
  }

  /** Resolves when the processes of an ended session have ended. */
  async ended(): Promise<void> {
    await this.#ending;
  }

  /** Kills the server's process immediately. */
  kill(): void {
    this.#end("closed", BROKEN_GRACE);
    this.#connection.kill();
  }

  async #start(): Promise<ServerInfo> {
    const { connectTimeoutMs } = this.#options.config.options;
    const timeoutReason = `it did not answer within ${connectTimeoutMs} ms of its start`;
    try {
      const info = await this.#options.breaker.run(async () => {
        try {
          const { knownRevision, capabilitiesKey } = this.#options;
          return await knownRevision.open(capabilitiesKey, (find) => this.#connect(find));
        } catch (cause) {
          // The breaker recognizes a `StartAbandoned`, and quotes all other messages while the circuit is open.
          throw cause instanceof StartAbandoned ? cause : await this.#explain(cause, timeoutReason);
        }
      });
      const level = this.#options.clientChannel()?.logLevel();
      if (level !== undefined) this.clientChanges.setLogLevel(level);
      return info;
    } catch (cause) {
      const error = await this.#explain(cause, timeoutReason);
      this.#end(
        "broken",
        this.#connection.mayBeDownloading(error) ? DOWNLOADING_GRACE : BROKEN_GRACE,
      );
      throw withDoctorHint(error);
    }
  }

  async #connect(findRevision: FindRevision): Promise<ServerInfo> {
    this.#refuseIfEnded();
    // The end of an earlier connection does not concern the new one.
    this.#peer = undefined;
    this.#endedEarly = false;
    const transport = await this.#connection.open();
    this.#refuseIfEnded();
    const peer = this.#openPeer(transport.channel);
    this.#peer = peer;
    transport.exited?.then(() => this.#examineOrphan(peer));
    try {
      const known = await findRevision();
      const options = { ...this.#options, transport, declared: this.declared, known };
      const { codec, info } = await performHandshake(peer, options);
      // The connection may have ended in the same tick as the handshake; nothing reports that later.
      if (this.#endedEarly) throw new ChannelClosed("The connection ended after the handshake");
      this.#codec = codec;
      codec.start?.(peer);
      this.#info = info;
      const { recovery } = transport;
      if (recovery !== undefined) this.wakeCheck = new WakeCheck(this, recovery);
      this.#connectMs = performance.now() - this.#startedAt;
      if (this.#state === "connecting") this.#state = "ready";
      return info;
    } catch (cause) {
      throw this.#state === "closed" ? new StartAbandoned("closed", { cause }) : cause;
    }
  }

  /** Throws if the session was closed while it connected, so that nothing more is started. */
  #refuseIfEnded(): void {
    if (this.#state !== "connecting") throw new StartAbandoned("closed");
  }

  /**
   * Checks a session whose process has ended while its channel is still open. Either the process was a
   * launcher and its server still answers, or a child process holds the pipes and never answers.
   */
  async #examineOrphan(peer: Peer): Promise<void> {
    const hasStarted = await this.#starting.then(() => true, () => false);
    // The session may have another connection meanwhile.
    if (!hasStarted || this.#isOver || peer !== this.#peer) return;
    const answer = await probeSession(this, { withinMs: ORPHAN_PING_TIMEOUT_MS });
    if (answer === "answered") return;
    void peer.close();
    this.#end("broken", BROKEN_GRACE);
  }

  #openPeer(channel: Channel): Peer {
    const { memory, log, config, onListsChanged, onResourceUpdated } = this.#options;
    const peer: Peer = openServerPeer(channel, {
      config,
      codec: () => this.#codec,
      revision: () => this.#info?.revision,
      // Only requests for which the client declared the capability are forwarded.
      forward: config.options.forward.filter((name) => name in this.declared),
      memory,
      log,
      calls: this.activeCalls,
      onNoise: (excerpt) => this.#noise.record(excerpt),
      // The client of a shared session is known only by its active calls.
      clientChannel: () => this.activeCalls.channel ?? this.#options.clientChannel(),
      onAltered: () => this.isAltered = true,
      onListsChanged,
      onResourceUpdated,
      onClosed: () => {
        if (this.#peer !== peer) return;
        // While the session connects, its start fails and reports the reason.
        if (this.#state === "connecting") this.#endedEarly = true;
        else this.#end("broken", BROKEN_GRACE);
      },
    });
    return peer;
  }

  #explain(cause: unknown, timeoutReason: string, noiseCountBefore = 0): Promise<Error> {
    return explainFailure(cause, {
      config: this.#options.config,
      timeoutReason,
      noise: this.#noise.describeSince(noiseCountBefore),
      readLastOutput: () => this.#connection.readLastOutput(),
    });
  }

  get #isOver(): boolean {
    return this.#state === "closed" || this.#state === "broken";
  }

  #end(state: "closed" | "broken", gracePeriods: GracePeriods): void {
    if (this.#isOver) return;
    this.#state = state;
    this.#codec.close?.();
    this.wakeCheck?.close();
    this.#ending = this.#connection.end(gracePeriods);
    this.#options.onEnded(state);
  }
}
