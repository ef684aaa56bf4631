import type { Budget } from "../budget.ts";
import type { ByteReader } from "../bytes.ts";
import type { Channel, ChannelHandler, QueuedMessage } from "./channel.ts";
import { LineDecoder } from "./line_decoder.ts";
import { LineSplitter } from "./line_splitter.ts";
import { QUEUED_MESSAGE_LENGTH, QueueLimit } from "./queue_limit.ts";
import { ReadThrottle } from "./read_throttle.ts";
import { within } from "../within.ts";

/** Maximum size of a message in bytes: 64 MiB. */
export const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;

/** Length of the queue in UTF-16 code units above which reading pauses or slows down. */
const MAX_QUEUED_LENGTH = 64 * 1024 * 1024;

/** Delay of each read while more than `MAX_QUEUED_LENGTH` is queued and reading slows down. */
const SLOW_READ_MS = 100;

/** Maximum size of one write in bytes; more is written in several writes. */
const WRITE_BYTES = 128 * 1024;

/** If at least this many messages are queued in one tick, more are expected in the same round of the event loop. */
const MANY_MESSAGES = 4;

/** Maximum length of parts that are encoded together, in UTF-16 code units. */
const MAX_JOINED_LENGTH = 32 * 1024;

/** Time for which answers are still read after a write has failed, in milliseconds. */
const LAST_ANSWERS_MS = 1000;

/** A source of bytes, such as a `ReadableStream`. */
export interface ByteSource {
  /** Locks the source for reading. */
  getReader(): ByteReader;
}

/** A sink for bytes, such as a `WritableStream`. */
export interface ByteSink {
  /** Locks the sink for writing. */
  getWriter(): ByteWriter;
}

/** The writer of a sink. */
export interface ByteWriter {
  /** Writes bytes. It must not use them after it resolves, because the buffer is reused. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends writing: the other side sees the end of its input. */
  close(): Promise<void>;
}

/** Options of a line channel. */
export interface LineChannelOptions {
  /** Maximum size of a received message in bytes; default: `MAX_MESSAGE_BYTES`. */
  readonly maxBytes?: number;
  /**
   * Whether reading pauses while the other side does not read, so that a client that sends requests but
   * never reads the answers cannot fill the memory. Do not set it for servers: if the gateway stopped reading,
   * both sides could wait for each other forever. Default: no; reading only slows down.
   */
  readonly pauseWhenUnread?: boolean;
  /**
   * The budget that incomplete received messages and queued messages count against, unless `send` names another
   * budget. If the queue exceeds the `QueueLimit` of this budget, sending another message ends the channel. Default:
   * no limit.
   */
  readonly memory?: Budget | undefined;
  /**
   * Called after each read. Returns a promise that the next read waits for, such as until the receiver of the messages
   * has caught up; `undefined` if reading may continue.
   */
  readonly untilReceiverReads?: (() => Promise<void> | undefined) | undefined;
}

/**
 * A channel over a pair of byte streams with one message per line, as in the MCP stdio transport.
 * Messages that are queued during a write are sent together in the next write.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio}
 */
export class LineChannel implements Channel {
  readonly #reader: ByteReader;
  readonly #writer: ByteWriter;
  readonly #maxBytes: number;
  readonly #pauseWhenUnread: boolean;
  readonly #memory: Budget | undefined;
  readonly #queueLimit: QueueLimit;
  readonly #untilReceiverReads: () => Promise<void> | undefined;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  readonly #encoder = new TextEncoder();
  readonly #throttle: ReadThrottle;
  // Number of bytes in the buffer that are not written yet.
  #bufferedBytes = 0;
  #queue: QueuedMessage[] = [];
  #queuedLength = 0;
  #writing: Promise<void> | undefined;
  #hasEndedWriting = false;
  #closing: Promise<void> | undefined;
  #readCancellation: { cause?: Error } | undefined;
  #hasEndedReading = false;
  #onBeforeWrite: () => void = () => {};
  #lastAnswersTimer: ReturnType<typeof setTimeout> | undefined;

