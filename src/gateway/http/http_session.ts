import type { Channel, ChannelHandler } from "../../jsonrpc/mod.ts";
import type { Credential } from "./authentication.ts";
import type { Budget } from "./budget.ts";
import { EventStream } from "./event_stream.ts";
import { type PostOptions, PostResponseWriter, type StreamOwner } from "./post_response.ts";
import { ReplayBuffer } from "./replay.ts";

/** Number of the stream that a client opens with GET, for messages that belong to no call. */
const GET_STREAM = 0;

/** Options of a session. */
export interface HttpSessionOptions {
  /** The credential of the client; `undefined` if none are configured. */
  readonly credential: Credential | undefined;
  /** Maximum size of the messages kept for a client that reconnects, in UTF-16 code units. */
  readonly maxReplayChars: number;
  /** The shared limit on the kept messages of all sessions, in the same unit. */
  readonly budget: Budget;
}

/**
 * A client's session over HTTP: a channel that receives messages in POSTs, and sends messages in their
 * responses or in a stream that the client opens.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class HttpSession implements Channel, StreamOwner {
  /** The session id. It gives access to the session, so it is never logged. */
  readonly id: string = crypto.randomUUID();
  /** Time of opening, on the clock of `performance.now()`. */
  readonly openedAt: number = performance.now();
  /** The credential of the client; a renewed one replaces it. */
  credential: Credential | undefined;
  /** Time of the last use, on the same clock. */
  usedAt: number = performance.now();
  /**
   * Whether the client has closed its stream and sent nothing since. Clients keep their stream open, and
   * reopen it when they lose it; a client that does neither is probably gone.
   */
  isAbandoned = false;
  readonly #replay: ReplayBuffer;
  readonly #responses = new Set<PostResponseWriter>();
  readonly #streams = new Map<number, PostResponseWriter>();
  readonly #positions = new Map<number, number>();
  #handler: ChannelHandler | undefined;
  #getStream: EventStream | undefined;
  // Position of the last message that was sent on the client's stream; later ones wait for it to reopen.
  #getSent = 0;
  #lastStream = GET_STREAM;
  #isOver = false;

  constructor({ credential, maxReplayChars, budget }: HttpSessionOptions) {
    this.credential = credential;
    this.#replay = new ReplayBuffer(maxReplayChars, budget);
  }

  /** Whether a call is active or a stream is open. */
  get isInUse(): boolean {
    return this.#responses.size > 0 || this.#getStream?.isOpen === true;
  }

  /** Receives a message from the client; `bytes` is its size in UTF-8. */
  take(message: { text: string; bytes: number }, options: PostOptions): PostResponseWriter {
    const response = this.#openResponse(options);
    if (!this.#isOver) this.#handler?.message(message.text, message.bytes, response);
    return response;
  }

  /** Receives bytes from the client that are not UTF-8. */
  receiveInvalid(bytes: Uint8Array, options: PostOptions): PostResponseWriter {
    const response = this.#openResponse(options);
    if (this.#isOver) return response;
    this.#handler?.dropped(
      { reason: "not-utf8", bytes: bytes.length, head: "", tail: "" },
      response,
    );
    return response;
  }

  /**
   * Opens the stream for messages that belong to no call; an earlier one ends.
   *
   * @param from Position of the last message that the client received.
   */
  listen(from: number = this.#getSent): EventStream {
    this.#noteUse();
    const stream = new EventStream();
    const last = this.#getStream;
    this.#getStream = stream;
    last?.end();
    stream.whenOver(() => {
      this.usedAt = performance.now();
      // A stream that was replaced by another does not count.
      this.isAbandoned ||= this.#getStream === stream;
    });
    for (const { position, text } of this.#replay.find(GET_STREAM)) {
      if (position > from) this.#sendOnGetStream(position, text);
    }
    return stream;
  }

  /**
   * Resumes a stream that the client lost.
   *
   * @param lastId Id of the last message that the client received.
   * @returns `undefined` if the messages after it are no longer kept.
   */
  resume(lastId: string): EventStream | undefined {
    const [, streamText, positionText] = /^(\d{1,15})-(\d{1,15})$/.exec(lastId) ?? [];
    if (streamText === undefined) return undefined;
    const [number, from] = [Number(streamText), Number(positionText)];
    // Even if messages were lost, the client needs this stream for the next ones.
    if (number === GET_STREAM) return this.listen(from);
    const response = this.#streams.get(number);
    const kept = this.#replay.find(number);
    const events = kept.filter(({ position }) => position > from);
    if (response === undefined && events.length === 0) return undefined;
    // The oldest messages are dropped first.
    const firstPosition = kept[0]?.position ?? (this.#positions.get(number) ?? 0) + 1;
    if (firstPosition > from + 1) return undefined;
    this.#noteUse();
    const stream = new EventStream();
    for (const { position, text } of events) stream.send(eventId(number, position), text);
    if (response === undefined) stream.end();
    else response.resume(stream);
    return stream;
  }

  /** Starts streams for calls that take long, and keeps open streams alive. */
  tick({ keepAlive }: { readonly keepAlive: boolean }): void {
    const now = performance.now();
    for (const response of this.#responses) {
      if (response.stream === undefined && now >= response.streamAt) response.begin();
      else if (keepAlive) response.stream?.keepAlive();
    }
    if (keepAlive) this.#getStream?.keepAlive();
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** Sends a message that belongs to no call. */
  send(text: string): void {
    if (this.#isOver) return;
    const position = this.#keep(GET_STREAM, text);
    if (this.#getStream?.isOpen) this.#sendOnGetStream(position, text);
  }

  /** Resolves immediately: answers are passed on without a queue, and the response writers queue. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the session with its streams and active calls. Idempotent. */
  close(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#isOver = true;
    this.#getStream?.end();
    for (const response of this.#responses) response.abandon();
    this.#responses.clear();
    this.#streams.clear();
    this.#replay.clear();
    this.#handler?.closed();
    return Promise.resolve();
  }

  beginStream(response: PostResponseWriter): number {
    this.#streams.set(++this.#lastStream, response);
    return this.#lastStream;
  }

  keep(stream: number, text: string): string {
    return eventId(stream, this.#keep(stream, text));
  }

  forget(response: PostResponseWriter, stream: number | undefined): void {
    this.usedAt = performance.now();
    this.#responses.delete(response);
    if (stream === undefined) return;
    this.#streams.delete(stream);
    this.#positions.delete(stream);
  }

  /** Notes that the client has sent a request. */
  #noteUse(): void {
    this.usedAt = performance.now();
    this.isAbandoned = false;
  }

  /** Creates the response to a message. The session may have ended while the message arrived. */
  #openResponse(options: PostOptions): PostResponseWriter {
    this.#noteUse();
    const response = new PostResponseWriter(this, options);
    if (this.#isOver) response.abandon();
    else this.#responses.add(response);
    return response;
  }

  #keep(stream: number, text: string): number {
    const position = (this.#positions.get(stream) ?? 0) + 1;
    this.#positions.set(stream, position);
    if (!this.#isOver) this.#replay.add({ stream, position, text });
    return position;
  }

  #sendOnGetStream(position: number, text: string): void {
    this.#getSent = position;
    this.#getStream?.send(eventId(GET_STREAM, position), text);
  }
}

function eventId(stream: number, position: number): string {
  return `${stream}-${position}`;
}
