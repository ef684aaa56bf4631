import type { Channel } from "./channel.ts";
import { IncomingRequest } from "./incoming.ts";
import {
  errorText,
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

/** Size up to which the answers to a batch are sent as one message, in UTF-16 code units. */
const MAX_BATCH_ANSWER = 64 * 1024 * 1024;

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
  readonly #outgoing: OutgoingRequests;
  readonly #incoming = new Map<string, IncomingRequest>();
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
    this.#outgoing = new OutgoingRequests((text) => channel.send(text));
    channel.open({
      message: (text, bytes) => this.#receive(parseMessage(text, bytes)),
      dropped: (message) => this.#receive(readDropped(message)),
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

  /** Sends a notification. */
  notify(method: string, params?: Payload): void {
    this.#channel.send(notificationText(method, params));
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

  #receive(message: Message): void {
    if (message.kind === "batch") this.#receiveBatch(message.messages);
    else this.#dispatch(message, (answer) => this.#channel.send(answer));
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

  #receiveBatch(messages: readonly Message[]): void {
    const answers: string[] = [];
    let open = messages.length;
    let size = 0;
    const send = (answer: string): void => {
      answers.push(answer);
      size += answer.length + 1;
    };
    const finish = (): void => {
      if (--open > 0 || answers.length === 0) return;
      // Longer, they would be skipped by the other side, or be no string any more.
      if (size > MAX_BATCH_ANSWER) answers.forEach((answer) => this.#channel.send(answer));
      else this.#channel.send(`[${answers.join(",")}]`);
    };
    for (const message of messages) {
      if (message.kind === "request") {
        this.#dispatch(message, send, finish);
      } else {
        this.#dispatch(message, send);
        finish();
      }
    }
  }

  #dispatch(message: Message, send: (answer: string) => void, finish?: () => void): void {
    try {
      switch (message.kind) {
        case "request":
          return this.#dispatchRequest(message, send, finish);
        case "notification":
          return this.#dispatchNotification(message);
        case "result":
        case "error":
          return this.#dispatchAnswer(message);
        case "invalid":
          return this.#dispatchInvalid(message, send);
        case "batch":
          this.#handler.noise("A batch within a batch", message.text.slice(0, EXCERPT));
      }
    } catch (cause) {
      this.#tellFailure(cause, message.text);
    }
  }

  #dispatchAnswer(message: Message & { kind: "result" | "error" }): void {
    const isAwaited = this.#outgoing.resolve(
      message.id,
      message.kind === "error"
        ? { ok: false, error: message.error, text: message.errorText }
        : { ok: true, result: new Result(message.value, message.text) },
    );
    if (!isAwaited) this.#handler.noise("An answer to no request", message.text.slice(0, EXCERPT));
  }

  #dispatchInvalid(message: InvalidMessage, send: (answer: string) => void): void {
    const { error, id, seems, dropped } = message;
    // An error sent for an answer, or under an id in use, would be taken for the answer to a request.
    if (!this.#settleInvalid(message) && seems !== "answer") {
      const freeId = id === undefined || this.#incoming.has(id) ? undefined : id;
      const isOwed = seems === "call" && dropped !== undefined && freeId !== undefined;
      if (this.#answersNoise || isOwed) send(errorText(freeId, error));
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

  #dispatchRequest(
    message: Message & { kind: "request" },
    send: (answer: string) => void,
    finish: (() => void) | undefined,
  ): void {
    if (this.#incoming.has(message.id)) {
      // The answer must not be taken for the answer to the request that is under way.
      const reason = `The id ${message.id} is in use by a request under way`;
      send(errorText(undefined, { code: RPC_CODES.invalidRequest, message: reason }));
      finish?.();
      return;
    }
    const request = new IncomingRequest(message, (answer) => {
      this.#incoming.delete(message.id);
      if (answer !== undefined) send(answer);
      finish?.();
      if (this.#incoming.size === 0) this.#onAnswered.splice(0).forEach((resolve) => resolve());
    });
    this.#incoming.set(message.id, request);
    const fail = (cause: unknown): void => {
      request.fail({ code: RPC_CODES.internalError, message: "Internal error" });
      this.#tellFailure(cause, message.text);
    };
    try {
      const handled = this.#handler.request(request);
      if (handled instanceof Promise) handled.catch(fail);
    } catch (cause) {
      fail(cause);
    }
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
