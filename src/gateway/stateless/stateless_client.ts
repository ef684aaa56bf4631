import type { Budget } from "../../budget.ts";
import type {
  ClientChannel,
  ClientConnection,
  ListKind,
  ResourceUpdate,
} from "../../downstream/mod.ts";
import { type IncomingRequest, RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { within } from "../../within.ts";
import { type ErrorBody, errorBodyOf } from "../error_body.ts";
import { findOffers, introduce, recallServers } from "../introduction.ts";
import { listTools } from "../list_tools.ts";
import { affectsClient, mayRead } from "../offer_changes.ts";
import { type ChangingList, ClientOffers, notifiedList } from "../offered/mod.ts";
import { decideAgain, refuseByLimits, runOperation } from "../pipeline.ts";
import type { PipelineContext } from "../pipeline_context.ts";
import { type Claim, clientCodec2025, type ClientCodec2026 } from "../revisions/mod.ts";
import { callableTools } from "../shown_tools.ts";
import type { GatewayTool } from "../tools/mod.ts";
import type { AttachedRequest } from "./interaction.ts";
import type { Interactions } from "./interactions.ts";
import { ListenStreams } from "./listen_streams.ts";
import { type NotifyOrDrop, RequestChannel, withoutReservedKeys } from "./request_channel.ts";

const DISCOVER = "server/discover";
const LISTEN = "subscriptions/listen";

/** The methods of operations that may ask their client for input. */
const ASKING_METHODS: readonly string[] = ["tools/call", "prompts/get", "resources/read"];

/** The known requests that are no operations. */
const OTHER_METHODS: readonly string[] = [DISCOVER, LISTEN, "tools/list"];

/** Maximum time that the answer to `server/discover` waits for what is remembered of servers, in milliseconds. */
const MAX_RECALL_MS = 50;

/** Maximum time that the start of servers waits for the answer to the first request, in milliseconds. */
const MAX_FIRST_ANSWER_MS = 500;

/** Options of a client. */
export interface StatelessClientOptions {
  /** Id of the client: servers that were started for it are its own. Over HTTP, the client is a credential. */
  readonly connectionId: string;
  /** Identifies the client in its state, over HTTP the same for all replicas; default: `connectionId`. */
  readonly clientKey?: string;
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** Returns the active context; called for each request. */
  readonly context: () => PipelineContext;
  /** The gateway's version. */
  readonly version: string;
  /** Log for warnings. */
  readonly log: Log;
  /** Returns the budget that the links count against which the client has received. */
  readonly memory: () => Budget;
  /** Sends a notification that belongs to a request. */
  readonly notify: NotifyOrDrop;
  /** Called once, when the client has sent a request that may need servers. */
  readonly onFirstRequest: (connection: ClientConnection) => void;
}

/** The parts that all clients of the revision share. */
interface SharedByClients {
  readonly codec: ClientCodec2026;
  readonly interactions: Interactions;
}

/**
 * A client of the revision without sessions: the program at the other end of a pipe, or over HTTP all programs with the
 * same credential. Requests are handled independently of each other; only what servers offer is kept between them.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic}
 */
export class StatelessClient {
  /** Id of the client, for the records. */
  readonly id: string;
  readonly #codec: ClientCodec2026;
  readonly #interactions: Interactions;
  readonly #options: StatelessClientOptions;
  readonly #offers: ClientOffers;
  readonly #streams: ListenStreams;
  #connection: ClientConnection | undefined;
  #unansweredCount = 0;
  #hasDiscovered = false;
  #isClosed = false;

  /**
   * Starts to serve the client.
   *
   * @param shared The codec, and the operations of all clients that may ask their clients for input.
   */
  constructor(shared: SharedByClients, options: StatelessClientOptions) {
    const { connectionId, memory, notify, log } = options;
    this.id = connectionId;
    this.#codec = shared.codec;
    this.#interactions = shared.interactions;
    this.#options = { ...options, notify: withoutReservedKeys(notify) };
    this.#offers = new ClientOffers({
      notify: (list) => {
        this.#streams.addChange(list);
        return true;
      },
      memory,
      log,
    });
    this.#streams = new ListenStreams({ ...options, codec: shared.codec, offers: this.#offers });
  }

  /** The connection of the first request that may need servers; `undefined` until then. */
  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  /** Whether operations wait for a further request of the client. */
  get isAwaited(): boolean {
    return this.#interactions.isAwaited(this.#clientKey);
  }

  /** Number of requests that are not answered yet. */
  get unansweredCount(): number {
    return this.#unansweredCount;
  }

  /**
   * Handles a request that claims to belong to the revision. Resolves when the request has ended, or its stream is open.
   *
   * @param request The request; its answer and its notifications go where it came from.
   */
  async handle(request: IncomingRequest): Promise<void> {
    if (request.signal.aborted) return;
    this.#unansweredCount++;
    try {
      await this.#dispatch(request);
    } finally {
      this.#unansweredCount--;
    }
  }

  /** Ends the operation that asked for input in the answer to a request, because the client cancels that request. */
  cancelAnswered(requestId: string, reason: string): void {
    this.#interactions.cancelRequest({ client: this.#clientKey, requestId }, reason);
  }

  /** Whether the client listens to updates of resources. */
  get hasSubscriptions(): boolean {
    return this.#streams.hasSubscriptions;
  }

  /** Ends the streams, and what runs in the background, when the client has left or the gateway ends. */
  end(): void {
    this.#isClosed = true;
    this.#offers.close();
    this.#streams.end();
    this.#interactions.endClient(this.#clientKey);
  }

  /** Notifies the client, if it listens, that a reload may have changed a list. */
  notifyListMayHaveChanged(list: ChangingList): void {
    this.#streams.addChange(list);
  }

  /** Notifies the client, if it listens, of a changed list of a server that it may use. */
  notifyServerListChanged(server: string, kind: ListKind): void {
    if (affectsClient({ server, kind }, this.#options.context())) {
      this.#streams.addChange(notifiedList(kind));
    }
  }

  /** Notifies the client, if it listens, of an update of a resource that it may read. */
  notifyUpdated(server: string, update: ResourceUpdate): void {
    const { uri } = update;
    if (mayRead({ server, uri }, this.#options.context())) this.#streams.notifyUpdated(update);
  }

  /** Adapts the subscriptions of the client to the active configuration, in the background. */
  adaptSubscriptions(): void {
    this.#streams.adapt();
  }

  #dispatch(request: IncomingRequest): Promise<void> {
    const { method } = request;
    const decode = this.#codec.decoderOf(method, this.#options.version);
    const isKnownMethod = decode !== undefined || OTHER_METHODS.includes(method);
    const claim = this.#codec.decodeClaim(request, { isKnownMethod });
    if ("code" in claim) return this.#refuse(request, claim);
    const done = decode === undefined
      ? this.#answerWithinLimits(request, claim)
      : this.#runOperation(request, { claim, decode });
    if (this.#connection === undefined && method !== DISCOVER) {
      this.#start(this.#connectionOf(claim), done);
    }
    return done;
  }

  /** Starts servers in the background, after the answer to the first request, unless that takes long. */
  #start(connection: ClientConnection, answered: Promise<void>): void {
    this.#connection = connection;
    void within(answered, MAX_FIRST_ANSWER_MS).then(() => {
      if (!this.#isClosed) this.#options.onFirstRequest(connection);
    });
  }

  /** Refuses an invalid request, which counts towards the limits. */
  async #refuse(request: IncomingRequest, error: RpcError): Promise<void> {
    if (!await this.#failByLimits(request)) request.refuse(error);
  }

  /** Answers a request that is no operation; it counts towards the limits, as a call does. */
  async #answerWithinLimits(request: IncomingRequest, claim: Claim): Promise<void> {
    if (await this.#failByLimits(request)) return;
    const connection = this.#connectionOf(claim);
    switch (request.method) {
      case DISCOVER:
        return await this.#discover(request, connection);
      case LISTEN:
        return await this.#listen(request, connection);
      default:
        return await this.#listTools(request, connection);
    }
  }

  /** Answers a request with an error if it exceeds a limit; returns whether it does. */
  async #failByLimits(request: IncomingRequest): Promise<boolean> {
    const { method } = request;
    const error = await this.#refuseByLimits(request);
    // The first description is given even beyond a limit, so that the client can learn of the limit.
    const isFirstDiscover = method === DISCOVER && !this.#hasDiscovered;
    if (method === DISCOVER) this.#hasDiscovered = true;
    if (error === undefined || isFirstDiscover) return false;
    const { message } = error;
    request.fail({ code: clientCodec2025.LIMIT_EXCEEDED, message, data: error });
    return true;
  }

  #refuseByLimits({ method, id }: IncomingRequest): Promise<ErrorBody | undefined> {
    const { connectionId, context } = this.#options;
    // Clients may send any method, and each name gets its own metrics.
    const name = OTHER_METHODS.includes(method) ? method : "unknown";
    const countedRequest = {
      name,
      requestId: JSON.parse(id),
      unansweredCount: this.#unansweredCount,
    };
    return refuseByLimits(countedRequest, { connectionId, context: context() });
  }

  async #discover(request: IncomingRequest, connection: ClientConnection): Promise<void> {
    const { context, version } = this.#options;
    const recalling = recallServers({ connection, context: context() });
    if (recalling !== undefined) await within(recalling, MAX_RECALL_MS);
    const introduction = introduce({ connection, context: context(), version });
    request.reply(this.#codec.encodeDiscover(introduction));
  }

  /** Opens a stream for the changes that the gateway's introduction announces. */
  async #listen(request: IncomingRequest, connection: ClientConnection): Promise<void> {
    const { canToolsChange, offered } = findOffers({
      connection,
      context: this.#options.context(),
    });
    const canChange = { ...offered, tools: canToolsChange };
    await this.#streams.open(request, {
      connection,
      changingLists: (["tools", "resources", "prompts"] as const).filter((list) => canChange[list]),
      unansweredCount: this.#unansweredCount,
    });
  }

  async #listTools(request: IncomingRequest, connection: ClientConnection): Promise<void> {
    const { tools, context, version } = this.#options;
    const { cursor } = clientCodec2025.fieldsOf(request.params);
    try {
      const shownTools = await listTools(cursor ?? undefined, {
        tools,
        connection,
        lists: this.#offers.lists,
        context: context(),
        onNoAgent: () => this.#offers.logMissingAgent(),
      });
      request.reply(this.#codec.encodeTools(shownTools, version));
    } catch (error) {
      const data = errorBodyOf(error);
      if (data === undefined) throw error;
      request.fail({ code: RPC_CODES.invalidParams, message: data.message, data });
    }
  }

  async #runOperation(
    request: IncomingRequest,
    { claim: { capabilities, logLevel }, decode }: {
      readonly claim: Claim;
      readonly decode: clientCodec2025.RequestDecoder;
    },
  ): Promise<void> {
    const { tools, connectionId, notify, memory } = this.#options;
    const context = this.#options.context();
    const channel = new RequestChannel({ request, logLevel, notify });
    const decodeOperation = (notifyProgress: clientCodec2025.DecodingContext["notifyProgress"]) =>
      decode(request, {
        ...callableTools(tools, context),
        capabilities,
        unansweredCount: this.#unansweredCount,
        notifyProgress,
      });
    const optionsOf = (operationChannel: ClientChannel) => ({
      connection: { connectionId, capabilities, channel: operationChannel },
      offers: this.#offers,
      context,
    });
    const notifyProgress = (params: Readonly<Record<string, unknown>>): void => {
      notify("notifications/progress", params, request);
    };
    const answer = ASKING_METHODS.includes(request.method)
      ? await this.#interactions.answer({
        request,
        attached: this.#attachedOf(request, { capabilities, channel }),
        client: this.#clientKey,
        connectionId,
        memory: memory(),
        codec: this.#codec,
        decode: decodeOperation,
        run: (operation, interaction) => runOperation(operation, optionsOf(interaction)),
        decideAgain: (operation, interaction) => decideAgain(operation, optionsOf(interaction)),
      })
      : await runOperation(decodeOperation(notifyProgress), optionsOf(channel));
    channel.end();
    if (answer.kind === "result") request.reply(answer.result);
    else if (answer.kind === "error") request.fail(answer.error);
  }

  #attachedOf(
    request: IncomingRequest,
    { capabilities, channel }: Pick<Claim, "capabilities"> & { readonly channel: RequestChannel },
  ): AttachedRequest {
    const { fieldsOf, progressTokenOf } = this.#codec;
    const progressToken = progressTokenOf(fieldsOf(request.params)._meta);
    return {
      id: request.id,
      capabilities,
      logLevel: channel.logLevel(),
      signal: request.signal,
      notifyLog: (params) => channel.log(params),
      notifyProgress: (params) => {
        if (progressToken === undefined) return;
        this.#options.notify("notifications/progress", { ...params, progressToken }, request);
      },
    };
  }

  get #clientKey(): string {
    return this.#options.clientKey ?? this.id;
  }

  #connectionOf({ capabilities }: Claim): ClientConnection {
    const { connectionId, notify } = this.#options;
    const channel = new RequestChannel({ request: undefined, logLevel: undefined, notify });
    return { connectionId, capabilities, channel };
  }
}
