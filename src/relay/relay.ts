import { ENDING_METHOD, SharingError, type SocketStream } from "../shared_socket/mod.ts";
import { within } from "../within.ts";
import { type Envelope, readEnvelopes } from "./envelope.ts";
import { Handshake } from "./handshake.ts";
import { LineBuffer, splitLines } from "./line_buffer.ts";
import { Link } from "./link.ts";
import { type OpenRequest, openRequest, writeEndedAnswer, writeUnsentAnswer } from "./refusal.ts";

/** Number of attempts to send lines while daemons end. */
const SEND_ATTEMPTS = 3;

/** Number of attempts to get `initialize` answered while daemons end. */
const INITIALIZE_ATTEMPTS = 3;

/** Time to wait for the first request, to answer it with the reason why there is no daemon, in milliseconds. */
const FIRST_REQUEST_MS = 2000;

/** Number of attempts to connect while daemons end. */
const CONNECT_ATTEMPTS = 5;

/** Time from a failed attempt to the next one, in milliseconds. */
const RETRY_MS = 1000;

/** Maximum number of ids of requests whose daemon has ended that are remembered. */
const MAX_ENDED_IDS = 1000;

/** Time for the last answers after the client has closed its end, in milliseconds; a daemon gives calls 1 s. */
const LAST_ANSWERS_MS = 3000;

/** The client's end of the relay. */
export interface ClientStreams {
  /** Reads the client's next bytes, which are valid until the next call; `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Writes bytes to the client. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Options of a relay. */
export interface RelayOptions {
  readonly client: ClientStreams;
  /** Connects to a daemon; rejects if there is none that can be used. */
  readonly open: () => Promise<{ readonly stream: SocketStream }>;
}

/** A request or notification of the client, with its line. */
interface NotedCall {
  readonly envelope: Envelope;
  readonly line: Uint8Array;
}

/** Lines of the client. */
interface NotedLines {
  readonly calls: readonly NotedCall[];
  readonly requests: readonly OpenRequest[];
  /** The lines for the daemon that gets new requests. */
  readonly wanted: Uint8Array;
}

/**
 * Passes the lines of one client to a daemon, and the daemon's lines to the client. If the daemon is killed, it answers
 * the open requests. If the daemon announces its end, it lets the daemon answer them. Both times, it opens another
 * connection with the client's next message.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #handshake = new Handshake();
  /** All connections: that of new requests, and those of daemons that are ending. */
  readonly #links = new Set<Link>();
  /** The ids of requests to the client whose daemon has ended, so that nobody waits for the answer. */
  readonly #endedIds = new Set<string>();
  /** The requests that are being sent. */
  #sending: readonly OpenRequest[] = [];
  readonly #clientGone = Promise.withResolvers<void>();
  #link: Link | undefined;
  #connecting: Promise<void> | undefined;
  /** The request `initialize` if its daemon has ended before it answered. */
  #lostInitialize: OpenRequest | undefined;
  /** Number of connections that ended before `initialize` was answered. */
  #lostInitializations = 0;
  #failure: { readonly error: unknown; readonly atMs: number } | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Whether there is a daemon that gets new requests. */
  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /**
   * Passes messages on until the client has closed its end and its calls are answered.
   *
   * @throws {Error} The reason why there is no daemon, if there has not been one yet.
   */
  async run(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      // A client shows the error of its first request, but not what a program that ends has printed.
      if (error instanceof SharingError) await this.#refuseFirstRequests(error);
      throw error;
    }
    await Promise.race([this.#passOn(), this.#clientGone.promise]);
  }

  async #passOn(): Promise<void> {
    const { client } = this.#options;
    const lines = new LineBuffer();
    for (let chunk = await client.read(); chunk !== undefined; chunk = await client.read()) {
      for (const { bytes, isWhole } of lines.push(chunk)) {
        if (isWhole) await this.#sendLines(bytes);
        else await this.#link?.stream.send(bytes);
      }
    }
    const lastLine = lines.end();
    if (lastLine !== undefined) await this.#sendLines(lastLine);
    await this.#finish();
  }

