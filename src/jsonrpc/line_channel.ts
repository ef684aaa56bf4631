import type { Channel, ChannelHandler } from "./channel.ts";
import { LineDecoder } from "./line_decoder.ts";
import { LineSplitter } from "./line_splitter.ts";
import { Turn } from "./turn.ts";
import { within } from "../within.ts";

/** The longest message that is taken, in bytes: 64 MiB. */
export const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;

/** How many UTF-16 code units may wait to be written before reading pauses, or slows down. */
const MAX_QUEUED = 64 * 1024 * 1024;

/** How long each read waits while that much is unread, where reading only slows down, in milliseconds. */
const SLOW_READ_MS = 100;

/** What one write takes at the most, in bytes; more is written in turns. */
const WRITE_BYTES = 128 * 1024;

/** How many messages of one turn, or parts of them, are a sign that more will follow at once. */
const MANY = 4;

/** How long messages that are encoded together may be at the most, in UTF-16 code units. */
const JOINED = 32 * 1024;

/** How long answers may still come in from a side that no longer takes what we write. */
const LAST_ANSWERS_MS = 1000;

/** Where bytes come from, such as a `ReadableStream`. */
export interface ByteSource {
  /** Takes hold of it. */
  getReader(): ByteReader;
}

/** The reading end of a source. */
export interface ByteReader {
  /** The next bytes, valid until it is called again. */
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: unknown }>;
  /** Ends it: a read under way is done, and there is nothing more to read. */
  cancel(): Promise<void>;
}

/** Where bytes go, such as a `WritableStream`. */
export interface ByteSink {
  /** Takes hold of it. */
  getWriter(): ByteWriter;
}

/** The writing end of a sink. */
export interface ByteWriter {
  /** Writes bytes. It must be done with them when it resolves, for they are used again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends it: the other side sees the end of its input. */
  close(): Promise<void>;
}

/** How a line channel is set up. */
export interface LineChannelOptions {
  /** Longest message that is taken, in bytes. */
  readonly maxBytes?: number;
  /**
   * Stop reading while the other side does not read what we write, so that a side that only asks
   * and never listens cannot fill our memory. Only for a side that owes us nothing: a gateway that
   * stops reading a server may wait for it for ever. Default: reading slows down instead.
   */
  readonly pauseWhenUnread?: boolean;
  /** Puts on record what has to be there before anything leaves; called each time, must not throw. */
  readonly beforeWrite?: () => void;
}

/**
 * A channel over a pair of byte streams, one message a line, as the MCP stdio transport has it.
 * Messages that are queued while a write is under way leave together in the next one.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio}
 */
export class LineChannel implements Channel {
  readonly #reader: ByteReader;
  readonly #writer: ByteWriter;
  readonly #maxBytes: number;
  readonly #pauses: boolean;
  readonly #beforeWrite: (() => void) | undefined;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  readonly #encoder = new TextEncoder();
  readonly #turn = new Turn();
  // How much of the buffer waits to be written, in bytes.
  #filled = 0;
  #queue: string[] = [];
  #queued = 0;
  #writing: Promise<void> | undefined;
  #ended = false;
  #closing: Promise<void> | undefined;
  #cancelled: { cause?: Error } | undefined;
  #hasRead = false;
  #lastAnswers: ReturnType<typeof setTimeout> | undefined;

