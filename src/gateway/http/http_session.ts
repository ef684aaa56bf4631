import type { Channel, ChannelHandler } from "../../jsonrpc/mod.ts";
import type { Credential } from "./authentication.ts";
import type { Budget } from "./budget.ts";
import { EventStream } from "./event_stream.ts";
import { type PostOptions, PostResponse, type StreamOwner } from "./post_response.ts";
import { Replay } from "./replay.ts";

/** The stream that a client opens itself, for what belongs to no call. */
const OWN_STREAM = 0;

/** What a session is made with. */
export interface HttpSessionOptions {
  /** Who opened it; `undefined` where no credentials are configured. */
  readonly credential: Credential | undefined;
  /** How much is kept for clients that lost it, in UTF-16 code units. */
  readonly replay: number;
  /** What all sessions keep together, in the same unit. */
  readonly budget: Budget;
}

/**
 * A client's session over HTTP: a channel whose messages come in POSTs and leave in the answers to
 * them, or in a stream that the client opens.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class HttpSession implements Channel, StreamOwner {
  /** Names the session to its client; whoever has it may use it, so it is never logged. */
  readonly id: string = crypto.randomUUID();
  /** When it was opened, on the clock of `performance.now()`. */
  readonly openedAt: number = performance.now();
  /** Who opened it; a renewed credential takes the place of the former one. */
  credential: Credential | undefined;
  /** When it was last used, on the same clock. */
  usedAt: number = performance.now();
  /**
   * Whether the client has closed its stream and sent nothing since. Clients hold their stream open,
   * and open it again when they lose it; one that does neither is probably gone.
   */
  hasLeft = false;
  readonly #replay: Replay;
  readonly #responses = new Set<PostResponse>();
  readonly #streams = new Map<number, PostResponse>();
  readonly #places = new Map<number, number>();
  #handler: ChannelHandler | undefined;
  #own: EventStream | undefined;
  // Up to here the client has been sent what belongs to no call; the rest waits for its stream.
  #ownSent = 0;
  #lastStream = OWN_STREAM;
  #isOver = false;

  /** @param options Who opened it, and what is kept. */
  constructor({ credential, replay, budget }: HttpSessionOptions) {
    this.credential = credential;
    this.#replay = new Replay(replay, budget);
  }

  /** Whether a call is under way, or a stream open. */
  get isInUse(): boolean {
    return this.#responses.size > 0 || this.#own?.isOpen === true;
  }

  /** Takes a message of the client. */
  take(text: string, bytes: number, options: PostOptions): PostResponse {
    const response = this.#openResponse(options);
    if (!this.#isOver) this.#handler?.message(text, bytes, response);
    return response;
  }

  /** Takes bytes of the client that are no text. */
  takeDropped(bytes: Uint8Array, options: PostOptions): PostResponse {
    const response = this.#openResponse(options);
    if (this.#isOver) return response;
    this.#handler?.dropped(
      { reason: "not-utf8", bytes: bytes.length, head: "", tail: "" },
      response,
    );
    return response;
  }

  /**
   * Opens the stream for what belongs to no call; one that was open before ends.
   *
   * @param from Place of the last message that the client has.
   */
  listen(from: number = this.#ownSent): EventStream {
    this.#noteUse();
    const stream = new EventStream();
    const last = this.#own;
    this.#own = stream;
    last?.end();
    stream.whenOver(() => {
      this.usedAt = performance.now();
      // A stream that another one took the place of is no sign.
      this.hasLeft ||= this.#own === stream;
    });
    for (const { place, text } of this.#replay.find(OWN_STREAM)) {
      if (place > from) this.#sendOwn(place, text);
    }
    return stream;
  }

  /**
   * Goes on with a stream that the client lost.
   *
   * @param lastId Id of the last message that it has.
   * @returns `undefined` where what follows is not known any more.
   */
  resume(lastId: string): EventStream | undefined {
    const [, streamText, placeText] = /^(\d{1,15})-(\d{1,15})$/.exec(lastId) ?? [];
    if (streamText === undefined) return undefined;
    const [number, from] = [Number(streamText), Number(placeText)];
    // Whatever is lost of it, the client needs it for what is to come.
    if (number === OWN_STREAM) return this.listen(from);
    const response = this.#streams.get(number);
    const kept = this.#replay.find(number);
    const events = kept.filter(({ place }) => place > from);
    if (response === undefined && events.length === 0) return undefined;
    // The oldest messages are the first that are kept no longer.
    const firstPlace = kept[0]?.place ?? (this.#places.get(number) ?? 0) + 1;
    if (firstPlace > from + 1) return undefined;
    this.#noteUse();
    const stream = new EventStream();
    for (const { place, text } of events) stream.send(eventId(number, place), text);
    if (response === undefined) stream.end();
    else response.resume(stream);
    return stream;
  }

  /** Begins streams for calls that have been open for long, and keeps open streams alive. */
  tick({ keepAlive }: { readonly keepAlive: boolean }): void {
    const now = performance.now();
    for (const response of this.#responses) {
      if (response.stream === undefined && now >= response.streamAt) response.begin();
      else if (keepAlive) response.stream?.keepAlive();
    }
    if (keepAlive) this.#own?.keepAlive();
  }

  open(handler: ChannelHandler): void {
    this.#handler = handler;
  }

  /** Sends what belongs to no call. */
  send(text: string): void {
    if (this.#isOver) return;
    const place = this.#keep(OWN_STREAM, text);
    if (this.#own?.isOpen) this.#sendOwn(place, text);
  }

  /** Answers are on their way as soon as they are known; those who write them see to the rest. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the session: its streams, and the calls that are under way. May be called again. */
  close(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#isOver = true;
    this.#own?.end();
    for (const response of this.#responses) response.abandon();
    this.#responses.clear();
    this.#streams.clear();
    this.#replay.clear();
    this.#handler?.closed();
    return Promise.resolve();
  }

  beginStream(response: PostResponse): number {
    this.#streams.set(++this.#lastStream, response);
    return this.#lastStream;
  }

  keep(stream: number, text: string): string {
    return eventId(stream, this.#keep(stream, text));
  }

  forget(response: PostResponse, stream: number | undefined): void {
    this.usedAt = performance.now();
    this.#responses.delete(response);
    if (stream === undefined) return;
    this.#streams.delete(stream);
    this.#places.delete(stream);
  }

  /** The client has sent a request. */
  #noteUse(): void {
    this.usedAt = performance.now();
    this.hasLeft = false;
  }

  /** The session may have ended while the message came in. */
  #openResponse(options: PostOptions): PostResponse {
    this.#noteUse();
    const response = new PostResponse(this, options);
    if (this.#isOver) response.abandon();
    else this.#responses.add(response);
    return response;
  }

  #keep(stream: number, text: string): number {
    const place = (this.#places.get(stream) ?? 0) + 1;
    this.#places.set(stream, place);
    if (!this.#isOver) this.#replay.add({ stream, place, text });
    return place;
  }

  #sendOwn(place: number, text: string): void {
    this.#ownSent = place;
    this.#own?.send(eventId(OWN_STREAM, place), text);
  }
}

function eventId(stream: number, place: number): string {
  return `${stream}-${place}`;
}
