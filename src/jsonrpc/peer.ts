import { BatchExchange } from "./batch.ts";
import type { Channel, Exchange } from "./channel.ts";
import { hashText, IdTable } from "./id_table.ts";
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

/** How much of a stray message is told, in UTF-16 code units. */
const EXCERPT = 200;

/**
 * What the owner of a peer does with what arrives. Should a call throw or reject, that is told as
 * noise, a request is answered with an internal error, and the peer goes on.
 */
export interface PeerHandler {
  /**
   * Whether what is no message is answered with an error, as a server does. A client must not: what
   * a server prints by mistake is no request. Default: no.
   */
  readonly answersNoise?: boolean;
  /** A request to be answered through the object itself, now or later. */
  request(request: IncomingRequest): void | Promise<void>;
  /** A notification that the peer does not handle itself (cancellation and progress it does). */
  notification(
    method: string,
    params: unknown,
    text: () => JsonText | undefined,
  ): void | Promise<void>;
  /** An answer to a request of ours that was cancelled, which MCP allows. Default: it is ignored. */
  late?(excerpt: string): void;
  /** Something that is no message, or belongs to nothing. For the log; nothing need be done. */
  noise(description: string, excerpt: string): void;
  /**
   * The other side says nothing any more; our requests under way have been rejected. It may still
   * listen: its own requests can be answered, until they are given up with `cancelIncoming`.
   */
  closed(cause?: Error): void;
}

/**
 * One side of a JSON-RPC conversation: sends requests under ids of its own, sorts what arrives to
 * those who wait for it, and knows no method but MCP's cancellation and progress. Any number of
 * requests may be under way in both directions; none waits for another.
 *
 * @see {@link https://www.jsonrpc.org/specification}
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation}
 */
export class Peer {
  readonly #channel: Channel;
  readonly #handler: PeerHandler;
  readonly #answersNoise: boolean;
  // Where the channel has one way back only, everything takes it.
  readonly #exchange: Exchange;
  readonly #outgoing: OutgoingRequests;
  readonly #incoming = new IdTable<IdText, IncomingRequest>(hashText);
  #closed: Error | undefined;
  #onAnswered: (() => void)[] = [];

  /**
   * Opens the channel and takes what arrives.
   *
   * @param channel The way to the other side; the peer opens it.
   * @param handler Takes what arrives.
   */
  constructor(channel: Channel, handler: PeerHandler) {
    this.#channel = channel;
    this.#handler = handler;
    this.#answersNoise = handler.answersNoise ?? false;
    const send = (text: string): void => channel.send(text);
    this.#outgoing = new OutgoingRequests(send);
    this.#exchange = { answer: send, tell: send, end: () => {} };
    if (channel.sendParts !== undefined) {
      this.#exchange.answerParts = (parts) => channel.sendParts?.(parts);
    }
    channel.open({
      message: (text, bytes, exchange) => this.#receive(parseMessage(text, bytes), exchange),
      dropped: (message, exchange) => this.#receive(readDropped(message), exchange),
      unanswered: (id, cause) => void this.#outgoing.reject(id, cause),
      closed: (cause) => this.#receiveEnd(cause),
    });
  }

  /** How many requests of ours are under way. */
  get pendingCount(): number {
    return this.#outgoing.count;
  }

  /** How many requests of the other side are under way. */
  get incomingCount(): number {
    return this.#incoming.size;
  }