  /**
   * Takes hold of both streams.
   *
   * @param readable Bytes from the other side.
   * @param writable Bytes to the other side.
   * @param options Limits.
   */
  constructor(
    readable: ByteSource,
    writable: ByteSink,
    options: LineChannelOptions = {},
  ) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#maxBytes = options.maxBytes ?? MAX_MESSAGE_BYTES;
    this.#beforeWrite = options.beforeWrite;
    this.#pauses = options.pauseWhenUnread === true;
  }

  /** Starts receiving. Called once. */
  open(handler: ChannelHandler): void {
    this.#read(handler).then(() => handler.closed(), (cause: unknown) => {
      handler.closed(cause instanceof Error ? cause : new Error(String(cause)));
    });
  }

  /** Queues one message; it leaves with all others that are queued in the same turn. */
  send(text: string): void {
    this.#enqueue(`${text}\n`);
  }

  /** Queues one message that comes in parts, which are encoded one after the other. */
  sendParts(parts: readonly string[]): void {
    parts.forEach((part, at) => this.#enqueue(at === parts.length - 1 ? `${part}\n` : part));
  }

  #enqueue(part: string): void {
    if (this.#ended) return;
    this.#queue.push(part);
    this.#queued += part.length;
    this.#writing ??= this.#write();
  }

  /** Pauses reading some time soon. */
  rest(ms: number): void {
    this.#turn.owe(ms);
  }

  /** Resolves when all that is queued now is written, or the other side is gone. */
  async flush(): Promise<void> {
    // What is queued leaves with the write under way or with the next; what others go on queueing
    // must not keep who waits here for ever.
    const isQueued = this.#queue.length > 0;
    await this.#writing;
    if (isQueued) await this.#writing;
  }

  /** Ends the sending side after what is queued, then the receiving side. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the sending side alone, after what is queued: the other side sees the end of its input. */
  async endWriting(): Promise<void> {
    this.#ended = true;
    while (this.#writing !== undefined) await this.#writing;
    await this.#writer.close().catch(() => {});
  }

  async #close(): Promise<void> {
    await this.endWriting();
    await this.#cancel({});
  }

  async #cancel(cancelled: { cause?: Error }): Promise<void> {
    this.#cancelled ??= cancelled;
    clearTimeout(this.#lastAnswers);
    this.#turn.end();
    await this.#reader.cancel().catch(() => {});
  }

  async #read(handler: ChannelHandler): Promise<void> {
    const splitter = new LineSplitter(this.#maxBytes, new LineDecoder(handler));
    try {
      for (;;) {
        const bytes = await this.#reader.read();
        if (bytes.done) break;
        const pause = this.#turn.do(() => splitter.push(bytes.value));
        if (pause !== undefined) await pause;
        if (this.#queued > MAX_QUEUED) await this.#waitForReader();
      }
    } finally {
      clearTimeout(this.#lastAnswers);
      this.#hasRead = true;
    }
    // Where we broke off ourselves, what is left is a piece of a message and no last line.
    if (this.#cancelled === undefined) splitter.end();
    else if (this.#cancelled.cause !== undefined) throw this.#cancelled.cause;
  }

  async #waitForReader(): Promise<void> {
    if (this.#pauses) return await this.flush();
    await within(this.flush(), SLOW_READ_MS);
  }

  async #write(): Promise<void> {
    // One turn later, everything that this turn sends is there and leaves in one write.
    await Promise.resolve();
    // Where much is going on, what others send in this round of the event loop joins it: at 64 calls
    // in flight that is a sixth more calls in a second. One call at a time does not wait.
    if (this.#queue.length >= MANY) await new Promise((resolve) => setImmediate(resolve));
    this.#beforeWrite?.();
    const batch = this.#queue;
    this.#queue = [];
    try {
      await this.#writeBatch(batch);
    } catch (cause) {
      this.#loseWriter(cause);
    }
    this.#writing = this.#queue.length > 0 ? this.#write() : undefined;
  }

  /**
   * The other side takes nothing any more. Mostly it is gone, and the end of the reading side tells
   * those who wait; but a process may close its input and live on, and whoever asks it something
   * would wait for ever.
   */
  #loseWriter(cause: unknown): void {
    this.#ended = true;
    this.#queue = [];
    this.#queued = 0;
    this.#filled = 0;
    if (this.#hasRead) return;
    const error = new Error("The other side no longer takes messages", { cause });
    this.#lastAnswers = setTimeout(() => this.#cancel({ cause: error }), LAST_ANSWERS_MS);
  }

  async #writeBatch(batch: readonly string[]): Promise<void> {
    let joined = "";
    for (const part of batch) {
      // Short ones are encoded together: a call of the encoder costs as much as some of them.
      if (joined.length + part.length > JOINED) {
        await this.#put(joined);
        joined = "";
      }
      joined += part;
    }
    await this.#put(joined);
    await this.#writeBuffer();
  }

  /** Encodes a text into the buffer, which is written whenever it is full. */
  async #put(text: string): Promise<void> {
    for (let rest = text; rest.length > 0;) {
      const room = this.#buffer.subarray(this.#filled);
      const { read, written } = this.#encoder.encodeInto(rest, room);
      this.#filled += written;
      rest = rest.slice(read);
      if (rest.length > 0) await this.#writeBuffer();
    }
    this.#queued -= text.length;
  }

  async #writeBuffer(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    if (bytes.length > 0) await this.#writer.write(bytes);
  }
}
