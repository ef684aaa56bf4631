import type { DroppedMessage } from "./channel.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const EXCERPT_BYTES = 1024;

/**
 * Cuts a stream of bytes into lines, in time linear to its size: no byte is looked at twice, and a
 * line that came in many chunks is joined once. A line beyond the limit is skipped up to its end,
 * with nothing of it held but its first and last bytes.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: Uint8Array) => void;
  readonly #onTooLong: (message: DroppedMessage) => void;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #skipped: { bytes: number; head: Uint8Array; tail: Uint8Array } | undefined;

  /**
   * @param maxBytes Longest line that is passed on, in bytes without its delimiter.
   * @param handlers Called synchronously from `push` and `end`. A line is valid for as long as the
   * chunks are; empty lines are left out, and so is a carriage return before the line feed.
   */
  constructor(
    maxBytes: number,
    handlers: { line(line: Uint8Array): void; tooLong(message: DroppedMessage): void },
  ) {
    this.#maxBytes = maxBytes;
    this.#onLine = handlers.line;
    this.#onTooLong = handlers.tooLong;
  }

  /** Takes the next bytes; the splitter may hold on to them until their line ends. */
  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      this.#hold(chunk.subarray(start, end));
      this.end();
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** Ends the current line, as a line feed or the end of the stream does. */
  end(): void {
    if (this.#skipped !== undefined) {
      const { bytes, head, tail } = this.#skipped;
      this.#skipped = undefined;
      const text = new TextDecoder();
      this.#onTooLong({
        reason: "too-long",
        bytes,
        head: text.decode(head),
        tail: text.decode(tail),
      });
      return;
    }
    if (this.#held === 0) return;
    const line = this.#takeLine();
    const last = line.length - 1;
    const trimmed = line[last] === CARRIAGE_RETURN ? line.subarray(0, last) : line;
    if (trimmed.length > 0) this.#onLine(trimmed);
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    if (this.#skipped !== undefined) {
      this.#skipped.bytes += part.length;
      this.#skipped.tail = lastBytes(this.#skipped.tail, part);
      return;
    }
    this.#chunks.push(part);
    this.#held += part.length;
    if (this.#held <= this.#maxBytes) return;
    const line = this.#takeLine();
    this.#skipped = {
      bytes: line.length,
      head: line.slice(0, EXCERPT_BYTES),
      tail: line.slice(-EXCERPT_BYTES),
    };
  }

  #takeLine(): Uint8Array {
    const chunks = this.#chunks;
    const size = this.#held;
    this.#chunks = [];
    this.#held = 0;
    const [first] = chunks;
    if (chunks.length === 1 && first !== undefined) return first;
    const line = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
      line.set(chunk, offset);
      offset += chunk.length;
    }
    return line;
  }
}

function lastBytes(before: Uint8Array, part: Uint8Array): Uint8Array {
  if (part.length >= EXCERPT_BYTES) return part.slice(-EXCERPT_BYTES);
  const kept = before.subarray(Math.max(0, before.length + part.length - EXCERPT_BYTES));
  const joined = new Uint8Array(kept.length + part.length);
  joined.set(kept);
  joined.set(part, kept.length);
  return joined;
}
