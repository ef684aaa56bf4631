import type { Exchange } from "../../jsonrpc/mod.ts";
import { EventStream } from "./event_stream.ts";

/** How a POST is answered. */
export type PostReply =
  /** It asked nothing: 202. */
  | { readonly kind: "accepted" }
  /** One message; refused is what was no request at all. */
  | { readonly kind: "message"; readonly text: string; readonly isRefused: boolean }
  /** A stream of messages, the answer last. */
  | { readonly kind: "stream"; readonly stream: EventStream }
  /** The session has ended meanwhile. */
  | { readonly kind: "gone" };

/** The session of a response, which numbers its streams and keeps what they send. */
export interface StreamOwner {
  /** Sends what belongs to a call that has been answered already. */
  send(text: string): void;
  /** Begins a stream for the response; what it sends is kept for a while. */
  beginStream(response: PostResponse): number;
  /** Keeps a message of a stream, and gives its id. */
  keep(stream: number, text: string): string;
  /** Forgets a response that is over; nothing more is sent on its stream. */
  forget(response: PostResponse, stream: number | undefined): void;
}

/** How a POST may be answered. */
export interface PostOptions {
  /** Whether the client takes a stream of events. */
  readonly takesEvents: boolean;
  /** Whether it knows events without a message. */
  readonly takesPriming: boolean;
  /** After how long a stream begins in any case, in milliseconds. */
  readonly streamAfterMs: number;
}

/**
 * The answer to one POST: a single message where that is all there is to say and it comes soon, and
 * otherwise a stream, which a client that loses it can take up again.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
 */
export class PostResponse implements Exchange {
  /** How the POST is answered, once that is known. */
  readonly reply: Promise<PostReply>;
  /** When a stream is to begin, on the clock of `performance.now()`. */
  readonly streamAt: number;
  readonly #owner: StreamOwner;
  readonly #options: PostOptions;
  readonly #settle: (reply: PostReply) => void;
  #answer: { text: string; isRefused: boolean } | undefined;
  #stream: EventStream | undefined;
  #streamId: number | undefined;
  #isOver = false;

  /**
   * @param owner The session.
   * @param options How the POST may be answered.
   */
  constructor(owner: StreamOwner, options: PostOptions) {
    const { promise, resolve } = Promise.withResolvers<PostReply>();
    this.reply = promise;
    this.#settle = resolve;
    this.#owner = owner;
    this.#options = options;
    this.streamAt = performance.now() + options.streamAfterMs;
  }

  /** The open stream, if there is one. */
  get stream(): EventStream | undefined {
    return this.#stream;
  }

  answer(text: string, id: string | undefined): void {
    if (this.#stream === undefined && this.#answer === undefined) {
      this.#answer = { text, isRefused: id === undefined };
      return;
    }
    // Answers to a batch that are too long for one message.
    this.begin();
    this.#emit(text);
  }

  notify(text: string): void {
    if (this.#isOver || !this.#options.takesEvents) return this.#owner.send(text);
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

  /** Begins a stream, unless there is one, or the client would not take it. */
  begin(): void {
    if (this.#stream !== undefined || this.#isOver || !this.#options.takesEvents) return;
    const id = this.#owner.beginStream(this);
    this.#streamId = id;
    this.#stream = new EventStream();
    if (this.#options.takesPriming) this.#stream.prime(`${id}-0`);
    this.#settle({ kind: "stream", stream: this.#stream });
    if (this.#answer !== undefined) this.#emit(this.#answer.text);
  }

  /** Goes on in a stream of a client that has come back. */
  resume(stream: EventStream): void {
    this.#stream?.end();
    this.#stream = stream;
  }

  /** The session ends; nobody will answer. */
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
