import type { ResponseWriter } from "../../jsonrpc/mod.ts";
import { EventStream } from "./event_stream.ts";

/** The result of a POST, from which its HTTP response is created. */
export type PostResult =
  /** The POST contained no request. */
  | { readonly kind: "accepted" }
  /** One answer, or all answers to a batch; `isInvalid` if the body was not a valid message. */
  | { readonly kind: "message"; readonly text: string; readonly isInvalid: boolean }
  /** A stream of messages that ends with the answer. */
  | { readonly kind: "stream"; readonly stream: EventStream }
  /** The session has ended in the meantime. */
  | { readonly kind: "session-ended" };

/** The session of a response. It numbers the streams and keeps their messages. */
export interface StreamOwner {
  /** Sends a message of a call whose response has ended or cannot be a stream. */
  send(text: string): void;
  /** Registers a stream for the response and returns its number. */
  beginStream(response: PostResponseWriter): number;
  /** Keeps a message of a stream for a client that reconnects, and returns the id of its event. */
  keepForReplay(stream: number, text: string): string;
  /** Removes a finished response; nothing more is sent on its stream. */
  removeResponse(response: PostResponseWriter, stream: number | undefined): void;
}

/** Options of a response: what the client accepts. */
export interface PostResponseOptions {
  /** Whether the client accepts an event stream. */
  readonly acceptsEvents: boolean;
  /** Whether the client accepts events without a message. */
  readonly acceptsPriming: boolean;
  /** Time after which a stream starts if the answer is not complete, in milliseconds. */
  readonly streamAfterMs: number;
}

/**
 * The response to one POST: a single message if the answer comes soon and without other messages, and
 * otherwise a stream, which the client can resume after losing the connection.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server}
 */
export class PostResponseWriter implements ResponseWriter {
  /** Resolves when the kind of response is certain. */
  readonly result: Promise<PostResult>;
  /** Time when a stream starts, on the clock of `performance.now()`. */
  readonly startStreamAt: number;
  readonly #owner: StreamOwner;
  readonly #options: PostResponseOptions;
  readonly #settle: (result: PostResult) => void;
  // The answer, unless it was sent on a stream.
  #answer: string | undefined;
  #isInvalid = false;
  #stream: EventStream | undefined;
  #streamNumber: number | undefined;
  #hasEnded = false;

  constructor(owner: StreamOwner, options: PostResponseOptions) {
    const { promise, resolve } = Promise.withResolvers<PostResult>();
    this.result = promise;
    this.#settle = resolve;
    this.#owner = owner;
    this.#options = options;
    this.startStreamAt = performance.now() + options.streamAfterMs;
  }

  get stream(): EventStream | undefined {
    return this.#stream;
  }

  answer(text: string, id: string | undefined): void {
    if (this.#stream !== undefined) return this.#sendOnStream(text);
    this.#answer = text;
    this.#isInvalid = id === undefined;
  }

  notify(text: string): void {
    if (this.#hasEnded || !this.#options.acceptsEvents) return this.#owner.send(text);
    this.startStream();
    this.#sendOnStream(text);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#stream !== undefined) this.#stream.end();
    else if (this.#answer !== undefined) {
      this.#settle({ kind: "message", text: this.#answer, isInvalid: this.#isInvalid });
    } else this.#settle({ kind: "accepted" });
    this.#owner.removeResponse(this, this.#streamNumber);
  }

  /** Starts a stream, unless there is one or the client does not accept streams. */
  startStream(): void {
    if (this.#stream !== undefined || this.#hasEnded || !this.#options.acceptsEvents) return;
    const number = this.#owner.beginStream(this);
    this.#streamNumber = number;
    this.#stream = new EventStream();
    if (this.#options.acceptsPriming) this.#stream.prime(`${number}-0`);
    this.#settle({ kind: "stream", stream: this.#stream });
    if (this.#answer !== undefined) this.#sendOnStream(this.#answer);
  }

  /** Continues on the stream of a client that has reconnected. */
  resume(stream: EventStream): void {
    this.#stream?.end();
    this.#stream = stream;
  }

  /** Ends the response without an answer, because the session has ended. */
  abandon(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#stream === undefined) this.#settle({ kind: "session-ended" });
    else this.#stream.end();
  }

  #sendOnStream(text: string): void {
    if (this.#streamNumber === undefined) return;
    const id = this.#owner.keepForReplay(this.#streamNumber, text);
    this.#stream?.send({ id, message: text });
  }
}
