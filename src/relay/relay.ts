import type { ByteReader } from "../bytes.ts";
import { fieldsOf } from "../json.ts";
import { ENDING_METHOD, SharingError, type SocketStream } from "../shared_socket/mod.ts";
import { startTimer, within } from "../within.ts";
import { type MessageHead, readHeads, readId } from "./message_head.ts";
import { Handshake } from "./handshake.ts";
import { filterLines, LineBuffer } from "./line_buffer.ts";
import { Link } from "./link.ts";
import {
  describeRequest,
  type OpenRequest,
  writeEndedAnswer,
  writeUnsentAnswer,
} from "./relay_answers.ts";

/** Number of attempts to send lines, while each daemon ends before it has received any. */
const SEND_ATTEMPTS = 5;

/** Time from a failed attempt to connect to the next one, in milliseconds. */
const RETRY_MS = 1000;

/** Time to wait for the first request, to answer it with the reason why there is no daemon, in milliseconds. */
const FIRST_REQUEST_MS = 2000;

/** Time for the last answers after the client has closed its end, in milliseconds; a daemon gives calls 1 s. */
const LAST_ANSWERS_MS = 3000;

const CANCELLED = "notifications/cancelled";

/** Options of a relay. */
export interface RelayOptions {
  /** The client's bytes. */
  readonly input: ByteReader;
  /** Writes bytes to the client. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /**
   * Connects to a daemon.
   *
   * @returns `undefined` if the daemon has ended at once, so that the next attempt may succeed.
   * @throws {Error} If there is no daemon that can be used.
   */
  readonly open: () => Promise<{ readonly stream: SocketStream } | undefined>;
}

/** A request or notification of the client, with its line. */
interface Message {
  readonly head: MessageHead;
  readonly line: Uint8Array;
}

/** Lines of the client. */
interface RoutedLines {
  readonly messages: readonly Message[];
  /** The requests among them, except those that a later line cancels. */
  readonly requests: readonly OpenRequest[];
  /** The lines for the daemon that gets new requests. */
  readonly forCurrent: Uint8Array;
}