  /** Answers the client's first requests with the reason why there is no daemon. */
  async #refuseFirstRequests(error: Error): Promise<void> {
    this.#failure = { error, atMs: performance.now() };
    const lines = new LineBuffer();
    const refuse = async (): Promise<void> => {
      const chunk = await this.#options.client.read();
      if (chunk === undefined) return;
      for (const { bytes } of lines.push(chunk)) return await this.#refuseLines(bytes);
      return await refuse();
    };
    await within(refuse(), FIRST_REQUEST_MS);
  }

  /** Lets the daemons answer what they have received. */
  async #finish(): Promise<void> {
    for (const link of this.#links) await link.stream.endSending().catch(() => {});
    const timer = setTimeout(() => {
      for (const link of this.#links) link.stream.close();
    }, LAST_ANSWERS_MS);
    await Promise.all([...this.#links].map((link) => link.ended));
    clearTimeout(timer);
    await this.#writing;
  }

  /** Sends whole lines, to the next daemon if this one has ended before it received any. */
  async #sendLines(lines: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < SEND_ATTEMPTS; attempt++) {
      const link = await this.#findLink();
      if (link === undefined) break;
      const noted = this.#noteLines(lines, link);
      this.#sending = noted.requests;
      const isSent = await link.stream.send(noted.wanted);
      this.#sending = [];
      if (isSent) {
        for (const { envelope, line } of noted.calls) this.#handshake.note(envelope, line);
        if (link.hasEnded) await this.#answerEnded(link, noted.requests);
        return;
      }
      for (const { id } of noted.requests) link.open.delete(id);
      await link.ended;
    }
    await this.#refuseLines(lines);
  }

  /** Notes lines of the client, and takes out those for other daemons, or for none. */
  #noteLines(lines: Uint8Array, link: Link): NotedLines {
    const [calls, requests, kept]: [NotedCall[], OpenRequest[], Uint8Array[]] = [[], [], []];
    let isUnchanged = true;
    for (const line of splitLines(lines)) {
      let target: Link | undefined = link;
      for (const envelope of readEnvelopes(line)) {
        const { id, method, params } = envelope;
        if (method !== undefined) calls.push({ envelope, line });
        if (method === undefined) {
          if (id !== undefined) target = this.#findAsking(id) ?? target;
          if (id !== undefined && this.#endedIds.delete(id)) target = undefined;
        } else if (id !== undefined) {
          const { hasSession } = this.#handshake;
          const request = openRequest(envelope, { id, hasSession });
          link.open.set(id, request);
          requests.push(request);
        } else if (method === "notifications/cancelled") {
          target = this.#cancel(JSON.stringify(params?.requestId)) ?? target;
        }
      }
      isUnchanged &&= target === link;
      if (target === link) kept.push(line);
      else void target?.stream.send(line.slice());
    }
    return { calls, requests, wanted: isUnchanged ? lines : joinLines(kept) };
  }

  /** Returns the connection whose daemon asked the client with this id. */
  #findAsking(id: string): Link | undefined {
    return this.#links.values().find(({ asked }) => asked.delete(id));
  }

  /** Forgets a cancelled request, which the daemon does not answer; returns its connection. */
  #cancel(id: string): Link | undefined {
    return this.#links.values().find(({ open }) => open.delete(id));
  }

  /** Returns the connection; opens one if there is none. `undefined` if that fails. */
  async #findLink(): Promise<Link | undefined> {
    if (this.#connecting !== undefined) await this.#connecting.catch(() => {});
    if (this.#link !== undefined) return this.#link;
    const { atMs = -Infinity } = this.#failure ?? {};
    const pauseMs = atMs + RETRY_MS - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      this.#connecting = this.#connectToAny();
      await this.#connecting;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = { error, atMs: performance.now() };
    } finally {
      this.#connecting = undefined;
    }
    return this.#link;
  }

  /** Opens a connection that lasts at least until the handshake is repeated. */
  async #connectToAny(): Promise<void> {
    for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
      await this.#connect();
      if (this.#link !== undefined) return;
    }
    throw new SharingError("each shared gateway ended at once");
  }

  /** Opens a connection, and repeats what the client has said at the beginning. */
  async #connect(): Promise<void> {
    const { stream } = await this.#options.open();
    const link = new Link(stream);
    this.#link = link;
    this.#links.add(link);
    link.ended = this.#receive(link).finally(() => this.#endLink(link));
    await this.#repeatHandshake(link);
  }

  async #repeatHandshake(link: Link): Promise<void> {
    const { initialize, others } = this.#handshake;
    if (initialize?.id === undefined) return;
    const lost = this.#lostInitialize;
    this.#lostInitialize = undefined;
    if (lost === undefined) link.repeatedIds.add(initialize.id);
    else link.open.set(lost.id, lost);
    const initialized = new Promise<void>((resolve) => link.onInitialized = resolve);
    await link.stream.send(initialize.line);
    if (lost !== undefined) return;
    await Promise.race([initialized, link.ended]);
    for (const { id, line } of others) {
      if (id !== undefined) link.repeatedIds.add(id);
      await link.stream.send(line);
    }
  }

  /** Passes the daemon's lines on until the connection ends. */
  async #receive(link: Link): Promise<void> {
    const reader = link.stream.getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      for (const { bytes, isWhole } of link.lines.push(chunk.value)) {
        await this.#write(isWhole ? this.#takeRepeated(link, bytes) : bytes);
      }
    }
    if (link.lines.isInLine) await this.#writeText("\n");
  }

  /** Notes the daemon's lines, and takes out those for the relay. */
  #takeRepeated(link: Link, lines: Uint8Array): Uint8Array {
    const kept: Uint8Array[] = [];
    let isUnchanged = true;
    for (const line of splitLines(lines)) {
      const isRepeated = readEnvelopes(line).some((envelope) => this.#noteReceived(link, envelope));
      isUnchanged &&= !isRepeated;
      if (!isRepeated) kept.push(line);
    }
    return isUnchanged ? lines : joinLines(kept);
  }

  /** Notes a message of the daemon; returns whether it is for the relay and not for the client. */
  #noteReceived(link: Link, { id, method, params }: Envelope): boolean {
    if (method === "notifications/cancelled") link.asked.delete(JSON.stringify(params?.requestId));
    if (method === ENDING_METHOD) {
      if (this.#link === link) this.#link = undefined;
      return true;
    }
    if (id === undefined) return false;
    if (method !== undefined) {
      link.asked.add(id);
      return false;
    }
    if (!link.repeatedIds.delete(id)) {
      link.open.delete(id);
      return false;
    }
    if (id === this.#handshake.initialize?.id) link.onInitialized();
    return true;
  }

  /** Answers everything that the daemon can no longer answer, in both directions. */
  async #endLink(link: Link): Promise<void> {
    link.hasEnded = true;
    link.stream.close();
    this.#links.delete(link);
    if (this.#link === link) this.#link = undefined;
    const texts = [...link.asked].map((id) => {
      this.#endedIds.add(id);
      return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"The shared gateway ended"}}\n`;
    });
    const excess = Math.max(0, this.#endedIds.size - MAX_ENDED_IDS);
    for (const id of [...this.#endedIds].slice(0, excess)) this.#endedIds.delete(id);
    if (texts.length > 0) await this.#writeText(texts.join(""));
    const initialize = link.open.get(this.#handshake.initialize?.id ?? "");
    if (initialize !== undefined && ++this.#lostInitializations < INITIALIZE_ATTEMPTS) {
      link.open.delete(initialize.id);
      this.#lostInitialize = initialize;
    }
    // Those that are being sent may reach another daemon.
    const sending = new Set(this.#sending.map(({ id }) => id));
    await this.#answerEnded(link, [...link.open.values()].filter(({ id }) => !sending.has(id)));
    // The client sends nothing else before the answer.
    if (this.#lostInitialize !== undefined) await this.#findLink();
  }

  /** Answers requests that the daemon has not answered before it ended. */
  async #answerEnded(link: Link, requests: readonly OpenRequest[]): Promise<void> {
    const texts = requests.flatMap((request) => {
      return link.open.delete(request.id) ? [writeEndedAnswer(request)] : [];
    });
    if (texts.length > 0) await this.#writeText(texts.join(""));
  }

  /** Answers requests that no daemon can receive; other messages are dropped. */
  async #refuseLines(lines: Uint8Array): Promise<void> {
    const { error } = this.#failure ?? {};
    const reason = error instanceof Error ? error.message : String(error);
    const texts: string[] = [];
    for (const line of splitLines(lines)) {
      for (const envelope of readEnvelopes(line)) {
        const { id, method } = envelope;
        if (method === undefined || id === undefined) continue;
        const { hasSession } = this.#handshake;
        texts.push(writeUnsentAnswer(openRequest(envelope, { id, hasSession }), reason));
      }
    }
    if (texts.length > 0) await this.#writeText(texts.join(""));
  }

  #writeText(text: string): Promise<void> {
    return this.#write(new TextEncoder().encode(text));
  }

  /** Writes to the client, after earlier writes. */
  #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return Promise.resolve();
    this.#writing = this.#writing.then(() => this.#options.client.write(bytes))
      .catch(() => this.#clientGone.resolve());
    return this.#writing;
  }
}

function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(lines.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const line of lines) {
    joined.set(line, offset);
    offset += line.length;
  }
  return joined;
}
