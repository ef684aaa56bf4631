import type { Budget } from "../../budget.ts";
import { DownstreamError } from "../../errors.ts";
import {
  AnswerTooLong,
  type Channel,
  type ChannelHandler,
  QUEUED_MESSAGE_LENGTH,
  QueueLimit,
  readIdAndMethod,
  type ReadThrottle,
  textAt,
} from "../../jsonrpc/mod.ts";
import { within } from "../../within.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { describeNewerRevision, roleOf } from "../revisions/mod.ts";
import type { OutgoingMessage, RemoteClient, RemoteClientListener } from "./remote_client.ts";
import type { IncomingText } from "./sse_parser.ts";

/** Maximum time for aborted requests to settle, in milliseconds. */
const SETTLE_TIMEOUT_MS = 500;

/** Maximum time that a notification delays the messages after it, in milliseconds. */
const MAX_ORDER_WAIT_MS = 5000;

/** Maximum number of messages from the queue that are being sent at a time. */
const MAX_SENDERS = 16;

/**
 * Duration of a sleep of the machine, in milliseconds, after which no answer arrives any more on a connection that was
 * open before. A server resends unacknowledged data for a few minutes only.
 */
const LOST_AFTER_MS = 300_000;

/** Time for a part of the response to arrive after such a sleep, in milliseconds. */
const SIGN_OF_LIFE_MS = 3000;

/**
 * Statuses with which a server that knows only the older transport may answer the first message.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility}
 */
const FALLBACK_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/** Options of a channel. */
export interface RemoteChannelOptions {
  /** Creates the client that sends the first message. */
  readonly createClient: (listener: RemoteClientListener) => RemoteClient;
  /** Creates the client of the older transport, for a server whose entry does not name its transport. */
  readonly createFallback: ((listener: RemoteClientListener) => RemoteClient) | undefined;
  /** The throttles of the streams that are being read. */
  readonly throttles: ReadonlySet<ReadThrottle>;
  /** The budget that the messages in the queue count against; default: no limit. */
  readonly memory?: Budget | undefined;
  /** Maximum duration of a POST for which no caller waits any more, in milliseconds. */
  readonly sendTimeoutMs: number;
  /** Receives the failure of a message for which no caller waits. */
  readonly onSendFailed: (cause: unknown) => void;
}

/** A message as the channel sends it. */
type MessageToSend = Omit<OutgoingMessage, "onResponsePart">;

/** A message in the queue, for which no caller waits: a notification, an answer, or a cancellation. */
interface QueuedSend {
  readonly message: MessageToSend;
  /** The notification that must be sent before the message. */
  readonly earlier: Promise<unknown>;
  /** The length that counts against the limits of the queue. */
  readonly length: number;
  /** Called when the message has been sent or dropped. */
  readonly onSettled: (() => void) | undefined;
}

/** A request whose HTTP response is pending. */
interface PendingRequest {
  readonly controller: AbortController;
  /** Whether it belongs to no session. */
  readonly isStateless: boolean;
  /** Whether a part of the response has arrived since it was sent, or since the machine has slept. */
  isResponding: boolean;
}

/**
 * The channel to a remote server, where each request has its own response. Requests are sent immediately. All other
 * messages are sent from a queue, because the server can cause any number of them and answer none of their POSTs.
 */
