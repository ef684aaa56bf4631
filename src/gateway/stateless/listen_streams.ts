import type { Budget } from "../../budget.ts";
import { type ClientConnection, isPartOf, type ResourceUpdate } from "../../downstream/mod.ts";
import {
  Cancellation,
  type IncomingRequest,
  JsonText,
  serializeNotification,
} from "../../jsonrpc/mod.ts";
import { NO_SPAN } from "../../trace.ts";
import { within } from "../../within.ts";
import { createErrorBody } from "../error_body.ts";
import { connectionAgent } from "../identification.ts";
import { adaptSubscriptions } from "../offer_changes.ts";
import { type ChangingList, type ClientOffers, ListChanges } from "../offered/mod.ts";
import { runOperation } from "../pipeline.ts";
import type { PipelineContext } from "../pipeline_context.ts";
import { clientCodec2025, type ClientCodec2026 } from "../revisions/mod.ts";
import type { NotifyOrDrop } from "./request_channel.ts";

/** Maximum number of open streams of a client. */
const MAX_STREAMS = 64;

/** Number of subscriptions of a stream that are made at the same time. */
const SIMULTANEOUS_SUBSCRIPTIONS = 4;

/** Maximum time that the first message of a stream waits for its subscriptions, in milliseconds. */
const MAX_SUBSCRIBING_MS = 10_000;

/** Options of the streams of a client. */
export interface ListenStreamsOptions {
  /** The codec. */
  readonly codec: ClientCodec2026;
  /** The subscriptions and lists of the client. */
  readonly offers: ClientOffers;
  /** Returns the active context. */
  readonly context: () => PipelineContext;
  /** The gateway's version. */
  readonly version: string;
  /** Returns the budget that the requests count against while their streams are open. */
  readonly memory: () => Budget;
  /** Sends the update of a resource, or drops it while the client does not read. */
  readonly notify: NotifyOrDrop;
}

/** The client of a stream, and what it may listen to. */
export interface OpenStreamOptions {
  /** The client's connection. */
  readonly connection: ClientConnection;
  /** The lists that can change. */
  readonly changingLists: readonly ChangingList[];
  /** Number of the client's unanswered requests. */
  readonly unansweredCount: number;
}

/** A stream that a client has opened. */
interface Stream extends Pick<OpenStreamOptions, "connection" | "unansweredCount"> {
  readonly request: IncomingRequest;
  /** The client's agent when it opened the stream. */
  readonly agent: string | undefined;
  /** Notifies the client of changes of its lists. */
  readonly changes: ListChanges;
  /** The resources to which the stream subscribes or has subscribed. */
  readonly uris: Set<string>;
  /** Number of resources to which the client wanted to subscribe. */
  readonly wantedCount: number;
  /** Aborts its subscribing. */
  readonly subscribing: Cancellation;
  /** Called when the stream ends. */
  readonly release: () => void;
  /** Whether the first message has been sent, so that others may follow. */
  isOpen: boolean;
}

/**
 * The streams with which one client listens to changes. Over HTTP, the client is all programs with the same credential,
 * so that a resource may have several streams.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions}
 */
export class ListenStreams {
  readonly #options: ListenStreamsOptions;
  readonly #streams = new Set<Stream>();
  // The subscriptions whose end the server has not confirmed yet, by URI.
  readonly #ending = new Map<string, Promise<unknown>>();

  /** Starts without a stream. */
  constructor(options: ListenStreamsOptions) {
    this.#options = options;
  }

  /** Whether a stream has subscribed to a resource. */
  get hasSubscriptions(): boolean {
    return this.#streams.values().some(({ uris }) => uris.size > 0);
  }

