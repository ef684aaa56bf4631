import type { Channel, ChannelHandler } from "./channel.ts";
import { LineSplitter } from "./line_splitter.ts";

/** The longest message that is taken, in bytes: 64 MiB. */
export const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;

/** How many UTF-16 code units may wait to be written before reading pauses. */
const MAX_QUEUED = 64 * 1024 * 1024;

/** What one write takes at the most, in bytes; more is written in turns. */
const WRITE_BYTES = 128 * 1024;

/** How a line channel is set up. */
export interface LineChannelOptions {
  /** Longest message that is taken, in bytes. */
  readonly maxBytes?: number;
  /**
   * Stop reading while the other side does not read what we write, so that a side that only asks
   * and never listens cannot fill our memory. Only for a side that owes us nothing: a gateway that
   * stops reading a server may wait for it for ever.
   */
  readonly pauseWhenUnread?: boolean;
}

/**
 * A channel over a pair of byte streams, one message a line, as the MCP stdio transport has it.
 * Messages that are queued while a write is under way leave together in the next one.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio}
 */
export class LineChannel implements Channel {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #maxBytes: number;
  readonly #pauseAt: number;
  readonly #buffer = new Uint8Array(WRITE_BYTES);
  #queue: string[] = [];
  #queued = 0;
  #writing: Promise<void> | undefined;
  #ended = false;
  #closing: Promise<void> | undefined;

  /**
   * Takes hold of both streams.
   *
   * @param readable Bytes from the other side.
   * @param writable Bytes to the other side.
   * @param options Limits.
   */
  constructor(
    readable: ReadableStream<Uint8Array>,
    writable: WritableStream<Uint8Array>,
    options: LineChannelOptions = {},
  ) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // The end of the writing side is seen by the next write; unheard it would be an unhandled rejection.
    this.#writer.closed.catch(() => {});
    this.#maxBytes = options.maxBytes ?? MAX_MESSAGE_BYTES;
    this.#pauseAt = options.pauseWhenUnread === true ? MAX_QUEUED : Infinity;
  }

  /** Starts receiving. Called once. */
  open(handler: ChannelHandler): void {
    this.#read(handler).then(() => handler.closed(), (cause: unknown) => {
      handler.closed(cause instanceof Error ? cause : new Error(String(cause)));
    });
  }

  /** Queues one message; it leaves with all others that are queued in the same turn. */
  send(text: string): void {
    if (this.#ended) return;
    this.#queue.push(text);
    this.#queued += text.length;
    this.#writing ??= this.#write();
  }

  /** Resolves when the queue is empty, or the other side is gone. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Ends the sending side after what is queued, then the receiving side. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends the sending side alone, after what is queued: the other side sees the end of its input. */
  async endWriting(): Promise<void> {
    await this.#writing;
    this.#ended = true;
    await this.#writer.close().catch(() => {});
  }

  async #close(): Promise<void> {
    await this.endWriting();
    await this.#reader.cancel().catch(() => {});
  }

  async #read(handler: ChannelHandler): Promise<void> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const splitter = new LineSplitter(this.#maxBytes, {
      line: (line) => {
        let text: string;
        try {
          text = decoder.decode(line);
        } catch {
          handler.dropped({
            reason: "not-utf8",
            bytes: line.length,
            head: new TextDecoder().decode(line.subarray(0, 1024)),
            tail: new TextDecoder().decode(line.subarray(-1024)),
          });
          return;
        }
        handler.message(text, line.length);
      },
      tooLong: (message) => handler.dropped(message),
    });
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) break;
      splitter.push(value);
      if (this.#queued > this.#pauseAt) await this.flush();
    }
    splitter.end();
  }

  async #write(): Promise<void> {
    // One turn later, everything that this turn sends is there and leaves in one write.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue;
        this.#queue = [];
        await this.#writeBatch(batch);
      }
    } catch {
      // The other side is gone. Its end of the reading side tells those who wait.
      this.#ended = true;
      this.#queue = [];
      this.#queued = 0;
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeBatch(batch: readonly string[]): Promise<void> {
    const encoder = new TextEncoder();
    const buffer = this.#buffer;
    let filled = 0;
    for (const text of batch) {
      let rest = text;
      while (rest.length > 0) {
        const { read, written } = encoder.encodeInto(rest, buffer.subarray(filled));
        filled += written;
        rest = rest.slice(read);
        if (rest.length === 0) break;
        await this.#writer.write(buffer.subarray(0, filled));
        filled = 0;
      }
      if (filled === buffer.length) {
        await this.#writer.write(buffer.subarray(0, filled));
        filled = 0;
      }
      buffer[filled++] = 10;
      this.#queued -= text.length;
    }
    await this.#writer.write(buffer.subarray(0, filled));
  }
}
