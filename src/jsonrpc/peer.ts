import { BatchExchange } from "./batch.ts";
import type { Channel, ResponseWriter } from "./channel.ts";
import { hashId, IdTable } from "./id_table.ts";
import { IncomingRequest, type RequestOrigin } from "./incoming.ts";
import {
  errorText,
  type IdText,
  type InvalidMessage,
  JsonText,
  type Message,
  notificationText,
  type Payload,
  readId,
  RPC_CODES,
} from "./message.ts";
import { OutgoingRequests, type RequestOptions } from "./outgoing.ts";
import { parseMessage, readDropped } from "./parse.ts";
import { AnswerTooLong, ChannelClosed, type Reply, Result } from "./reply.ts";
import { textAt } from "./scan.ts";

/** Maximum length of a stray message in a report, in UTF-16 code units. */
const EXCERPT = 200;

/**
 * Handles the messages that a peer receives. If a call throws or rejects, the peer reports that as
 * noise, answers a request with an internal error, and continues.
 */
export interface PeerHandler {
  /**
   * Whether invalid messages are answered with an error, as a server does. A client must not: a line
   * that a server prints by mistake is not a request. Default: no.
   */
  readonly answersNoise?: boolean;
  /** Handles a request, which may be answered now or later. */
  request(request: IncomingRequest): void | Promise<void>;
  /** Handles a notification, except for cancellation and progress, which the peer handles. */
  notification(
    method: string,
    params: unknown,
    text: () => JsonText | undefined,
  ): void | Promise<void>;
  /** Receives an answer to a cancelled request, which MCP allows. Default: it is ignored. */
  late?(excerpt: string): void;
  /** Receives an invalid message, or an answer to no request, for the log. */
  noise(description: string, excerpt: string): void;
  /**
   * Called when the other side has stopped sending; our pending requests have been rejected. It may
   * still receive: its requests can be answered until `cancelIncoming` gives them up.
   */
  closed(cause?: Error): void;
}

/**
 * One side of a JSON-RPC connection. It sends requests and matches the answers to them, and it handles
 * only two methods itself: MCP's cancellation and progress. Any number of requests may be pending in
 * both directions; none waits for another.
 *
 * @see {@link https://www.jsonrpc.org/specification}
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation}
 */
export class Peer {
  readonly #channel: Channel;
  readonly #handler: PeerHandler;
  readonly #answersNoise: boolean;
  // The default for channels that do not answer each message separately.
  readonly #replyTo: ResponseWriter;
  readonly #outgoing: OutgoingRequests;
  readonly #incoming = new IdTable<IdText, IncomingRequest>(hashId);
  #closed: Error | undefined;
  #onAnswered: (() => void)[] = [];

  /** Creates a peer, which opens the channel. */
  constructor(channel: Channel, handler: PeerHandler) {
    this.#channel = channel;
    this.#handler = handler;
    this.#answersNoise = handler.answersNoise ?? false;
    const send = (text: string): void => channel.send(text);
    this.#outgoing = new OutgoingRequests(send);
    this.#replyTo = { answer: send, notify: send, end: () => {} };
    if (channel.sendParts !== undefined) {
      this.#replyTo.answerParts = (parts) => channel.sendParts?.(parts);
    }
    channel.open({
      message: (text, bytes, replyTo) => this.#receive(parseMessage(text, bytes), replyTo),
      dropped: (message, replyTo) => this.#receive(readDropped(message), replyTo),
      requestFailed: (id, cause) => void this.#outgoing.reject(id, cause),
      closed: (cause) => this.#receiveEnd(cause),
    });
  }

  /** Number of our pending requests. */
  get pendingCount(): number {
    return this.#outgoing.count;
  }

  /** Number of the other side's pending requests. */
  get incomingCount(): number {
    return this.#incoming.size;
  }

