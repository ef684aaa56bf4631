import type { Channel, ChannelHandler, Message } from "../../jsonrpc/mod.ts";
import type { Credential } from "./authentication.ts";
import type { Budget } from "../../budget.ts";
import type { HeldDataLimit } from "./held_data.ts";
import { EventStream, type StreamEvent } from "./event_stream.ts";
import { type PostResponseOptions, PostResponseWriter, type StreamOwner } from "./post_response.ts";
import { ReplayBuffer, type SentEvent } from "./replay_buffer.ts";

/** Number of the stream that a client opens with GET, for messages outside of calls. */
const GET_STREAM = 0;

/** Options of a session. */
export interface HttpSessionOptions {
  /** The credential of the client; `undefined` if none are configured. */
  readonly credential: Credential | undefined;
  /** Maximum size of the messages kept for a client that reconnects, in UTF-16 code units. */
  readonly maxReplayChars: number;
  /** The memory budget of the client's agent. */
  readonly memory: Budget;
  /** The limit on the kept messages of all sessions, in UTF-16 code units. */
  readonly heldData: HeldDataLimit;
}

/**
 * A client's session over HTTP: a channel that receives messages in POST requests, and sends messages in
 * the responses to them, or on a stream that the client opens with GET.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class HttpSession implements Channel, StreamOwner {
  /** The session id. It gives access to the session, so it is never logged. */
  readonly id: string = crypto.randomUUID();
  /** Time when the session was opened, on the clock of `performance.now()`. */
  readonly openedAt: number = performance.now();
  /** The credential of the latest request; it changes when the client renews its JWT. */
  credential: Credential | undefined;
  /** Time of the last use, on the clock of `performance.now()`. */
  lastUsedAt: number = performance.now();
  /**
   * Whether the client has lost its stream and sent nothing since. Clients reopen a stream that they lose,
   * so the client is probably gone.
   */
  isAbandoned = false;
  /** The memory budget of the client's agent. */
  readonly memory: Budget;
  readonly #replay: ReplayBuffer;
  readonly #responses = new Set<PostResponseWriter>();
  // The responses that have become streams, by number of the stream.
  readonly #streams = new Map<number, PostResponseWriter>();
  // Position of the last message of each stream.
  readonly #lastPositions = new Map<number, number>();
  #handler: ChannelHandler | undefined;
  #getStream: EventStream | undefined;
  // Position of the last message that was sent on the GET stream. Later messages wait until it is opened again.
  #lastSentPosition = 0;
  #lastStreamNumber = GET_STREAM;
  #isClosed = false;

  constructor({ credential, maxReplayChars, memory, heldData }: HttpSessionOptions) {
    this.credential = credential;
    this.memory = memory;
    this.#replay = new ReplayBuffer(maxReplayChars, { memory, heldData });
  }

  /** Whether a POST is being answered or the GET stream is open. */
  get isInUse(): boolean {
    return this.#responses.size > 0 || this.#getStream?.isOpen === true;
  }

  /** Receives a message from the client. */
  receive(message: Message, options: PostResponseOptions): PostResponseWriter {
    const response = this.#openResponse(options);
    if (!this.#isClosed) this.#handler?.receiveParsed?.(message, response);
    return response;
  }

  /**
   * Opens the stream for messages outside of calls, and ends the previous one.
   *
   * @param afterPosition Position of the last message that the client received.
   */
  openGetStream(afterPosition: number = this.#lastSentPosition): EventStream {
    this.#recordUse();
    const stream = new EventStream();
    const previousStream = this.#getStream;
    this.#getStream = stream;
    previousStream?.end();
    stream.onEnd(() => {
      this.lastUsedAt = performance.now();
      // A stream that was replaced by another was not lost.
      this.isAbandoned ||= this.#getStream === stream;
    });
    const events = this.#replay.find(GET_STREAM).filter(({ position }) => position > afterPosition);
    this.#lastSentPosition = events.at(-1)?.position ?? this.#lastSentPosition;
    stream.sendAll(events.map(identifyEvent));
    return stream;
  }

  /**
   * Resumes a stream that the client lost.
   *
   * @param lastId Id of the last message that the client received.
   * @returns `undefined` if the id is unknown, or the messages after it are no longer kept.
   */
  resume(lastId: string): EventStream | undefined {
    const [, streamText, positionText] = /^(\d{1,15})-(\d{1,15})$/.exec(lastId) ?? [];
    if (streamText === undefined) return undefined;
    const [streamNumber, afterPosition] = [Number(streamText), Number(positionText)];
    // Even if messages were lost, the client needs this stream for the next messages.
    if (streamNumber === GET_STREAM) return this.openGetStream(afterPosition);
    const response = this.#streams.get(streamNumber);
    const keptEvents = this.#replay.find(streamNumber);
    const events = keptEvents.filter(({ position }) => position > afterPosition);
    if (response === undefined && events.length === 0) return undefined;
    // The oldest messages are dropped first, so the first kept message shows whether any are missing.
    const firstPosition = keptEvents[0]?.position ??
      (this.#lastPositions.get(streamNumber) ?? 0) + 1;
    if (firstPosition > afterPosition + 1) return undefined;
    this.#recordUse();
    const stream = new EventStream();
    stream.sendAll(events.map(identifyEvent));
    if (response === undefined) stream.end();
    else response.resume(stream);
    return stream;
  }

  /** Starts streams for calls that take long. */
  startDueStreams(): void {
    const now = performance.now();
    for (const response of this.#responses) {
      if (now >= response.startStreamAt) response.startStream();
    }
  }

  /** Sends keep-alive comments on the open streams. */
  keepStreamsAlive(): void {
    for (const response of this.#responses) response.stream?.keepAlive();
    this.#getStream?.keepAlive();
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** Sends a message outside of calls. */
  send(text: string): void {
    if (this.#isClosed) return;
    const position = this.#keepMessage(GET_STREAM, text);
    if (this.#getStream?.isOpen) this.#sendOnGetStream(position, text);
  }

  /** Resolves immediately: the session passes messages on without a queue. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the session with its streams and active calls. Idempotent. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    this.#getStream?.end();
    for (const response of this.#responses) response.abandon();
    this.#responses.clear();
    this.#streams.clear();
    this.#replay.clear();
    this.#handler?.closed();
    return Promise.resolve();
  }

  beginStream(response: PostResponseWriter): number {
    this.#streams.set(++this.#lastStreamNumber, response);
    return this.#lastStreamNumber;
  }

  keepForReplay(stream: number, text: string): string {
    return eventId(stream, this.#keepMessage(stream, text));
  }

  removeResponse(response: PostResponseWriter, stream: number | undefined): void {
    this.lastUsedAt = performance.now();
    this.#responses.delete(response);
    if (stream === undefined) return;
    this.#streams.delete(stream);
    this.#lastPositions.delete(stream);
  }

  /** Records that the client has sent a request. */
  #recordUse(): void {
    this.lastUsedAt = performance.now();
    this.isAbandoned = false;
  }

  /** Creates the response to a message. The session may have ended while the message was read. */
  #openResponse(options: PostResponseOptions): PostResponseWriter {
    this.#recordUse();
    const response = new PostResponseWriter(this, options);
    if (this.#isClosed) response.abandon();
    else this.#responses.add(response);
    return response;
  }

  #keepMessage(stream: number, text: string): number {
    const position = (this.#lastPositions.get(stream) ?? 0) + 1;
    this.#lastPositions.set(stream, position);
    if (!this.#isClosed) this.#replay.add({ stream, position, text });
    return position;
  }

  #sendOnGetStream(position: number, text: string): void {
    this.#lastSentPosition = position;
    this.#getStream?.send({ id: eventId(GET_STREAM, position), message: text });
  }
}

function identifyEvent({ stream, position, text }: SentEvent): StreamEvent {
  return { id: eventId(stream, position), message: text };
}

function eventId(stream: number, position: number): string {
  return `${stream}-${position}`;
}