  /** Creates a channel that reads from `readable` and writes to `writable`; locks both. */
  constructor(
    readable: ByteSource,
    writable: ByteSink,
    options: LineChannelOptions = {},
  ) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#maxBytes = options.maxBytes ?? MAX_MESSAGE_BYTES;
    this.#pauseWhenUnread = options.pauseWhenUnread === true;
    this.#memory = options.memory;
    this.#throttle = new ReadThrottle(options.memory);
    this.#queueLimit = new QueueLimit(options.memory);
    this.#untilReceiverReads = options.untilReceiverReads ?? (() => undefined);
  }

  /** Starts receiving. Called once. */
  open(handler: ChannelHandler): void {
    this.#read(handler).then(() => handler.closed(), (cause: unknown) => {
      handler.closed(cause instanceof Error ? cause : new Error(String(cause)));
    });
  }

  /** Length of the queue in UTF-16 code units, with `QUEUED_MESSAGE_LENGTH` for each message. */
  get queuedLength(): number {
    return this.#queuedLength;
  }

  /** Queues one message; it is written together with all others that are queued in the same tick. */
  send(text: string, memory?: Budget): QueuedMessage {
    return this.#enqueue([`${text}\n`], memory);
  }

  /** Queues one message in parts, which are encoded one after the other. */
  sendParts(parts: readonly string[], memory?: Budget): QueuedMessage {
    return this.#enqueue([...parts, "\n"], memory);
  }

  hasRoom(length: number): boolean {
    return this.#queueLimit.hasRoom(this.#queuedLength, length);
  }

  withdraw(message: QueuedMessage): boolean {
    if (message.parts === undefined) return false;
    message.parts = undefined;
    this.#queuedLength -= message.length;
    release(message);
    return true;
  }

  /** Resolves when the other side has read the queued messages; `undefined` while little is queued. */
  untilRead(): Promise<void> | undefined {
    return this.#queuedLength > MAX_QUEUED_LENGTH ? this.flush() : undefined;
  }

  #enqueue(parts: readonly string[], memory = this.#memory): QueuedMessage {
    const length = parts.reduce((sum, part) => sum + part.length, QUEUED_MESSAGE_LENGTH);
    const message: QueuedMessage = { parts, length, memory: undefined };
    if (this.#queueLimit.isExceeded(this.#queuedLength)) {
      this.#handleWriteError(new Error("It reads none of the messages that are queued for it"));
    }
    if (this.#hasEndedWriting) return message;
    this.#queue.push(message);
    this.#queuedLength += length;
    message.memory = memory;
    memory?.add(length);
    this.#writing ??= this.#write();
    return message;
  }

  onBeforeWrite(listener: () => void): void {
    this.#onBeforeWrite = listener;
  }

  throttle(ms: number): void {
    this.#throttle.throttle(ms);
  }

  /** Resolves when all messages that are queued now are written, or the other side is gone. */
  async flush(): Promise<void> {
    // The queued messages leave with the current write or the next. Later messages are not waited for:
    // they could keep the caller waiting forever.
    const hasQueuedMessages = this.#queue.length > 0;
    await this.#writing;
    if (hasQueuedMessages) await this.#writing;
  }

  /** Ends the sending side after the queued messages, then the receiving side. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends only the sending side, after the queued messages: the other side sees the end of input. */
  async endWriting(): Promise<void> {
    this.#hasEndedWriting = true;
    while (this.#writing !== undefined) await this.#writing;
    await this.#writer.close().catch(() => {});
  }

  async #close(): Promise<void> {
    await this.endWriting();
    await this.#cancel({});
  }

  async #cancel(cancellation: { cause?: Error }): Promise<void> {
    this.#readCancellation ??= cancellation;
    clearTimeout(this.#lastAnswersTimer);
    this.#throttle.end();
    await this.#reader.cancel().catch(() => {});
  }

  async #read(handler: ChannelHandler): Promise<void> {
    const splitter = new LineSplitter(this.#maxBytes, new LineDecoder(handler, this.#memory));
    try {
      for (;;) {
        const chunk = await this.#reader.read();
        if (chunk.done) break;
        const pause = this.#throttle.run(() => splitter.push(chunk.value));
        if (pause !== undefined) await pause;
        if (this.#queuedLength > MAX_QUEUED_LENGTH) await this.#waitForReader();
        const receiverReads = this.#untilReceiverReads();
        if (receiverReads !== undefined) await receiverReads;
      }
      // After a cancellation, the remaining bytes are a part of a message and not a last line.
      if (this.#readCancellation === undefined) await splitter.end();
    } finally {
      clearTimeout(this.#lastAnswersTimer);
      this.#hasEndedReading = true;
      splitter.release();
    }
    if (this.#readCancellation?.cause !== undefined) throw this.#readCancellation.cause;
  }

  async #waitForReader(): Promise<void> {
    if (this.#pauseWhenUnread) return await this.flush();
    await within(this.flush(), SLOW_READ_MS);
  }

  async #write(): Promise<void> {
    // Wait for a microtask, so that messages that are sent together are written together.
    await Promise.resolve();
    // Under load, wait for messages of the same round of the event loop: at 64 calls in flight, that
    // is a sixth more calls per second. A single call does not wait.
    if (this.#queue.length >= MANY_MESSAGES) await new Promise((resolve) => setImmediate(resolve));
    this.#onBeforeWrite();
    const batch = this.#queue;
    this.#queue = [];
    try {
      await this.#writeBatch(batch);
    } catch (cause) {
      this.#handleWriteError(cause);
    }
    batch.forEach(release);
    this.#writing = this.#queue.length > 0 ? this.#write() : undefined;
  }

  /**
   * Handles a failed write. Usually the other side is gone, so reading ends too, which rejects the pending
   * requests. But a process may close its input and continue; then reading is cancelled after a while, so
   * that no request waits forever.
   */
  #handleWriteError(cause: unknown): void {
    this.#hasEndedWriting = true;
    this.#queue.forEach(release);
    this.#queue = [];
    this.#queuedLength = 0;
    this.#bufferedBytes = 0;
    if (this.#hasEndedReading) return;
    const error = new Error("The other side no longer takes messages", { cause });
    this.#lastAnswersTimer = setTimeout(() => this.#cancel({ cause: error }), LAST_ANSWERS_MS);
  }

  async #writeBatch(batch: readonly QueuedMessage[]): Promise<void> {
    let joinedParts = "";
    for (const message of batch) {
      const { parts } = message;
      if (parts === undefined) continue;
      message.parts = undefined;
      this.#shortenQueue(QUEUED_MESSAGE_LENGTH);
      for (const part of parts) {
        // Short parts are encoded together: a call of the encoder costs as much as encoding several of them.
        if (joinedParts.length + part.length > MAX_JOINED_LENGTH) {
          await this.#encode(joinedParts);
          joinedParts = "";
        }
        joinedParts += part;
      }
    }
    await this.#encode(joinedParts);
    await this.#writeBuffer();
  }

  /** Encodes a text into the buffer, which is written whenever it is full. */
  async #encode(text: string): Promise<void> {
    for (let remaining = text; remaining.length > 0;) {
      const freeSpace = this.#buffer.subarray(this.#bufferedBytes);
      const { read, written } = this.#encoder.encodeInto(remaining, freeSpace);
      this.#bufferedBytes += written;
      remaining = remaining.slice(read);
      if (remaining.length > 0) await this.#writeBuffer();
    }
    this.#shortenQueue(text.length);
  }

  #shortenQueue(length: number): void {
    // If the queue was dropped during this write, the messages of the write no longer count.
    this.#queuedLength = Math.max(0, this.#queuedLength - length);
  }

  async #writeBuffer(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#bufferedBytes);
    this.#bufferedBytes = 0;
    if (bytes.length > 0) await this.#writer.write(bytes);
  }
}

/** Stops counting a message against its budget. Idempotent. */
function release(message: QueuedMessage): void {
  message.memory?.add(-message.length);
  message.memory = undefined;
}
