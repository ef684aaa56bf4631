import type { ResponseWriter } from "../../jsonrpc/mod.ts";
import { EventStream } from "./event_stream.ts";

/** The answer to a POST. */
export type PostResult =
  /** The POST contained no request; the status is 202. */
  | { readonly kind: "accepted" }
  /** One message; `isInvalid` if the body was not a valid message. */
  | { readonly kind: "message"; readonly text: string; readonly isInvalid: boolean }
  /** A stream of messages that ends with the answer. */
  | { readonly kind: "stream"; readonly stream: EventStream }
  /** The session has ended in the meantime. */
  | { readonly kind: "gone" };

/** The session of a response, which numbers the streams and keeps their messages. */
export interface StreamOwner {
  /** Sends a message that belongs to an answered call. */
  send(text: string): void;
  /** Starts a stream for the response and returns its number; its messages are kept for a while. */
  beginStream(response: PostResponseWriter): number;
  /** Keeps a message of a stream, and returns its id. */
  keep(stream: number, text: string): string;
  /** Forgets a finished response; nothing more is sent on its stream. */
  forget(response: PostResponseWriter, stream: number | undefined): void;
}

/** Options of a response: what the client accepts. */
export interface PostOptions {
  /** Whether the client accepts an event stream. */
  readonly acceptsEvents: boolean;
  /** Whether the client accepts events without a message. */
  readonly acceptsPriming: boolean;
  /** Time after which a stream starts in any case, in milliseconds. */
  readonly streamAfterMs: number;
}

/**
 * The response to one POST: a single message if that is the whole answer and it is ready soon, otherwise
 * a stream, which the client can resume after losing the connection.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
 */
export class PostResponseWriter implements ResponseWriter {
  /** Resolves when the kind of response is known. */
  readonly reply: Promise<PostResult>;
  /** Time when a stream starts, on the clock of `performance.now()`. */
  readonly streamAt: number;
  readonly #owner: StreamOwner;
  readonly #options: PostOptions;
  readonly #settle: (reply: PostResult) => void;
  #answer: { text: string; isInvalid: boolean } | undefined;
  #stream: EventStream | undefined;
  #streamId: number | undefined;
  #isOver = false;

  constructor(owner: StreamOwner, options: PostOptions) {
    const { promise, resolve } = Promise.withResolvers<PostResult>();
    this.reply = promise;
    this.#settle = resolve;
    this.#owner = owner;
    this.#options = options;
    this.streamAt = performance.now() + options.streamAfterMs;
  }

  get stream(): EventStream | undefined {
    return this.#stream;
  }

  answer(text: string, id: string | undefined): void {
    if (this.#stream === undefined && this.#answer === undefined) {
      this.#answer = { text, isInvalid: id === undefined };
      return;
    }
    // The answers to a batch are too long for one message. A client that takes no stream gets only one.
    this.begin();
    this.#emit(text);
  }

  notify(text: string): void {
    if (this.#isOver || !this.#options.acceptsEvents) return this.#owner.send(text);
    this.begin();
    this.#emit(text);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#stream !== undefined) this.#stream.end();
    else if (this.#answer !== undefined) this.#settle({ kind: "message", ...this.#answer });
    else this.#settle({ kind: "accepted" });
    this.#owner.forget(this, this.#streamId);
  }

  /** Starts a stream, unless there is one or the client does not accept streams. */
  begin(): void {
    if (this.#stream !== undefined || this.#isOver || !this.#options.acceptsEvents) return;
    const id = this.#owner.beginStream(this);
    this.#streamId = id;
    this.#stream = new EventStream();
    if (this.#options.acceptsPriming) this.#stream.prime(`${id}-0`);
    this.#settle({ kind: "stream", stream: this.#stream });
    if (this.#answer !== undefined) this.#emit(this.#answer.text);
  }

  /** Continues in the stream of a client that has reconnected. */
  resume(stream: EventStream): void {
    this.#stream?.end();
    this.#stream = stream;
  }

  /** Ends the response without an answer, because the session has ended. */
  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#stream === undefined) this.#settle({ kind: "gone" });
    else this.#stream.end();
  }

  #emit(text: string): void {
    if (this.#streamId === undefined) return;
    const id = this.#owner.keep(this.#streamId, text);
    this.#stream?.send(id, text);
  }
}