export class RemoteChannel implements Channel {
  readonly #options: RemoteChannelOptions;
  // The requests whose HTTP responses are pending, by their ids.
  readonly #requests = new Map<string, PendingRequest>();
  // The controllers of all messages whose HTTP responses are pending, including requests.
  readonly #controllers = new Set<AbortController>();
  // When requests were answered whose own HTTP responses have not ended, oldest first. An entry stays only if the
  // answer came on another stream.
  readonly #answeredAt = new Map<AbortController, number>();
  // The requests that are being sent, until their HTTP responses have ended.
  readonly #requestSends = new Set<Promise<void>>();
  readonly #queueLimit: QueueLimit;
  // A set, because removing the first element of a long array takes time in proportion to its length.
  readonly #queue = new Set<QueuedSend>();
  // The loops that send the messages of the queue. `flush` does not wait for requests, which may take long.
  readonly #senders = new Set<Promise<void>>();
  // Not the size of `#senders`, where a loop that has ended stays for a moment: a message that is queued in that moment
  // could stay in the queue.
  #runningSenderCount = 0;
  readonly #listener: RemoteClientListener;
  #queuedLength = 0;
  #client: RemoteClient;
  #handler: ChannelHandler | undefined;
  #lastNotification: Promise<unknown> = Promise.resolve();
  #failure: RemoteFailure | undefined;
  #hasSentInitialize = false;
  #signOfLifeTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /**
   * Creates a channel that connects with the first message.
   *
   * @param options Options of the channel.
   */
  constructor(options: RemoteChannelOptions) {
    this.#options = options;
    this.#queueLimit = new QueueLimit(options.memory);
    this.#listener = {
      onMessage: (data) => this.#receive(data),
      onLost: (failure) => this.#lose(failure),
    };
    this.#client = options.createClient(this.#listener);
  }

  /** The failure that ended the session; `undefined` if there was none. */
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

  send(text: string, _memory?: Budget, headers?: Readonly<Record<string, string>>): void {
    if (this.#isClosed) return;
    const { id: messageId, method } = readIdAndMethod(text);
    // A message without a method is an answer, whose id belongs to a request of the server.
    const id = method === undefined ? undefined : messageId;
    const role = roleOf(method);
    if (role === "open") this.#hasSentInitialize = true;
    if (role === "cancel" && this.#cancel(text)) return;
    // Without a session, a server receives nothing but requests.
    if (id === undefined && !this.#hasSentInitialize) return;
    const message = { text, id, role, headers };
    // Messages are sent concurrently, but a request must not overtake an earlier notification, such as
    // the one that completes the handshake.
    const earlier = this.#lastNotification;
    if (id !== undefined && role !== "cancel") {
      this.#abortAnswered();
      const sending = this.#send(message, earlier).finally(() => {
        this.#requestSends.delete(sending);
      });
      this.#requestSends.add(sending);
      return;
    }
    const length = text.length + QUEUED_MESSAGE_LENGTH;
    if (method === undefined || role === "cancel") {
      return this.#enqueue({ message, earlier, length, onSettled: undefined });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastNotification = within(promise, MAX_ORDER_WAIT_MS);
    this.#enqueue({ message, earlier, length, onSettled: resolve });
  }

  requestAnswered(id: string): void {
    const controller = this.#requests.get(id)?.controller;
    if (controller !== undefined) this.#answeredAt.set(controller, performance.now());
  }

  hasRoom(length: number): boolean {
    return this.#queueLimit.hasRoom(this.#queuedLength, length);
  }

  throttle(ms: number): void {
    for (const throttle of this.#options.throttles) throttle.throttle(ms);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#senders);
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  /** Notes that the machine has slept: what has arrived until now shows nothing about the connections. */
  noteSleep(): void {
    for (const request of this.#requests.values()) request.isResponding = false;
  }

  /** Goes on after the machine has slept: reopens the streams, and fails requests whose answers were lost. */
  resume(sleptMs: number): void {
    this.#client.reopenStreams();
    if (sleptMs < LOST_AFTER_MS) return;
    const requests = [...this.#requests];
    clearTimeout(this.#signOfLifeTimer);
    this.#signOfLifeTimer = setTimeout(() => {
      for (const [id, request] of requests) {
        if (request.isResponding || this.#requests.get(id) !== request) continue;
        const message = "its answer was lost while this machine slept; the call may have been " +
          "carried out, so find out before you repeat it";
        this.#fail(id, new RemoteFailure(message, { reach: "maybe", problem: "closed" }));
        request.controller.abort();
      }
    }, SIGN_OF_LIFE_MS);
  }

  /** Ends the session, because the server does not answer. */
  endAsLost(reason: string): void {
    this.#lose(new RemoteFailure(reason, { reach: "maybe", endsSession: true }));
  }

  /** Sets headers that are sent with every later request. */
  setHeaders(headers: Readonly<Record<string, string>>): void {
    this.#client.setHeaders(headers);
  }

  /**
   * Aborts the pending requests, and ends the session at the server.
   *
   * @param withinMs Maximum time for the server to respond, in milliseconds.
   */
  async endSession(withinMs: number): Promise<void> {
    if (!this.#isClosed) {
      const startedAt = performance.now();
      for (const { controller } of this.#requests.values()) controller.abort();
      await within(this.flush(), withinMs);
      await this.#client.endSession(Math.max(0, withinMs - (performance.now() - startedAt)));
      this.#end();
    }
    await within(Promise.all([...this.#requestSends, ...this.#senders]), SETTLE_TIMEOUT_MS);
  }

  #enqueue(queued: QueuedSend): void {
    if (this.#queueLimit.isExceeded(this.#queuedLength)) {
      const message = "it does not take the messages that are sent to it";
      return this.#lose(new RemoteFailure(message, { reach: "maybe", endsSession: true }));
    }
    this.#queue.add(queued);
    this.#addQueuedLength(queued.length);
    if (this.#runningSenderCount === MAX_SENDERS) return;
    const sender = this.#sendQueue().finally(() => this.#senders.delete(sender));
    this.#senders.add(sender);
  }

  async #sendQueue(): Promise<void> {
    const { sendTimeoutMs, onSendFailed } = this.#options;
    this.#runningSenderCount++;
    for (const queued of this.#queue) {
      this.#queue.delete(queued);
      const controller = new AbortController();
      const timer = setTimeout(() => {
        controller.abort();
        onSendFailed(new Error(`it did not take the message within ${sendTimeoutMs} ms`));
      }, sendTimeoutMs);
      await this.#send(queued.message, queued.earlier, controller);
      clearTimeout(timer);
      this.#addQueuedLength(-queued.length);
      queued.onSettled?.();
    }
    this.#runningSenderCount--;
  }

  /** Aborts requests that the server has answered on another stream, and whose own responses never arrived. */
  #abortAnswered(): void {
    const oldestTime = performance.now() - this.#options.sendTimeoutMs;
    for (const [controller, answeredAt] of this.#answeredAt) {
      if (answeredAt > oldestTime) return;
      controller.abort();
      this.#answeredAt.delete(controller);
    }
  }

  #addQueuedLength(change: number): void {
    this.#queuedLength += change;
    this.#options.memory?.add(change);
  }

  async #send(
    message: MessageToSend,
    earlier: Promise<unknown>,
    controller: AbortController = new AbortController(),
  ): Promise<void> {
    const { id } = message;
    this.#controllers.add(controller);
    const isStateless = message.headers !== undefined;
    const request: PendingRequest = { controller, isStateless, isResponding: false };
    if (id !== undefined) this.#requests.set(id, request);
    const onResponsePart = (): void => void (request.isResponding = true);
    const { signal } = controller;
    try {
      await earlier;
      signal.throwIfAborted();
      const explain = await this.#sendOrFallBack({ ...message, onResponsePart }, signal);
      if (explain !== undefined && id !== undefined) this.#handler?.requestEnded?.(id, explain);
    } catch (cause) {
      if (!signal.aborted && !this.#isClosed) this.#fail(id, cause);
    } finally {
      this.#controllers.delete(controller);
      this.#answeredAt.delete(controller);
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
      const mayBeSseServer = cause instanceof RemoteFailure &&
        FALLBACK_STATUSES.has(cause.status) &&
        (cause.rpcError === undefined || describeNewerRevision(cause.rpcError) === undefined);
      if (message.role !== "open" || createFallback === undefined || !mayBeSseServer) throw cause;
      this.#client.close();
      this.#client = createFallback(this.#listener);
      return await this.#client.send(message, signal).catch((fallbackCause) => {
        throw fallbackCause instanceof RemoteFailure
          ? combineRefusals(cause, fallbackCause)
          : fallbackCause;
      });
    }
  }

  #fail(id: string | undefined, cause: unknown): void {
    const isExplained = cause instanceof RemoteFailure || cause instanceof DownstreamError ||
      cause instanceof AnswerTooLong;
    const failure = isExplained
      ? cause
      : new RemoteFailure("it did not answer as MCP requires", { reach: "maybe", cause });
    const endsSession = failure instanceof RemoteFailure && failure.endsSession;
    if (id === undefined) this.#options.onSendFailed(failure);
    // The end of the session fails every request. A request that never reached the server fails first, with
    // its own cause, which shows that the request may be sent again.
    else if (!endsSession || failure.reach === "never") this.#handler?.requestEnded?.(id, failure);
    if (endsSession) this.#lose(failure);
  }

  /** Aborts the request that a message cancels; returns whether the abort alone informs the server. */
  #cancel(text: string): boolean {
    const id = textAt(text, "params", "requestId");
    if (id === undefined) return false;
    const request = this.#requests.get(id);
    request?.controller.abort();
    return request?.isStateless === true;
  }

  #receive(data: IncomingText): Promise<void> | void {
    if (this.#isClosed) return;
    return "reason" in data
      ? this.#handler?.dropped(data)
      : this.#handler?.message(data.text, data.bytes);
  }

  #lose(failure: RemoteFailure): void {
    if (this.#isClosed) return;
    this.#failure = failure;
    this.#end(failure);
  }

  #end(cause?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#signOfLifeTimer);
    this.#client.close();
    for (const controller of this.#controllers) controller.abort();
    for (const queued of this.#queue) {
      const { length, onSettled } = queued;
      this.#queue.delete(queued);
      this.#addQueuedLength(-length);
      onSettled?.();
    }
    this.#handler?.closed(cause);
  }
}

/** Describes the failure of a server that refused the first message and offers no older transport either. */
function combineRefusals(first: RemoteFailure, second: RemoteFailure): RemoteFailure {
  const message = first.message === second.message
    ? first.message
    : `${first.message}; and to GET, for the older SSE transport, ${second.message}`;
  const { reach, endsSession } = second;
  const { problem, status } = second.problem === "web-page" ? second : first;
  return new RemoteFailure(message, { reach, endsSession, problem, status, cause: second });
}