  /** Opens a stream. Resolves when its first message has been sent, or it was refused. */
  async open(request: IncomingRequest, options: OpenStreamOptions): Promise<void> {
    const { codec, context, offers } = this.#options;
    const wantedChanges = codec.decodeListen(request.params);
    if ("code" in wantedChanges) return request.fail(wantedChanges);
    const stream = this.#add(request, { ...options, uriCount: wantedChanges.uris.length });
    if (stream === undefined) return;
    await this.#subscribeAll(stream, wantedChanges.uris);
    if (!this.#streams.has(stream)) return;
    const lists = wantedChanges.lists.filter((list) => options.changingLists.includes(list));
    const uris = [...stream.uris];
    const acknowledged = codec.encodeAcknowledged(request, { lists, uris });
    request.notify(serializeNotification("notifications/subscriptions/acknowledged", acknowledged));
    stream.isOpen = true;
    for (const list of lists) {
      stream.changes.noteRequested(list);
      offers.changes.noteRequested(list);
    }
    // On a pipe, an open stream costs nothing; over HTTP, it would keep a connection for no message.
    const isIdle = lists.length === 0 && uris.length === 0;
    if (isIdle && context().transport !== "stdio") this.#end(stream);
  }

  /** Notifies the client soon of a changed list, on the streams that listen to it. */
  addChange(list: ChangingList): void {
    for (const { changes } of this.#streams) changes.addChange(list);
  }

  /** Notifies the client of an update of a resource that it may read. */
  notifyUpdated({ uri, params }: ResourceUpdate): void {
    const { codec, notify } = this.#options;
    for (const { request, uris, isOpen } of this.#streams) {
      if (!isOpen || !uris.values().some((subscribed) => isPartOf(uri, subscribed))) continue;
      notify("notifications/resources/updated", codec.encodeUpdated(request, params), request);
    }
  }

  /** Adapts the streams to the active configuration; they end if the client's agent is gone. */
  adapt(): void {
    const { offers, context } = this.#options;
    const [stream] = this.#streams;
    if (stream === undefined) return;
    if (connectionAgent(context()) === undefined) return this.end();
    adaptSubscriptions(offers.subscriptions, {
      connection: stream.connection,
      context: context(),
      onUpdated: (uri) => {
        this.notifyUpdated({ uri, params: new JsonText(JSON.stringify({ uri })) });
      },
    });
  }

  /** Ends all streams with their results. */
  end(): void {
    for (const stream of [...this.#streams]) this.#end(stream);
  }

  /** Adds a stream; refuses it if the client has too many, or its memory is full. */
  #add(
    request: IncomingRequest,
    { connection, unansweredCount, uriCount }: OpenStreamOptions & { readonly uriCount: number },
  ): Stream | undefined {
    const { memory: memoryOf, codec, context } = this.#options;
    const { memory: bytes } = request;
    const memory = memoryOf();
    // Each update of a resource is compared with the URIs of all streams, so their number is limited.
    const uriCounts = [...this.#streams].map(({ wantedCount }) => wantedCount);
    const isFull = uriCounts.reduce((sum, count) => sum + count, uriCount) > codec.MAX_URIS;
    if (this.#streams.size >= MAX_STREAMS || isFull || !memory.hasRoom(bytes)) {
      const message =
        "The client has too many streams of subscriptions/listen, or resources in them; end another first";
      const data = createErrorBody("RATE_LIMITED", message);
      request.fail({ code: clientCodec2025.LIMIT_EXCEEDED, message, data });
      return undefined;
    }
    memory.add(bytes);
    const stream: Stream = {
      request,
      connection,
      unansweredCount,
      agent: connectionAgent(context()),
      changes: new ListChanges((list) => {
        if (request.hasSlowReader) return false;
        const params = codec.encodeListChanged(request);
        request.notify(serializeNotification(`notifications/${list}/list_changed`, params));
        return true;
      }),
      uris: new Set(),
      wantedCount: uriCount,
      subscribing: new Cancellation(),
      release: () => memory.add(-bytes),
      isOpen: false,
    };
    this.#streams.add(stream);
    request.signal.addEventListener("abort", () => this.#remove(stream));
    return stream;
  }

  /** Subscribes to resources, as far as the agent may read them and their servers answer in time. */
  async #subscribeAll(stream: Stream, uris: readonly string[]): Promise<void> {
    const waiting = [...uris];
    const subscribeNext = async (): Promise<void> => {
      while (!stream.subscribing.aborted) {
        const uri = waiting.shift();
        if (uri === undefined) return;
        await this.#subscribe(stream, uri);
      }
    };
    const workers = Array.from({ length: SIMULTANEOUS_SUBSCRIPTIONS }, subscribeNext);
    const done = Promise.all(workers);
    if (uris.length === 0 || await within(done, MAX_SUBSCRIBING_MS)) return;
    stream.subscribing.cancel("The client waits for the first message of its stream");
    await done;
  }

  async #subscribe(stream: Stream, uri: string): Promise<void> {
    const { codec, offers, context } = this.#options;
    const { request, connection, unansweredCount, subscribing, uris } = stream;
    uris.add(uri);
    // A server must not receive the end of an earlier subscription after this one.
    const ending = this.#ending.get(uri);
    if (ending !== undefined) await within(ending, MAX_SUBSCRIBING_MS);
    const operation = codec.subscriptionFor(request, { uri, unansweredCount, signal: subscribing });
    const { isSubscribed } = await runOperation(operation, {
      connection,
      offers,
      context: context(),
    });
    if (!isSubscribed) uris.delete(uri);
    else if (!this.#streams.has(stream)) this.#unsubscribe(stream, uri);
  }

  /** Ends a subscription in the background, unless another stream has it. */
  #unsubscribe({ connection, agent }: Stream, uri: string): void {
    if (agent === undefined || this.#streams.values().some(({ uris }) => uris.has(uri))) return;
    const call = { uri, span: NO_SPAN, signal: new Cancellation() };
    const ending = this.#options.offers.subscriptions.remove(call, { ...connection, agent })
      .catch(() => {
        // The server is not available, or it fails to end the subscription: its updates are dropped.
      })
      .finally(() => {
        if (this.#ending.get(uri) === ending) this.#ending.delete(uri);
      });
    this.#ending.set(uri, ending);
  }

  #end(stream: Stream): void {
    const { codec, version } = this.#options;
    this.#remove(stream);
    stream.request.reply(codec.encodeListenEnd(stream.request, version));
  }

  #remove(stream: Stream): void {
    if (!this.#streams.delete(stream)) return;
    stream.changes.close();
    stream.release();
    stream.subscribing.cancel("The stream has ended");
    for (const uri of stream.uris) this.#unsubscribe(stream, uri);
  }
}
