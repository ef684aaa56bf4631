import type { Budget } from "../budget.ts";
import {
  type ClientConnection,
  type ListKind,
  NoiseLog,
  type ResourceUpdate,
} from "../downstream/mod.ts";
import { type Channel, type IncomingRequest, Peer, RPC_CODES } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { claimedRevisionOf } from "../reserved_meta.ts";
import { CallChannel, type ChannelSession } from "./call_channel.ts";
import { type ErrorBody, errorBodyOf } from "./error_body.ts";
import { introduce, recallServers } from "./introduction.ts";
import { listTools } from "./list_tools.ts";
import { LOG_LEVELS, severityRank } from "../severity.ts";
import { LogThreshold } from "./log_threshold.ts";
import { LossyNotifier } from "./lossy_notifier.ts";
import { type ChangingList, ClientOffers, notifiedList } from "./offered/mod.ts";
import { adaptSubscriptions, affectsClient, mayRead } from "./offer_changes.ts";
import { refuseByLimits, runOperation } from "./pipeline.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import { clientCodec2025, type ClientProgram } from "./revisions/mod.ts";
import { callableTools } from "./shown_tools.ts";
import type { StatelessClient, StatelessService } from "./stateless/mod.ts";
import type { GatewayTool } from "./tools/mod.ts";
import { REVISION_WITH_BATCHES } from "../revisions.ts";
import { within } from "../within.ts";

const ROOTS_CHANGED = "notifications/roots/list_changed";

/** The known requests that are no operations. */
const OTHER_METHODS: readonly string[] = ["tools/list", "ping", "initialize", "logging/setLevel"];

/** Options of a client's session. */
export interface ClientSessionOptions {
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** Returns the active context; called for each operation. */
  readonly context: () => PipelineContext;
  /** Loads the service for requests without a session. */
  readonly stateless: () => Promise<StatelessService>;
  /** The gateway's version. */
  readonly version: string;
  /** Log for warnings. */
  readonly log: Log;
  /** Returns the budget that the answers to batches count against. */
  readonly memory: () => Budget;
  /** Id of the first request to the client; default: 1. */
  readonly firstRequestId?: number | undefined;
  /** Called when the answer to `initialize` has been sent. */
  readonly onInitialized: (connection: ClientConnection) => void;
  /** Called when the client has set its log level. */
  readonly onLogLevel: (connection: ClientConnection, level: string) => void;
  /** Called when the client's roots have changed. */
  readonly onRootsChanged: (connection: ClientConnection) => void;
  /** Called when the client has closed its end, or with the reason if the connection ends for another one. */
  readonly onClosed: (cause?: Error) => void;
}

/**
 * A client's session in the MCP revisions from 2024-11-05 to 2025-11-25. It runs the client's requests as
 * operations, and sends the servers' requests to the client.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle}
 */
export class ClientSession {
  /** Id of the connection, for the records. */
  readonly id: string = crypto.randomUUID();
  readonly #options: ClientSessionOptions;
  readonly #peer: Peer;
  readonly #state: ChannelSession;
  readonly #offers: ClientOffers;
  #connection: ClientConnection;
  #hasTriedToInitialize = false;
  #isInitialized = false;
  #revision: string | undefined;
  #program: ClientProgram | undefined;
  #stateless: StatelessClient | undefined;
  #loadingStateless: Promise<StatelessClient> | undefined;
  #hasEnded = false;

