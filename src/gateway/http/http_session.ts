import type { Channel, ChannelHandler } from "../../jsonrpc/mod.ts";
import type { Credential } from "./authentication.ts";
import { EventStream } from "./event_stream.ts";
import { type ExchangeHome, PostExchange, type PostOptions } from "./post_exchange.ts";
import { Replay, type ReplayBudget } from "./replay.ts";

/** The stream that a client opens itself, for what belongs to no call. */
const OWN_STREAM = 0;

/** What a session is made with. */
export interface HttpSessionOptions {
  /** Who opened it; `undefined` where no credentials are configured. */
  readonly credential: Credential | undefined;
  /** How much is kept for clients that lost it, in UTF-16 code units. */
  readonly replay: number;
  /** What all sessions keep together. */
  readonly budget: ReplayBudget;
}

/**
 * A client's session over HTTP: a channel whose messages come in POSTs and leave in the answers to
 * them, or in a stream that the client opens.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http}
 */
export class HttpSession implements Channel, ExchangeHome {
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
  readonly #exchanges = new Set<PostExchange>();
  readonly #streams = new Map<number, PostExchange>();
  readonly #places = new Map<number, number>();
  #handler: ChannelHandler | undefined;
  #own: EventStream | undefined;
  // Up to here the client has been sent what belongs to no call; the rest waits for its stream.
  #ownSent = 0;
  #lastStream = OWN_STREAM;
  #isOver = false;

  /** @param options See there. */
  constructor({ credential, replay, budget }: HttpSessionOptions) {
    this.credential = credential;
    this.#replay = new Replay(replay, budget);
  }

  /** Whether a call is under way, or a stream open. */
  get isInUse(): boolean {
    return this.#exchanges.size > 0 || this.#own?.isOpen === true;
  }

  /** Takes a message of the client. */
  take(text: string, bytes: number, options: PostOptions): PostExchange {
    const exchange = this.#openExchange(options);
    if (!this.#isOver) this.#handler?.message(text, bytes, exchange);
    return exchange;
  }

  /** Takes bytes of the client that are no text. */
  takeDropped(bytes: Uint8Array, options: PostOptions): PostExchange {
    const exchange = this.#openExchange(options);
    if (this.#isOver) return exchange;
    this.#handler?.dropped(
      { reason: "not-utf8", bytes: bytes.length, head: "", tail: "" },
      exchange,
    );
    return exchange;
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
    for (const event of this.#replay.rest(OWN_STREAM, from)) this.#sendOwn(event.place, event.text);
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
    if (this.#replay.hasLost(number, from)) return undefined;
    const events = this.#replay.rest(number, from);
    const exchange = this.#streams.get(number);
    if (exchange === undefined && events.length === 0) return undefined;
    this.#noteUse();
    const stream = new EventStream();
    for (const { place, text } of events) stream.send(eventId(number, place), text);
    if (exchange === undefined) stream.end();
    else exchange.resume(stream);
    return stream;
  }

  /** Begins streams for calls that have been open for long, and keeps open streams alive. */
  tend({ keepAlive }: { readonly keepAlive: boolean }): void {
    const now = performance.now();
    for (const exchange of this.#exchanges) {
      if (exchange.stream === undefined && now >= exchange.streamAt) exchange.begin();
      else if (keepAlive) exchange.stream?.keepAlive();
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
    for (const exchange of this.#exchanges) exchange.abandon();
    this.#exchanges.clear();
    this.#streams.clear();
    this.#replay.clear();
    this.#handler?.closed();
    return Promise.resolve();
  }

  beginStream(exchange: PostExchange): number {
    this.#streams.set(++this.#lastStream, exchange);
    return this.#lastStream;
  }

  keep(stream: number, text: string): string {
    return eventId(stream, this.#keep(stream, text));
  }

  forget(exchange: PostExchange, stream: number | undefined): void {
    this.usedAt = performance.now();
    this.#exchanges.delete(exchange);
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
  #openExchange(options: PostOptions): PostExchange {
    this.#noteUse();
    const exchange = new PostExchange(this, options);
    if (this.#isOver) exchange.abandon();
    else this.#exchanges.add(exchange);
    return exchange;
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
