import type { Budget } from "../budget.ts";
import { longWork, partyOf } from "../long_work.ts";
import { startOfText } from "../text.ts";
import { BatchWriter, estimateBatchBytes, NO_BATCHES, NO_ROOM_FOR_BATCH } from "./batch.ts";
import type { Channel, ResponseWriter } from "./channel.ts";
import { hashId, IdTable } from "./id_table.ts";
import { IncomingRequest, type RequestOrigin } from "./incoming.ts";
import {
  type IdText,
  type InvalidMessage,
  JsonText,
  type Message,
  type Payload,
  readId,
  RPC_CODES,
  serializeError,
  serializeNotification,
} from "./message.ts";
import { OutgoingRequests, type RequestOptions } from "./outgoing.ts";
import { parseAndHandle } from "./long_message.ts";
import { readDropped, type ReceivedText } from "./parse.ts";
import { AnswerTooLong, ChannelClosed, type Reply, Result } from "./reply.ts";

/** Maximum length of the excerpt of an unexpected message, in UTF-16 code units. */
const EXCERPT_LENGTH = 200;

/** Queued UTF-16 code units above which the other side counts as a slow reader. */
const SLOW_READER_LENGTH = 8 * 1024 * 1024;

/**
 * Queued UTF-16 code units above which an answer is replaced by an error: the other side has sent many requests
 * whose answers it does not read.
 */
const MAX_UNREAD_LENGTH = 128 * 1024 * 1024;

const UNREAD_ERROR = {
  code: RPC_CODES.internalError,
  message: "The answer does not fit: earlier answers have not been read",
};

/**
 * Handles the messages that a peer receives. If a method throws or rejects, the peer reports that to
 * `unexpected`, answers a request with an internal error, and continues.
 */
export interface PeerHandler {
  /**
   * Whether invalid messages are answered with an error, as a server does. A client must not answer a line
   * that a server prints by mistake. Default: no.
   */
  readonly answersInvalidMessages?: boolean;
  /** Id of the first request to the other side; default: 1. */
  readonly firstRequestId?: number | undefined;
  /** Whether the revision of the connection has batches; otherwise they are invalid. Default: yes. */
  acceptsBatches?(): boolean;
  /**
   * Returns the budget that a long message counts against until it is parsed, a batch until its messages are
   * dispatched, and an answer while it waits for the rest of its batch. Default: none.
   */
  memory?(): Budget | undefined;
  /** Handles a request, which may be answered now or later. */
  request(request: IncomingRequest): void | Promise<void>;
  /** Handles a notification, except for cancellation and progress, which the peer handles; `text` is the message. */
  notification(method: string, params: unknown, text: string): void | Promise<void>;
  /** Receives the cancellation of a request that is not pending, because it has been answered. Default: ignores it. */
  lateCancellation?(id: IdText, reason: string): void;
  /** Receives the answer to a cancelled request. MCP allows such late answers. Default: ignores it. */
  lateAnswer?(excerpt: string): void;
  /**
   * Receives an invalid message, an answer to no request, or the failure of a handler, for the log.
   *
   * @param excerpt The beginning of the message.
   * @param length The length of the message in bytes, or in UTF-16 code units if the bytes are not known.
   */
  unexpected(description: string, excerpt: string, length: number): void;
  /**
   * Called when the other side has stopped sending, and the pending requests to it have been rejected. The
   * other side may still receive answers to its own requests until `cancelIncoming` cancels them.
   */
  closed(cause?: Error): void;
}

/**
 * One side of a JSON-RPC connection. It sends requests and matches the answers to them, and passes the
 * requests of the other side to its handler. It handles only two methods itself: cancellation and progress
 * of MCP. Any number of requests may be pending in both directions; none waits for another.
 *
 * @see {@link https://www.jsonrpc.org/specification}
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation}
 */
