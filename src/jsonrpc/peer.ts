import type { Channel, DroppedMessage } from "./channel.ts";
import { IncomingRequest } from "./incoming.ts";
import {
  errorText,
  JsonText,
  type Message,
  notificationText,
  type Payload,
  requestText,
  RPC_CODES,
} from "./message.ts";
import { guessMessage, parseMessage } from "./parse.ts";
import { AnswerTooLong, ChannelClosed, type Reply, Result } from "./reply.ts";
import { textAt } from "./scan.ts";

/** How much of a stray message is told, in UTF-16 code units. */
const EXCERPT = 200;

/** How a request is sent. */
export interface RequestOptions {
  /** Aborting it cancels the request on the other side and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Takes the parameters of each progress notification for this request. */
  readonly onProgress?: (params: Readonly<Record<string, unknown>>) => void;
}

/** What the owner of a peer does with what arrives. Calls must not throw. */
export interface PeerHandler {
  /**
   * Whether what is no message is answered with an error, as a server does. A client must not: what
   * a server prints by mistake is no request. Default: no.
   */
  readonly answersNoise?: boolean;
  /** A request to be answered through the object itself, now or later. */
  request(request: IncomingRequest): void;
  /** A notification that the peer does not handle itself (cancellation and progress it does). */
  notification(method: string, params: unknown, text: () => JsonText | undefined): void;
  /** Something that is no message, or belongs to nothing. For the log; nothing need be done. */
  noise(description: string, excerpt: string): void;
  /** The channel has ended; requests under way have been rejected and cancelled. */
  closed(cause?: Error): void;
}

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: unknown) => void;
  readonly onProgress: RequestOptions["onProgress"];
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
  readonly #pending = new Map<number, Pending>();
  readonly #incoming = new Map<string, IncomingRequest>();
  // Ids start at 1: clients of the 1.x SDK take a cancellation of request 0 for none.
  #nextId = 1;
  #closed: Error | undefined;

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
    channel.open({
      message: (text) => this.#receive(text),
      dropped: (message) => this.#receiveDropped(message),
      closed: (cause) => this.#receiveEnd(cause),
    });
  }

  /** How many requests of ours are under way. */
  get pendingCount(): number {
    return this.#pending.size;
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
   * @throws {ChannelClosed} when the channel ends before the answer.
   * @throws {AnswerTooLong} when the answer was skipped for its size.
   */
  request(
    method: string,
    params?: Payload | ((id: number) => Payload),
    options: RequestOptions = {},
  ): Promise<Reply> {
    const { signal, onProgress } = options;
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    if (signal === undefined) {
      this.#pending.set(id, { resolve, reject, onProgress });
    } else {
      const cancel = (): void => {
        this.#pending.delete(id);
        this.notify("notifications/cancelled", { requestId: id, reason: String(signal.reason) });
        reject(signal.reason);
      };
      signal.addEventListener("abort", cancel, { once: true });
      const forget = (): void => signal.removeEventListener("abort", cancel);
      this.#pending.set(id, {
        resolve: (reply) => (forget(), resolve(reply)),
        reject: (cause) => (forget(), reject(cause)),
        onProgress,
      });
    }
    this.#channel.send(requestText(id, method, typeof params === "function" ? params(id) : params));
    return promise;
  }

  /** Sends a notification. */
  notify(method: string, params?: Payload): void {
    this.#channel.send(notificationText(method, params));
  }

  /** Resolves when what was sent has left. */
  flush(): Promise<void> {
    return this.#channel.flush();
  }

  /** Ends the conversation after what is queued. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  #receive(text: string): void {
    const message = parseMessage(text);
    if (message.kind === "batch") this.#receiveBatch(message.messages);
    else this.#dispatch(message, (answer) => this.#channel.send(answer));
  }

  #receiveDropped(dropped: DroppedMessage): void {
    const { isCall, id } = guessMessage(dropped);
    const what = dropped.reason === "too-long"
      ? `The message of ${dropped.bytes} bytes is longer than is taken`
      : "The message is not UTF-8";
    this.#handler.noise(what, dropped.head.slice(0, EXCERPT));
    const pending = isCall || id === undefined ? undefined : this.#take(Number(id));
    if (pending !== undefined) pending.reject(new AnswerTooLong(dropped.bytes));
    else if (isCall || this.#answersNoise) {
      this.#channel.send(errorText(id, { code: RPC_CODES.parseError, message: what }));
    }
  }

  #receiveEnd(cause?: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = new ChannelClosed("The connection ended", { cause });
    for (const pending of this.#pending.values()) pending.reject(this.#closed);
    this.#pending.clear();
    for (const request of this.#incoming.values()) request.cancel("The connection ended");
    this.#incoming.clear();
    this.#handler.closed(cause);
  }

  #receiveBatch(messages: readonly Message[]): void {
    const answers: string[] = [];
    let open = messages.length;
    const finish = (): void => {
      if (--open === 0 && answers.length > 0) this.#channel.send(`[${answers.join(",")}]`);
    };
    for (const message of messages) {
      if (message.kind === "request") {
        this.#dispatch(message, (answer) => answers.push(answer), finish);
      } else {
        this.#dispatch(message, (answer) => answers.push(answer));
        finish();
      }
    }
  }

  #dispatch(message: Message, send: (answer: string) => void, finish?: () => void): void {
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
  }

  #dispatchAnswer(message: Message & { kind: "result" | "error" }): void {
    const pending = message.id === undefined ? undefined : this.#take(Number(message.id));
    if (pending === undefined) {
      this.#handler.noise("An answer to no request", message.text.slice(0, EXCERPT));
    } else if (message.kind === "error") {
      const text = new JsonText(textAt(message.text, "error") ?? "null");
      pending.resolve({ ok: false, error: message.error, text });
    } else pending.resolve({ ok: true, result: new Result(message.value, message.text) });
  }

  #dispatchInvalid(message: Message & { kind: "invalid" }, send: (answer: string) => void): void {
    this.#handler.noise(message.error.message, message.text.slice(0, EXCERPT));
    const pending = message.isCall || message.id === undefined
      ? undefined
      : this.#take(Number(message.id));
    if (pending !== undefined) {
      // The other side meant to answer; whoever waits must not wait for ever.
      const error = {
        ...message.error,
        message: `The answer is not valid: ${message.error.message}`,
      };
      pending.resolve({ ok: false, error, text: new JsonText(JSON.stringify(error)) });
    } else if (this.#answersNoise) send(errorText(message.id, message.error));
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
    });
    this.#incoming.set(message.id, request);
    this.#handler.request(request);
  }

  #dispatchNotification({ method, params, text }: Message & { kind: "notification" }): void {
    const fields = (params ?? {}) as Readonly<Record<string, unknown>>;
    if (method === "notifications/cancelled") {
      const { requestId, reason } = fields;
      const id = typeof requestId === "number" ? textAt(text, "params", "requestId") : undefined;
      this.#incoming.get(id ?? JSON.stringify(requestId))?.cancel(String(reason ?? "cancelled"));
    } else if (method === "notifications/progress") {
      this.#pending.get(Number(fields.progressToken))?.onProgress?.(fields);
    } else {
      this.#handler.notification(method, params, () => {
        const own = textAt(text, "params");
        return own === undefined ? undefined : new JsonText(own);
      });
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