  /**
   * Sends a request.
   *
   * @param params The parameters, or a function that makes them from the id of the request, which is
   * also its progress token.
   * @returns The answer; it may be an error.
   * @throws {ChannelClosed} The channel ended before the answer. If only this request gets no answer,
   * it throws the error of the channel instead.
   * @throws {AnswerTooLong} The answer was too long and was skipped.
   */
  request(
    method: string,
    params?: Payload | ((id: number) => Payload),
    options: RequestOptions = {},
  ): Promise<Reply> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return this.#outgoing.request({ method, params }, options);
  }

  /** Sends a notification; `during` is the request of the other side that it belongs to. */
  notify(method: string, params?: Payload, during?: IncomingRequest): void {
    const text = notificationText(method, params);
    if (during === undefined) this.#channel.send(text);
    else during.notify(text);
  }

  /** Resolves when all sent messages have been handed over. */
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

  #receive(message: Message, replyTo: ResponseWriter = this.#replyTo): void {
    if (message.kind !== "batch") return this.#dispatch(message, replyTo);
    const batch = new BatchExchange(replyTo, message.messages.length);
    for (const part of message.messages) this.#dispatch(part, batch);
  }

  #receiveEnd(cause?: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = new ChannelClosed("The connection ended", { cause });
    this.#outgoing.rejectAll(this.#closed);
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
        this.#handler.noise("A batch in a batch", message.text.slice(0, EXCERPT));
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
    const excerpt = message.text.slice(0, EXCERPT);
    if (this.#outgoing.isLate(message.id)) this.#handler.late?.(excerpt);
    else this.#handler.noise("An answer to no request", excerpt);
  }

  #dispatchInvalid(message: InvalidMessage, replyTo: ResponseWriter): void {
    const { error, id, seems, dropped } = message;
    // An error in reply to an answer, or with an id in use, would look like the answer to a request.
    if (!this.#settleInvalid(message) && seems !== "answer") {
      const freeId = id === undefined || this.#incoming.get(id) !== undefined ? undefined : id;
      const isRequest = seems === "call" && dropped !== undefined && freeId !== undefined;
      if (this.#answersNoise || isRequest) replyTo.answer(errorText(freeId, error), freeId);
    }
    this.#handler.noise(error.message, message.text.slice(0, EXCERPT));
  }

  /** Settles the request that an invalid answer belongs to; otherwise its caller would hang. */
  #settleInvalid({ id, error, seems, dropped }: InvalidMessage): boolean {
    if (seems === "call") return false;
    if (dropped?.reason === "too-long") {
      return this.#outgoing.reject(id, new AnswerTooLong(dropped.bytes));
    }
    const reply = { ...error, message: `The answer is not valid: ${error.message}` };
    const text = new JsonText(JSON.stringify(reply));
    return this.#outgoing.resolve(id, { ok: false, error: reply, text });
  }

  #dispatchRequest(message: Message & { kind: "request" }, replyTo: ResponseWriter): void {
    const { id } = message;
    if (this.#incoming.get(id) !== undefined) {
      // With the id, the error would look like the answer to the pending request.
      const reason = `The id ${id} is in use by a pending request`;
      const error = { code: RPC_CODES.invalidRequest, message: reason };
      replyTo.answer(errorText(undefined, error), undefined);
      return replyTo.end();
    }
    const request = new IncomingRequest(message, { replyTo, onEnd: this.#onRequestEnd });
    this.#incoming.set(id, request);
    try {
      const handled = this.#handler.request(request);
      if (handled instanceof Promise) {
        handled.catch((cause) => this.#failRequest(request, cause, message.text));
      }
    } catch (cause) {
      this.#failRequest(request, cause, message.text);
    }
  }

  readonly #onRequestEnd: RequestOrigin["onEnd"] = ({ id, replyTo }, answer) => {
    this.#incoming.delete(id);
    if (typeof answer === "string") replyTo.answer(answer, id);
    else if (answer !== undefined && replyTo.answerParts !== undefined) {
      replyTo.answerParts(answer);
    } else if (answer !== undefined) replyTo.answer(answer.join(""), id);
    replyTo.end();
    if (this.#incoming.size === 0 && this.#onAnswered.length > 0) {
      this.#onAnswered.splice(0).forEach((resolve) => resolve());
    }
  };

  #failRequest(request: IncomingRequest, cause: unknown, text: string): void {
    request.fail({ code: RPC_CODES.internalError, message: "Internal error" });
    this.#reportFailure(cause, text);
  }

  #dispatchNotification({ method, params, text }: Message & { kind: "notification" }): void {
    const fields = (params ?? {}) as Readonly<Record<string, unknown>>;
    if (method === "notifications/cancelled") {
      const { requestId, reason } = fields;
      const id = readId(requestId, text, "params", "requestId");
      const request = id === undefined ? undefined : this.#incoming.get(id);
      // Only a string is a reason: converting another value may throw (`{"toString": null}`).
      request?.cancel(typeof reason === "string" ? reason : "cancelled");
    } else if (method === "notifications/progress") {
      this.#outgoing.progress(fields);
    } else {
      const handled = this.#handler.notification(method, params, () => {
        const own = textAt(text, "params");
        return own === undefined ? undefined : new JsonText(own);
      });
      if (handled instanceof Promise) handled.catch((cause) => this.#reportFailure(cause, text));
    }
  }

  /** Reports a bug in a handler, which must end neither reading nor the process. */
  #reportFailure(cause: unknown, text: string): void {
    const description = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    try {
      this.#handler.noise(`A handler threw: ${description}`, text.slice(0, EXCERPT));
    } catch {
      // `noise` itself throws, so the failure cannot be reported.
    }
  }
}