export class Peer {
  readonly #channel: Channel;
  readonly #handler: PeerHandler;
  readonly #answersInvalidMessages: boolean;
  // Sends replies on channels that do not reply to each message separately.
  readonly #defaultWriter: ResponseWriter;
  readonly #outgoing: OutgoingRequests;
  readonly #incoming = new IdTable<IdText, IncomingRequest>(hashId);
  #endError: Error | undefined;
  #onAnswered: (() => void)[] = [];

  /** Creates a peer, which opens the channel. */
  constructor(channel: Channel, handler: PeerHandler) {
    this.#channel = channel;
    this.#handler = handler;
    this.#answersInvalidMessages = handler.answersInvalidMessages ?? false;
    const send = (text: string): void => void channel.send(text);
    this.#outgoing = new OutgoingRequests(channel, handler.firstRequestId);
    const hasSlowReader = (): boolean => this.hasSlowReader;
    this.#defaultWriter = {
      answer: send,
      notify: send,
      end: () => {},
      get hasSlowReader() {
        return hasSlowReader();
      },
    };
    if (channel.sendParts !== undefined) {
      this.#defaultWriter.answerParts = (parts) => channel.sendParts?.(parts);
    }
    channel.open({
      message: (text, bytes, replyTo) => this.#receiveText({ text, bytes }, replyTo),
      receiveParsed: (message, replyTo) => this.#receive(message, replyTo),
      dropped: (message, replyTo) => this.#receive(readDropped(message), replyTo),
      requestEnded: (id, cause) => void this.#outgoing.reject(id, cause),
      closed: (cause) => this.#receiveEnd(cause),
    });
  }

  /** Number of pending requests to the other side. */
  get pendingCount(): number {
    return this.#outgoing.size;
  }

  /** Whether the other side reads so slowly that callers should drop unimportant messages. */
  get hasSlowReader(): boolean {
    return (this.#channel.queuedLength ?? 0) > SLOW_READER_LENGTH;
  }

  /** Whether the queue to the other side has room for a message of a length in UTF-16 code units. */
  hasRoom(length: number): boolean {
    return this.#channel.hasRoom?.(length) ?? true;
  }

  /** Number of pending requests of the other side. */
  get incomingCount(): number {
    return this.#incoming.size;
  }

  /**
   * Sends a request.
   *
   * @param params The parameters, or a function that creates them from the id of the request. The id is also
   * the progress token.
   * @returns The answer; it may be an error.
   * @throws {ChannelClosed} The channel ended before the answer. If the channel reports that only this
   * request gets no answer, the reported error is thrown instead.
   * @throws {AnswerTooLong} The answer was too long and was skipped.
   */
  request(
    method: string,
    params?: Payload | ((id: number) => Payload),
    options: RequestOptions = {},
  ): Promise<Reply> {
    if (this.#endError !== undefined) return Promise.reject(this.#endError);
    return this.#outgoing.request({ method, params }, options);
  }

  /** Sends a notification; `duringRequest` is the request of the other side that it belongs to. */
  notify(method: string, params?: Payload, duringRequest?: IncomingRequest): void {
    const text = serializeNotification(method, params);
    if (duringRequest === undefined) this.#channel.send(text);
    else duringRequest.notify(text);
  }

  /** Resolves when all queued messages have been written, or cannot be written any more. */
  flush(): Promise<void> {
    return this.#channel.flush();
  }

  /** Resolves when every request of the other side has been answered. */
  allAnswered(): Promise<void> {
    if (this.#incoming.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onAnswered.push(resolve));
  }

  /** Cancels the pending requests of the other side. */
  cancelIncoming(reason: string): void {
    for (const request of [...this.#incoming.values()]) request.cancel(reason);
  }

  /** Closes the channel after the queued messages. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  #receiveText(received: ReceivedText, replyTo?: ResponseWriter): Promise<void> | void {
    return parseAndHandle(received, {
      memory: this.#handler.memory?.(),
      handle: (message) => {
        if (this.#endError === undefined) this.#receive(message, replyTo);
      },
    });
  }

  #receive(message: Message, replyTo: ResponseWriter = this.#defaultWriter): void {
    if (message.kind !== "batch") return this.#dispatch(message, replyTo);
    const { text } = message;
    if (this.#handler.acceptsBatches?.() === false) {
      return this.#dispatch({ ...NO_BATCHES, text }, replyTo);
    }
    void this.#dispatchBatch(message, replyTo);
  }

  /** Dispatches the messages of a batch one by one; other work runs in between. */
  async #dispatchBatch(
    { messages, text }: Message & { readonly kind: "batch" },
    replyTo: ResponseWriter,
  ): Promise<void> {
    const memory = this.#handler.memory?.();
    const bytes = estimateBatchBytes(text, messages.length);
    if (memory?.hasRoom(bytes) === false) {
      return this.#dispatch({ ...NO_ROOM_FOR_BATCH, text }, replyTo);
    }
    memory?.add(bytes);
    const batch = new BatchWriter(replyTo, { messageCount: messages.length, memory });
    for (const [index, message] of messages.entries()) {
      const isDispatched = await longWork.run(partyOf(memory), () => {
        if (this.#endError !== undefined) return false;
        this.#dispatch(message, batch);
        return true;
      });
      if (!isDispatched) {
        messages.slice(index).forEach(() => batch.end());
        break;
      }
      if (index === messages.length - 1) break;
      // Most of the work on a request is done after `dispatch`, in promises.
      const startedAt = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      longWork.addTime(performance.now() - startedAt);
    }
    memory?.add(-bytes);
  }

  #receiveEnd(cause?: Error): void {
    if (this.#endError !== undefined) return;
    this.#endError = new ChannelClosed("The connection ended", { cause });
    this.#outgoing.rejectAll(this.#endError);
    try {
      this.#handler.closed(cause);
    } catch (failure) {
      this.#reportFailure(failure, "");
    }
  }

  #dispatch(message: Message, replyTo: ResponseWriter): void {
    if (message.kind === "request") return this.#dispatchRequest(message, replyTo);
    try {
      this.#dispatchOther(message, replyTo);
    } catch (cause) {
      this.#reportFailure(cause, message.text);
    }
    replyTo.end();
  }

  #dispatchOther(message: Exclude<Message, { kind: "request" }>, replyTo: ResponseWriter): void {
    switch (message.kind) {
      case "notification":
        return this.#dispatchNotification(message);
      case "result":
      case "error":
        return this.#dispatchAnswer(message);
      case "invalid":
        return this.#dispatchInvalid(message, replyTo);
      case "batch":
        this.#reportUnexpected("A batch in a batch", message.text);
    }
  }

  #dispatchAnswer(message: Message & { kind: "result" | "error" }): void {
    const isAwaited = this.#outgoing.resolve(
      message.id,
      message.kind === "error"
        ? { ok: false, error: message.error, text: message.errorText }
        : { ok: true, result: new Result(message) },
    );
    if (isAwaited) return;
    if (this.#outgoing.takeCancelled(message.id)) {
      this.#handler.lateAnswer?.(startOfText(message.text, EXCERPT_LENGTH));
    } else this.#reportUnexpected("An answer to no request", message.text);
  }

  #dispatchInvalid(message: InvalidMessage, replyTo: ResponseWriter): void {
    const { error, id, probableKind, dropped } = message;
    // An answer must not be answered. An error with the id of a pending request would look like its answer.
    if (!this.#settleInvalid(message) && probableKind !== "answer") {
      const freeId = id === undefined || this.#incoming.get(id) !== undefined ? undefined : id;
      const isSkippedRequest = probableKind === "call" && dropped !== undefined &&
        freeId !== undefined;
      if (this.#answersInvalidMessages || isSkippedRequest) {
        replyTo.answer(serializeError(freeId, error), freeId);
      }
    }
    this.#reportUnexpected(error.message, message.text, dropped?.bytes);
  }

  #reportUnexpected(description: string, text: string, length = text.length): void {
    this.#handler.unexpected(description, startOfText(text, EXCERPT_LENGTH), length);
  }

  /**
   * Settles the request that an invalid answer belongs to, whose caller would otherwise wait forever.
   *
   * @returns Whether there is such a request.
   */
  #settleInvalid({ id, error, probableKind, dropped }: InvalidMessage): boolean {
    if (probableKind === "call") return false;
    if (dropped?.reason === "too-long") {
      return this.#outgoing.reject(id, new AnswerTooLong(dropped.bytes));
    }
    const message = dropped?.reason === "too-complex"
      ? `The answer was not read: ${error.message}; ask for fewer values at a time`
      : `The answer is not valid: ${error.message}`;
    const answerError = { ...error, message };
    const text = new JsonText(JSON.stringify(answerError));
    return this.#outgoing.resolve(id, { ok: false, error: answerError, text });
  }

  #dispatchRequest(message: Message & { kind: "request" }, replyTo: ResponseWriter): void {
    const { id } = message;
    if (this.#incoming.get(id) !== undefined) {
      // With the id, the error would look like the answer to the pending request.
      const reason = `The id ${id} is in use by a pending request`;
      const error = { code: RPC_CODES.invalidRequest, message: reason };
      replyTo.answer(serializeError(undefined, error), undefined);
      return replyTo.end();
    }
    const request = new IncomingRequest(message, { replyTo, onEnd: this.#onRequestEnd });
    this.#incoming.set(id, request);
    try {
      const result = this.#handler.request(request);
      if (result instanceof Promise) result.catch((cause) => this.#failRequest(request, cause));
    } catch (cause) {
      this.#failRequest(request, cause);
    }
  }

  readonly #onRequestEnd: RequestOrigin["onEnd"] = ({ id, replyTo }, answer) => {
    this.#incoming.delete(id);
    if (answer !== undefined && (this.#channel.queuedLength ?? 0) > MAX_UNREAD_LENGTH) {
      replyTo.answer(serializeError(id, UNREAD_ERROR), id);
    } else if (typeof answer === "string") replyTo.answer(answer, id);
    else if (answer !== undefined && replyTo.answerParts !== undefined) {
      replyTo.answerParts(answer);
    } else if (answer !== undefined) replyTo.answer(answer.join(""), id);
    replyTo.end();
    if (this.#incoming.size === 0 && this.#onAnswered.length > 0) {
      this.#onAnswered.splice(0).forEach((resolve) => resolve());
    }
  };

  #failRequest(request: IncomingRequest, cause: unknown): void {
    request.fail({ code: RPC_CODES.internalError, message: "Internal error" });
    this.#reportFailure(cause, request.text);
  }

  #dispatchNotification({ method, params, text }: Message & { kind: "notification" }): void {
    const fields = (params ?? {}) as Readonly<Record<string, unknown>>;
    if (method === "notifications/cancelled") {
      const { requestId, reason } = fields;
      const id = readId(requestId, text, "params", "requestId");
      if (id === undefined) return;
      // Any other type is ignored: converting it to a string may throw (`{"toString": null}`).
      const reasonText = typeof reason === "string" ? reason : "cancelled";
      const request = this.#incoming.get(id);
      if (request === undefined) this.#handler.lateCancellation?.(id, reasonText);
      else request.cancel(reasonText);
    } else if (method === "notifications/progress") {
      this.#outgoing.receiveProgress(fields);
    } else {
      const result = this.#handler.notification(method, params, text);
      if (!(result instanceof Promise)) return;
      const { length } = text;
      const excerpt = startOfText(text, EXCERPT_LENGTH);
      result.catch((cause) => this.#reportFailure(cause, excerpt, length));
    }
  }

  /** Reports a bug in a handler, after which the peer continues. */
  #reportFailure(cause: unknown, text: string, length?: number): void {
    const description = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    try {
      this.#reportUnexpected(`A handler threw: ${description}`, text, length);
    } catch {
      // `unexpected` itself throws, so the failure cannot be reported.
    }
  }
}