/**
 * Passes the lines of one client to a daemon, and the daemon's lines to the client. If the daemon is killed, the relay
 * answers the open requests. If the daemon announces its end, it answers them itself. Both times, the client's next
 * message goes to another daemon; so does an `initialize` that was not answered, because the client waits for it.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #handshake = new Handshake();
  /** All connections: that of new requests, and those of daemons that are ending. */
  readonly #links = new Set<Link>();
  readonly #clientGone = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<undefined>();
  /** The last connection that was opened; new requests go there while it is usable. */
  #link: Link | undefined;
  #opening: Promise<Link | undefined> | undefined;
  /** The earliest time of the next attempt to connect. */
  #retryAtMs = 0;
  /** Whether the client has closed its end, so that no further daemon is opened for it. */
  #isFinishing = false;
  #resending: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Whether there is a daemon that gets new requests. */
  get isConnected(): boolean {
    return this.#link?.isUsable === true;
  }

  /**
   * Passes messages on until the client has closed its end and its calls are answered.
   *
   * @throws {Error} The reason why there is no daemon, if there has not been one yet.
   */
  async run(): Promise<void> {
    try {
      await this.#openIfNeeded();
    } catch (error) {
      // Clients show the error of their first request, but not the standard error of a program that ends. If a daemon does
      // not start, the relay behaves as a gateway that is not shared: it prints the daemon's error and ends.
      if (error instanceof SharingError) await this.#refuseFirstRequests(error.message);
      throw error;
    }
    await Promise.race([this.#passOn(), this.#clientGone.promise]);
  }

  /** Ends the client's input, also while a daemon starts. */
  stop(): void {
    this.#isFinishing = true;
    this.#stopped.resolve(undefined);
    void this.#options.input.cancel();
  }

  async #passOn(): Promise<void> {
    const { input } = this.#options;
    const lines = new LineBuffer();
    for (let chunk = await input.read(); !chunk.done; chunk = await input.read()) {
      for (const { bytes, isWhole } of lines.push(chunk.value)) {
        if (isWhole) await this.#sendLines(bytes);
        else await this.#link?.send(bytes);
      }
    }
    const lastLine = lines.takeLast();
    if (lastLine !== undefined) await this.#sendLines(lastLine);
    await this.#finish();
  }

  /** Answers the client's first requests with the reason why there is no daemon. */
  async #refuseFirstRequests(reason: string): Promise<void> {
    const { input } = this.#options;
    const lines = new LineBuffer();
    const refuse = async (): Promise<void> => {
      for (let chunk = await input.read(); !chunk.done; chunk = await input.read()) {
        for (const { bytes } of lines.push(chunk.value)) {
          const { requests } = this.#routeLines(bytes);
          if (requests.length > 0) return await this.#refuse(requests, reason);
        }
      }
    };
    await within(refuse(), FIRST_REQUEST_MS);
  }

  /** Lets the daemons answer what they have received. */
  async #finish(): Promise<void> {
    this.#isFinishing = true;
    await this.#resending;
    for (const link of this.#links) void link.endSending();
    const stopTimer = startTimer(LAST_ANSWERS_MS, () => {
      for (const link of this.#links) link.close();
    });
    await Promise.all([...this.#links].map((link) => link.ended));
    stopTimer();
    await this.#writing;
  }

  /** Sends whole lines to a daemon; to the next one if this one has ended before it received any. */
  async #sendLines(lines: Uint8Array): Promise<void> {
    const { messages, requests, forCurrent } = this.#routeLines(lines);
    let bytes = forCurrent;
    let reason = "each one ended at once; agent-mcp-gateway logs shows the last lines of its log";
    for (let attempt = 0; attempt < SEND_ATTEMPTS && bytes.length > 0; attempt++) {
      let link: Link | undefined;
      try {
        link = await this.#openIfNeeded();
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        break;
      }
      if (await link?.send(bytes, requests)) {
        for (const { head, line } of messages) this.#handshake.keepIfNeeded(head, line);
        if (link?.hasEnded) await this.#answerForEnded(link);
        return;
      }
      await link?.ended;
      if (this.#isFinishing) break;
      // Only the daemon that has ended waits for the answers to its questions, so these lines are dropped.
      bytes = filterLines(bytes, (line) => this.#findTarget(readHeads(line)) === "current");
    }
    await this.#refuse(requests, reason);
  }

  /** Reads lines of the client, and takes out those for other daemons, or for none. */
  #routeLines(lines: Uint8Array): RoutedLines {
    const messages: Message[] = [];
    const requests = new Map<string, OpenRequest>();
    const { hasSession } = this.#handshake;
    const forCurrent = filterLines(lines, (line) => {
      const heads = readHeads(line);
      for (const head of heads) {
        const { id, method, params } = head;
        if (method === undefined) continue;
        messages.push({ head, line });
        if (id !== undefined) requests.set(id, describeRequest(head, { id, hasSession }));
        else if (method === CANCELLED) requests.delete(readId(params?.requestId) ?? "");
      }
      const target = this.#findTarget(heads);
      if (target === "current" || (target === this.#link && this.isConnected)) return true;
      void target?.send(line.slice());
      return false;
    });
    return { messages, requests: [...requests.values()], forCurrent };
  }

  /** Finds the connection for a line; `undefined` if its daemon has ended. */
  #findTarget(heads: readonly MessageHead[]): Link | "current" | undefined {
    const targets = heads.map(({ id, method, isAnswer, params }) => {
      if (method === CANCELLED) return this.#linkOfCancelled(params) ?? "current";
      return isAnswer && id !== undefined ? this.#linkThatAsked(id) : "current";
    });
    return targets.length === 0 || targets.includes("current") ? "current" : targets[0];
  }

  /** Returns the connection whose daemon has asked the client with this id. */
  #linkThatAsked(id: string): Link | undefined {
    return this.#links.values().find(({ questions }) => questions.delete(id));
  }

  /** Forgets a cancelled request, which the daemon does not answer; returns its connection. */
  #linkOfCancelled(params: MessageHead["params"]): Link | undefined {
    const id = readId(params?.requestId) ?? "";
    return this.#links.values().find((link) => link.forget(id));
  }

  /** Returns the connection for new requests; opens one if there is none. */
  #openIfNeeded(): Promise<Link | undefined> {
    if (this.#opening === undefined && this.isConnected) return Promise.resolve(this.#link);
    this.#opening ??= this.#openLink().finally(() => this.#opening = undefined);
    return this.#opening;
  }

  async #openLink(): Promise<Link | undefined> {
    this.#link = undefined;
    try {
      await this.#pauseAfterFailure();
      if (!this.#isFinishing) {
        this.#link = await Promise.race([this.#connect(), this.#stopped.promise]);
      }
    } finally {
      if (this.#link === undefined) this.#retryAtMs = performance.now() + RETRY_MS;
    }
    return this.#link;
  }

  async #pauseAfterFailure(): Promise<void> {
    const pauseMs = this.#retryAtMs - performance.now();
    if (pauseMs > 0) await within(this.#stopped.promise, pauseMs);
  }

  /** Opens a connection, and repeats the client's handshake on it; `undefined` if the daemon ends meanwhile. */
  async #connect(): Promise<Link | undefined> {
    const daemon = await this.#options.open();
    if (daemon === undefined) return undefined;
    const link = new Link(daemon.stream);
    this.#links.add(link);
    link.ended = this.#receive(link).finally(() => this.#endLink(link));
    await this.#repeatHandshake(link);
    return link.isUsable ? link : undefined;
  }

  async #repeatHandshake(link: Link): Promise<void> {
    const { initialize, afterInitialize } = this.#handshake;
    if (initialize?.id === undefined) return;
    link.repeatedIds.add(initialize.id);
    const initialized = new Promise<Uint8Array>((resolve) => link.onInitialized = resolve);
    await link.send(initialize.line);
    const answer = await Promise.race([initialized, link.ended]);
    for (const { id, line } of afterInitialize) {
      if (id !== undefined) link.repeatedIds.add(id);
      await link.send(line);
    }
    if (answer !== undefined) await this.#announceLists(answer);
  }

  /** Notifies the client that its lists may have changed: the new daemon does not know which lists the client has. */
  async #announceLists(answer: Uint8Array): Promise<void> {
    const { result } = fieldsOf(JSON.parse(new TextDecoder().decode(answer)));
    const capabilities = fieldsOf(fieldsOf(result)["capabilities"]);
    const lists = this.#handshake.requestedLists
      .filter((list) => fieldsOf(capabilities[list])["listChanged"] === true);
    const lines = lists.map((list) =>
      `{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}\n`
    );
    await this.#writeText(lines.join(""));
  }

  /** Passes the daemon's lines on until the connection ends. */
  async #receive(link: Link): Promise<void> {
    const { received } = link;
    for (let chunk = await link.read(); chunk !== undefined; chunk = await link.read()) {
      for (const { bytes, isWhole } of received.push(chunk)) {
        await this.#write(isWhole ? this.#withoutRelayLines(link, bytes) : bytes);
      }
    }
    if (received.isInLongLine) await this.#writeText("\n");
  }

  /** Reads the daemon's lines, and takes out those for the relay. */
  #withoutRelayLines(link: Link, lines: Uint8Array): Uint8Array {
    return filterLines(lines, (line) => {
      const heads = readHeads(line);
      const isForRelay = heads.map((head) => this.#isForRelay(link, { head, line }));
      return !isForRelay.includes(true);
    });
  }

  /** Reads a message of the daemon; returns whether it is for the relay and not for the client. */
  #isForRelay(link: Link, { head: { id, method, params }, line }: Message): boolean {
    if (method === CANCELLED) link.questions.delete(readId(params?.requestId) ?? "");
    if (method === ENDING_METHOD) {
      link.isUsable = false;
      return true;
    }
    if (id === undefined) return false;
    if (method !== undefined) {
      link.questions.add(id);
      return false;
    }
    if (!link.repeatedIds.delete(id)) {
      link.forget(id);
      return false;
    }
    if (id === this.#handshake.initialize?.id) link.onInitialized(line.slice());
    return true;
  }

  /** Answers everything that the daemon can no longer answer, in both directions. */
  async #endLink(link: Link): Promise<void> {
    link.hasEnded = true;
    link.close();
    this.#links.delete(link);
    const texts = [...link.questions].map((id) =>
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"The shared gateway ended"}}\n`
    );
    await this.#writeText(texts.join(""));
    await this.#answerForEnded(link);
  }

  /** Answers the requests that a daemon has not answered before it ended; sends `initialize` to the next one. */
  async #answerForEnded(link: Link): Promise<void> {
    const requests = link.takeUnanswered();
    const lost = requests.find(({ id }) => id === this.#handshake.initialize?.id);
    const canRepeat = lost !== undefined && !this.#isFinishing;
    const line = canRepeat ? this.#handshake.forgetInitialize() : undefined;
    if (line !== undefined) {
      // A daemon that has got a repeated `initialize` refuses another one.
      this.#link?.close();
      this.#resending = this.#sendLines(line);
    }
    const answered = line === undefined ? requests : requests.filter((request) => request !== lost);
    await this.#writeText(answered.map(writeEndedAnswer).join(""));
  }

  /** Answers requests that no daemon can receive. */
  async #refuse(requests: readonly OpenRequest[], reason: string): Promise<void> {
    await this.#writeText(requests.map((request) => writeUnsentAnswer(request, reason)).join(""));
  }

  #writeText(text: string): Promise<void> {
    return this.#write(new TextEncoder().encode(text));
  }

  /** Writes to the client, after earlier writes. */
  #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return Promise.resolve();
    this.#writing = this.#writing.then(() => this.#options.write(bytes))
      .catch(() => this.#clientGone.resolve());
    return this.#writing;
  }
}