  /**
   * Starts to serve the client.
   *
   * @param channel Carries the client's messages.
   */
  constructor(channel: Channel, options: ClientSessionOptions) {
    this.#options = options;
    const noiseLog = new NoiseLog(options.log, { source: "a client sent" });
    this.#peer = new Peer(channel, {
      answersInvalidMessages: true,
      firstRequestId: options.firstRequestId,
      acceptsBatches: () => this.#revision === REVISION_WITH_BATCHES,
      memory: options.memory,
      request: (request) => this.#handleRequest(request),
      notification: (method) => {
        // Other notifications have no effect here, so they need no limit.
        return method === ROOTS_CHANGED ? this.#notifyRootsChanged() : undefined;
      },
      lateCancellation: (id, reason) => this.#stateless?.cancelAnswered(id, reason),
      lateAnswer: () => options.log.debug("A client answered a request that was cancelled"),
      unexpected: (description, _excerpt, length) => {
        // The text may hold anything, such as the arguments of a call.
        noiseLog.write(description, () => ({ length }));
      },
      closed: (cause) => options.onClosed(cause),
    });
    const notifier = new LossyNotifier(this.#peer, options.log);
    this.#state = {
      peer: this.#peer,
      notifyOrDrop: (...notification) => notifier.notify(...notification),
      threshold: new LogThreshold(),
      capabilities: {},
    };
    this.#connection = this.#buildConnection();
    this.#offers = new ClientOffers({
      notify: (list) => {
        if (this.#peer.hasSlowReader) return false;
        this.#peer.notify(`notifications/${list}/list_changed`);
        return true;
      },
      memory: options.memory,
      log: options.log,
    });
  }

  /** The client's connection; `undefined` until the client has sent `initialize`, or a request without a session. */
  get connection(): ClientConnection | undefined {
    return this.#isInitialized ? this.#connection : this.#stateless?.connection;
  }

  /** Returns what is known about the client, for the operator. */
  describe(): Readonly<Record<string, unknown>> {
    const { name = null, version = null } = this.#program ?? {};
    return { session: this.id, name, version, revision: this.#revision ?? null };
  }

  /** Whether the client has subscribed to resources. */
  get hasSubscriptions(): boolean {
    return this.#offers.subscriptions.size > 0 || this.#stateless?.hasSubscriptions === true;
  }

  /**
   * Ends the session: active calls get some time to be answered, then they are cancelled.
   *
   * @param withinMs Time for active calls, in milliseconds.
   */
  async end(withinMs: number): Promise<void> {
    this.#hasEnded = true;
    this.#offers.close();
    this.#stateless?.end();
    await within(this.#peer.allAnswered().then(() => this.#peer.flush()), withinMs);
    this.#peer.cancelIncoming("The gateway ends");
  }

  /** Notifies the client, if it has asked for the list, that a reload may have changed it. */
  notifyListMayHaveChanged(list: ChangingList): void {
    this.#offers.changes.addChange(list);
    this.#stateless?.notifyListMayHaveChanged(list);
  }

  /** Notifies the client of a changed list of a server, if it has asked for such lists and may use the server. */
  notifyServerListChanged(server: string, kind: ListKind): void {
    this.#stateless?.notifyServerListChanged(server, kind);
    if (!affectsClient({ server, kind }, this.#options.context())) return;
    this.#offers.changes.addChange(notifiedList(kind));
  }

  /** Notifies the client of an update of a resource that it has subscribed to, unless the rules now deny the resource. */
  notifyUpdated(server: string, update: ResourceUpdate): void {
    this.#stateless?.notifyUpdated(server, update);
    const { uri, params } = update;
    const isSubscribed = this.#offers.subscriptions.includes(uri);
    if (isSubscribed && mayRead({ server, uri }, this.#options.context())) {
      this.#state.notifyOrDrop("notifications/resources/updated", params);
    }
  }

  /** Adapts the subscriptions of the client to the active configuration, in the background. */
  adaptSubscriptions(): void {
    const context = this.#options.context();
    adaptSubscriptions(this.#offers.subscriptions, {
      connection: this.#connection,
      context,
      onUpdated: (uri) => this.#state.notifyOrDrop("notifications/resources/updated", { uri }),
    });
    this.#stateless?.adaptSubscriptions();
  }

  #handleRequest(request: IncomingRequest): void | Promise<void> {
    if (claimedRevisionOf(request.params) !== undefined) return this.#handleStateless(request);
    const { method } = request;
    const decoder = clientCodec2025.decoderOf(method);
    if (decoder !== undefined) return this.#runOperation(request, decoder);
    // The first handshake is answered even beyond a limit, so that the client can learn of the limit.
    if (method === "initialize" && !this.#hasTriedToInitialize) return this.#initialize(request);
    return this.#answerWithinLimits(request);
  }

  /** Handles a request of the revision without sessions, which a client may send at any time. */
  #handleStateless(request: IncomingRequest): Promise<void> {
    if (this.#stateless !== undefined) return this.#stateless.handle(request);
    this.#loadingStateless ??= this.#loadStateless();
    return this.#loadingStateless.then((stateless) => stateless.handle(request));
  }

  async #loadStateless(): Promise<StatelessClient> {
    const service = await this.#options.stateless();
    const stateless = await service.createClient({
      ...this.#options,
      connectionId: this.id,
      notify: this.#state.notifyOrDrop,
      onFirstRequest: (connection) => {
        if (!this.#isInitialized) this.#options.onInitialized(connection);
      },
    });
    if (this.#hasEnded) stateless.end();
    return this.#stateless = stateless;
  }

  /** Answers a request that is no operation; it counts towards the limits, as a call does. */
  async #answerWithinLimits(request: IncomingRequest): Promise<void> {
    const { method } = request;
    const refusal = await this.#refuseByLimits({
      // Clients may send any method, and each name gets its own metrics.
      name: OTHER_METHODS.includes(method) ? method : "unknown",
      requestId: JSON.parse(request.id),
    });
    if (refusal !== undefined) {
      const { message } = refusal;
      return request.fail({ code: clientCodec2025.LIMIT_EXCEEDED, message, data: refusal });
    }
    switch (method) {
      case "tools/list":
        return await this.#listTools(request);
      case "ping":
        return request.reply({});
      case "initialize":
        return this.#initialize(request);
      case "logging/setLevel":
        return this.#setLevel(request);
      default:
        return request.failUnknownMethod();
    }
  }

  async #notifyRootsChanged(): Promise<void> {
    const refusal = await this.#refuseByLimits({ name: ROOTS_CHANGED });
    if (refusal === undefined) this.#options.onRootsChanged(this.#connection);
  }

  #refuseByLimits(
    request: { readonly name: string; readonly requestId?: string | number },
  ): Promise<ErrorBody | undefined> {
    const { connectionId } = this.#connection;
    const unansweredCount = this.#peer.incomingCount;
    const context = this.#options.context();
    return refuseByLimits({ ...request, unansweredCount }, { connectionId, context });
  }

  #initialize(request: IncomingRequest): void | Promise<void> {
    this.#hasTriedToInitialize = true;
    if (this.#isInitialized) {
      const message = "The connection is initialized already";
      return request.fail({ code: RPC_CODES.invalidRequest, message });
    }
    const initialization = clientCodec2025.decodeInitialize(request.params);
    if ("code" in initialization) return request.fail(initialization);
    this.#isInitialized = true;
    this.#revision = initialization.revision;
    this.#program = initialization.program;
    this.#state.capabilities = initialization.capabilities;
    this.#connection = this.#buildConnection();
    const introduction = { connection: this.#connection, version: this.#options.version };
    const context = this.#options.context();
    const reply = (): void => {
      const answer = introduce({ ...introduction, context: this.#options.context() });
      request.reply(clientCodec2025.encodeInitialize(initialization.revision, answer));
      // Servers are started only now, because that takes a while and the client waits for its handshake.
      void this.#peer.flush().then(() => this.#options.onInitialized(this.#connection));
    };
    const recalling = recallServers({ ...introduction, context });
    return recalling === undefined ? reply() : recalling.then(reply);
  }

  async #listTools(request: IncomingRequest): Promise<void> {
    this.#offers.changes.noteRequested("tools");
    const { cursor } = clientCodec2025.fieldsOf(request.params);
    try {
      const tools = await listTools(cursor ?? undefined, {
        tools: this.#options.tools,
        connection: this.#connection,
        lists: this.#offers.lists,
        context: this.#options.context(),
        onNoAgent: () => this.#offers.logMissingAgent(),
      });
      request.reply(clientCodec2025.encodeTools(tools));
    } catch (error) {
      const data = errorBodyOf(error);
      if (data === undefined) throw error;
      request.fail({ code: RPC_CODES.invalidParams, message: data.message, data });
    }
  }

  async #runOperation(
    request: IncomingRequest,
    decode: clientCodec2025.RequestDecoder,
  ): Promise<void> {
    const { tools } = this.#options;
    const context = this.#options.context();
    const { connectionId, capabilities } = this.#connection;
    const channel = new CallChannel(this.#state, request);
    const operationRequest = decode(request, {
      ...callableTools(tools, context),
      capabilities,
      unansweredCount: this.#peer.incomingCount,
      notifyProgress: (params) => {
        this.#state.notifyOrDrop("notifications/progress", params, request);
      },
    });
    const connection = { connectionId, capabilities, channel };
    const answer = await runOperation(operationRequest, {
      connection,
      offers: this.#offers,
      context,
    });
    channel.endCall();
    if (answer.kind === "result") request.reply(answer.result);
    else if (answer.kind === "error") request.fail(answer.error);
  }

  #setLevel(request: IncomingRequest): void {
    const { level } = clientCodec2025.fieldsOf(request.params);
    if (typeof level !== "string" || severityRank(level) < 0) {
      const message = `"level" must be one of ${LOG_LEVELS.join(", ")}`;
      return request.fail({ code: RPC_CODES.invalidParams, message });
    }
    this.#state.threshold.level = level;
    request.reply({});
    this.#options.onLogLevel(this.#connection, level);
  }

  #buildConnection(): ClientConnection {
    const { capabilities } = this.#state;
    return { connectionId: this.id, capabilities, channel: new CallChannel(this.#state) };
  }
}
