import { DownstreamError } from "../../errors.ts";
import {
  AnswerTooLong,
  type Channel,
  type ChannelHandler,
  readIdAndMethod,
  type ReadThrottle,
  textAt,
} from "../../jsonrpc/mod.ts";
import { within } from "../../within.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { describeNewerRevision, phaseOf } from "../revisions/mod.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientListener } from "./remote_client.ts";
import type { SseData } from "./sse_parser.ts";

/** Maximum time for aborted requests to settle, in milliseconds. */
const SETTLE_MS = 500;

/** Maximum time that a notification may delay what is sent after it, in milliseconds. */
const ORDER_MS = 5000;

/**
 * The statuses for the first message by which a server may say that it knows only the older transport.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility}
 */
const FALLBACK_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/** Options of a channel. */
export interface RemoteChannelOptions {
  /** Creates the client to begin with. */
  readonly createClient: (listener: RemoteClientListener) => RemoteClient;
  /** Creates the client of the older transport, for a server whose entry does not name its transport. */
  readonly createFallback: ((listener: RemoteClientListener) => RemoteClient) | undefined;
  /** The loops that are reading now; each can be asked to pause. */
  readonly turns: ReadonlySet<ReadThrottle>;
  /** Gets the failure of a message for which nobody waits. */
  readonly onTrouble: (cause: unknown) => void;
}

/** Messages to and from a remote server, where each request has a response of its own. */
export class RemoteChannel implements Channel {
  readonly #options: RemoteChannelOptions;
  readonly #requests = new Map<string, AbortController>();
  readonly #controllers = new Set<AbortController>();
  readonly #sending = new Set<Promise<void>>();
  // Those of them that are no requests: a request may take long.
  readonly #notifying = new Set<Promise<void>>();
  readonly #listener: RemoteClientListener;
  #client: RemoteClient;
  #handler: ChannelHandler | undefined;
  #inOrder: Promise<unknown> = Promise.resolve();
  #failure: RemoteFailure | undefined;
  #isOver = false;

  /**
   * Opens nothing before the first message.
   *
   * @param options How the channel is created.
   */
  constructor(options: RemoteChannelOptions) {
    this.#options = options;
    this.#listener = {
      onMessage: (data) => this.#receive(data),
      onLost: (failure) => this.#lose(failure),
    };
    this.#client = options.createClient(this.#listener);
  }

  /** Why the session was lost. */
  get failure(): RemoteFailure | undefined {
    return this.#failure;
  }

  /** Whether the server keeps a session under an id, which it may forget. */
  get hasSessionId(): boolean {
    return this.#client.hasSessionId;
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  send(text: string): void {
    if (this.#isOver) return;
    const { id: ownId, method } = readIdAndMethod(text);
    const id = method === undefined ? undefined : ownId;
    const phase = phaseOf(method);
    if (phase === "cancel") this.#cancel(text);
    const sending = this.#send({ text, id, phase }).finally(() => {
      this.#sending.delete(sending);
      this.#notifying.delete(sending);
    });
    this.#sending.add(sending);
    if (id === undefined) this.#notifying.add(sending);
    // Messages travel in parallel, but no request may overtake the notification that ends the opening.
    if (id === undefined && method !== undefined && phase !== "cancel") {
      this.#inOrder = within(sending, ORDER_MS);
    }
  }

  throttle(ms: number): void {
    for (const turn of this.#options.turns) turn.throttle(ms);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#notifying);
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  /** Sets headers that are sent with every later request. */
  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#client.setHeaders(headers);
  }

  /**
   * Ends the session in an orderly way.
   *
   * @param withinMs How long the server may take.
   */
  async leave(withinMs: number): Promise<void> {
    if (!this.#isOver) {
      const started = performance.now();
      for (const request of this.#requests.values()) request.abort();
      await within(this.flush(), withinMs);
      await this.#client.leave(Math.max(0, withinMs - (performance.now() - started)));
      this.#end();
    }
    await within(Promise.all(this.#sending), SETTLE_MS);
  }

  async #send(message: OutgoingMessage): Promise<void> {
    const { id } = message;
    const controller = new AbortController();
    this.#controllers.add(controller);
    if (id !== undefined) this.#requests.set(id, controller);
    const { signal } = controller;
    try {
      await this.#inOrder;
      signal.throwIfAborted();
      const explain = await this.#sendOrFallBack(message, signal);
      if (explain !== undefined && id !== undefined) this.#handler?.unanswered?.(id, explain);
    } catch (cause) {
      if (!signal.aborted && !this.#isOver) this.#fail(id, cause);
    } finally {
      this.#controllers.delete(controller);
      if (id !== undefined) this.#requests.delete(id);
    }
  }

  async #sendOrFallBack(
    message: OutgoingMessage,
    signal: AbortSignal,
  ): Promise<(() => RemoteFailure) | undefined> {
    const { createFallback } = this.#options;
    try {
      return await this.#client.send(message, signal);
    } catch (cause) {
      const isOlder = cause instanceof RemoteFailure && FALLBACK_STATUSES.has(cause.status) &&
        (cause.rpc === undefined || describeNewerRevision(cause.rpc) === undefined);
      if (message.phase !== "open" || createFallback === undefined || !isOlder) throw cause;
      this.#client.close();
      this.#client = createFallback(this.#listener);
      return await this.#client.send(message, signal).catch((other) => {
        throw other instanceof RemoteFailure ? bothRefused(cause, other) : other;
      });
    }
  }

  #fail(id: string | undefined, cause: unknown): void {
    const isKnown = cause instanceof RemoteFailure || cause instanceof DownstreamError ||
      cause instanceof AnswerTooLong;
    const failure = isKnown
      ? cause
      : new RemoteFailure("it did not answer as MCP has it", { reach: "maybe", cause });
    const endsSession = failure instanceof RemoteFailure && failure.endsSession;
    if (id === undefined) this.#options.onTrouble(failure);
    // The end of the session rejects every request; this one never reached the server, which says more.
    else if (!endsSession || failure.reach === "never") this.#handler?.unanswered?.(id, failure);
    if (endsSession) this.#lose(failure);
  }

  #cancel(text: string): void {
    const id = textAt(text, "params", "requestId");
    if (id !== undefined) this.#requests.get(id)?.abort();
  }

  #receive(data: SseData): void {
    if (this.#isOver) return;
    if ("reason" in data) this.#handler?.dropped(data);
    else this.#handler?.message(data.text, data.bytes);
  }

  #lose(failure: RemoteFailure): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#end(failure);
  }

  #end(cause?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#client.close();
    for (const controller of this.#controllers) controller.abort();
    this.#handler?.closed(cause);
  }
}

/** The failure of a server that refused the first message and offers no older transport either. */
function bothRefused(first: RemoteFailure, second: RemoteFailure): RemoteFailure {
  const message = first.message === second.message
    ? first.message
    : `${first.message}; and to GET, for the older SSE transport, ${second.message}`;
  const { reach, endsSession } = second;
  const { problem, status } = second.problem === "web-page" ? second : first;
  const options = { reach, endsSession, problem, cause: second };
  return new RemoteFailure(message, status === undefined ? options : { ...options, status });
}
