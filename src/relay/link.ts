import type { ByteReader } from "../bytes.ts";
import type { SocketStream } from "../shared_socket/mod.ts";
import { LineBuffer } from "./line_buffer.ts";
import type { OpenRequest } from "./relay_answers.ts";

/** A connection to a daemon, with what is open on it. Only the relay uses it, which may have several. */
export class Link {
  /** The daemon's bytes. */
  readonly received: LineBuffer = new LineBuffer();
  /** The ids of requests of the daemon that the client has not answered. */
  readonly questions: Set<string> = new Set();
  /** Ids of repeated requests, whose answers the client must not get again. */
  readonly repeatedIds: Set<string> = new Set();
  /** Called with the answer to the repeated `initialize`. */
  onInitialized: (line: Uint8Array) => void = () => {};
  /** Whether the daemon takes new requests: it has neither ended nor announced its end. */
  isUsable = true;
  hasEnded = false;
  /** Resolves when the connection has ended, and the client has got what the relay answers for the daemon. */
  ended: Promise<void> = Promise.resolve();
  readonly #stream: SocketStream;
  readonly #reader: ByteReader;
  /** The client's requests that the daemon has not answered, by id. */
  readonly #unanswered = new Map<string, OpenRequest>();
  /** Those of them that are being sent. */
  readonly #inSend = new Set<OpenRequest>();
  #sending: Promise<boolean> = Promise.resolve(true);

  constructor(stream: SocketStream) {
    this.#stream = stream;
    this.#reader = stream.getReader();
  }

  /**
   * Sends whole lines after those before.
   *
   * @param requests The requests among the lines, which are then open.
   * @returns Whether the daemon can have received any of the bytes; otherwise no request is open.
   */
  async send(bytes: Uint8Array, requests: readonly OpenRequest[] = []): Promise<boolean> {
    for (const request of requests) {
      this.#unanswered.set(request.id, request);
      this.#inSend.add(request);
    }
    this.#sending = this.#sending.then(() => this.#stream.send(bytes));
    const isSent = await this.#sending;
    for (const request of requests) {
      this.#inSend.delete(request);
      if (!isSent) this.#unanswered.delete(request.id);
    }
    return isSent;
  }

  /** Forgets a request that is answered or cancelled; returns whether it was open. */
  forget(id: string): boolean {
    return this.#unanswered.delete(id);
  }

  /** Forgets the open requests, and returns them; not those that are being sent, because another daemon may get them. */
  takeUnanswered(): OpenRequest[] {
    const requests = [...this.#unanswered.values()].filter((request) => !this.#inSend.has(request));
    for (const { id } of requests) this.#unanswered.delete(id);
    return requests;
  }

  /** Reads the daemon's next bytes; `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const chunk = await this.#reader.read();
    return chunk.done ? undefined : chunk.value;
  }

  /** Ends the input of the daemon, which answers what it has received. */
  async endSending(): Promise<void> {
    await this.#sending;
    await this.#stream.endSending().catch(() => {});
  }

  close(): void {
    this.isUsable = false;
    this.#stream.close();
  }
}