  /**
   * Sends a request.
   *
   * @param method Its method.
   * @param params Its parameters, or a function that makes them from the id the request gets, which
   * is also the progress token to use.
   * @param options Cancellation and progress.
   * @returns The answer, errors included.
   * @throws {ChannelClosed} when the channel ends before the answer; what the channel says of it when
   * the request alone gets none.
   * @throws {AnswerTooLong} when the answer was skipped for its size.
   */
  request(
    method: string,
    params?: Payload | ((id: number) => Payload),
    options: RequestOptions = {},
  ): Promise<Reply> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return this.#outgoing.request(method, params, options);
  }

  /** Sends a notification, which may belong to a request of the other side. */
  notify(method: string, params?: Payload, during?: IncomingRequest): void {
    const text = notificationText(method, params);
    if (during === undefined) this.#channel.send(text);
    else during.tell(text);
  }

  /** Resolves when what was sent has left. */
  flush(): Promise<void> {
    return this.#channel.flush();
  }

  /** Resolves when every request of the other side has been answered. */
  answered(): Promise<void> {
    if (this.#incoming.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onAnswered.push(resolve));
  }

  /**
   * Gives up the requests of the other side that are under way.
   *
   * @param reason Why nobody waits for them any more.
   */
  cancelIncoming(reason: string): void {
    for (const request of [...this.#incoming.values()]) request.cancel(reason);
  }

  /** Ends the conversation after what is queued. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  #receive(message: Message, exchange: Exchange = this.#exchange): void {
    if (message.kind !== "batch") return this.#dispatch(message, exchange);
    const batch = new BatchExchange(exchange, message.messages.length);
    for (const part of message.messages) this.#dispatch(part, batch);
  }

  #receiveEnd(cause?: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = new ChannelClosed("The connection ended", { cause });
    this.#outgoing.rejectAll(this.#closed);
    try {
      this.#handler.closed(cause);
    } catch (failure) {
      this.#tellFailure(failure, "");
    }
  }

  #dispatch(message: Message, exchange: Exchange): void {
    if (message.kind === "request") return this.#dispatchRequest(message, exchange);
    try {
      this.#dispatchOther(message, exchange);
    } catch (cause) {
      this.#tellFailure(cause, message.text);
    }
    exchange.end();
  }

  #dispatchOther(message: Exclude<Message, { kind: "request" }>, exchange: Exchange): void {
    switch (message.kind) {
      case "notification":
        return this.#dispatchNotification(message);
      case "result":
      case "error":
        return this.#dispatchAnswer(message);
      case "invalid":
        return this.#dispatchInvalid(message, exchange);
      case "batch":
        this.#handler.noise("A batch within a batch", message.text.slice(0, EXCERPT));
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

  #dispatchInvalid(message: InvalidMessage, exchange: Exchange): void {
    const { error, id, seems, dropped } = message;
    // An error sent for an answer, or under an id in use, would be taken for the answer to a request.
    if (!this.#settleInvalid(message) && seems !== "answer") {
      const freeId = id === undefined || this.#incoming.get(id) !== undefined ? undefined : id;
      const isOwed = seems === "call" && dropped !== undefined && freeId !== undefined;
      if (this.#answersNoise || isOwed) exchange.answer(errorText(freeId, error), freeId);
    }
    this.#handler.noise(error.message, message.text.slice(0, EXCERPT));
  }

  /** Where the other side meant to answer, whoever waits must not wait for ever. */
  #settleInvalid({ id, error, seems, dropped }: InvalidMessage): boolean {
    if (seems === "call") return false;
    if (dropped?.reason === "too-long") {
      return this.#outgoing.reject(id, new AnswerTooLong(dropped.bytes));
    }
    const reply = { ...error, message: `The answer is not valid: ${error.message}` };
    const text = new JsonText(JSON.stringify(reply));
    return this.#outgoing.resolve(id, { ok: false, error: reply, text });
  }

  #dispatchRequest(message: Message & { kind: "request" }, exchange: Exchange): void {
    const { id } = message;
    if (this.#incoming.get(id) !== undefined) {
      // The answer must not be taken for the answer to the request that is under way.
      const reason = `The id ${id} is in use by a request under way`;
      const error = { code: RPC_CODES.invalidRequest, message: reason };
      exchange.answer(errorText(undefined, error), undefined);
      return exchange.end();
    }
    const request = new IncomingRequest(message, { exchange, onEnd: this.#onRequestEnd });
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

  readonly #onRequestEnd: RequestOrigin["onEnd"] = ({ id, exchange }, answer) => {
    this.#incoming.delete(id);
    if (typeof answer === "string") exchange.answer(answer, id);
    else if (answer !== undefined && exchange.answerParts !== undefined) {
      exchange.answerParts(answer);
    } else if (answer !== undefined) exchange.answer(answer.join(""), id);
    exchange.end();
    if (this.#incoming.size === 0 && this.#onAnswered.length > 0) {
      this.#onAnswered.splice(0).forEach((resolve) => resolve());
    }
  };

  #failRequest(request: IncomingRequest, cause: unknown, text: string): void {
    request.fail({ code: RPC_CODES.internalError, message: "Internal error" });
    this.#tellFailure(cause, text);
  }

  #dispatchNotification({ method, params, text }: Message & { kind: "notification" }): void {
    const fields = (params ?? {}) as Readonly<Record<string, unknown>>;
    if (method === "notifications/cancelled") {
      const { requestId, reason } = fields;
      const id = readId(requestId, text, "params", "requestId");
      const request = id === undefined ? undefined : this.#incoming.get(id);
      // Only a text is a reason: turning anything else into one may throw (`{"toString": null}`).
      request?.cancel(typeof reason === "string" ? reason : "cancelled");
    } else if (method === "notifications/progress") {
      this.#outgoing.progress(fields);
    } else {
      const handled = this.#handler.notification(method, params, () => {
        const own = textAt(text, "params");
        return own === undefined ? undefined : new JsonText(own);
      });
      if (handled instanceof Promise) handled.catch((cause) => this.#tellFailure(cause, text));
    }
  }

  /** A bug on our side, which must end neither the reading nor the process. */
  #tellFailure(cause: unknown, text: string): void {
    const description = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    try {
      this.#handler.noise(`A handler threw: ${description}`, text.slice(0, EXCERPT));
    } catch {
      // It was the telling that threw; there is nobody left to tell.
    }
  }
}
