import { joinBytes } from "../bytes.ts";

/**
 * Maximum size of a line that is kept until it is complete, in bytes: more than a message may have. Longer ones are passed
 * on in parts.
 */
const MAX_LINE_BYTES = 80 * 1024 * 1024;

/** Size of a buffer that is kept for the next line, in bytes. */
const KEPT_BYTES = 256 * 1024;

const LINE_FEED = 10;

/** Bytes to pass on. */
export interface Block {
  /** The bytes, which are valid until the next call. */
  readonly bytes: Uint8Array;
  /** Whether these are whole lines, with their delimiters; otherwise a part of one line that is too long. */
  readonly isWhole: boolean;
}

/** Collects the bytes of a stream into whole lines, so that the end of a connection never leaves a part of one. */
export class LineBuffer {
  #buffer = new Uint8Array(0);
  #size = 0;
  #isTooLong = false;

  /** Whether a part of a line that is too long has been passed on. */
  get isInLongLine(): boolean {
    return this.#isTooLong;
  }

  /** Adds bytes; returns the blocks that can be passed on. */
  *push(chunk: Uint8Array): Generator<Block> {
    let rest = chunk;
    if (this.#isTooLong) {
      const end = rest.indexOf(LINE_FEED) + 1;
      if (end === 0) return yield { bytes: rest, isWhole: false };
      yield { bytes: rest.subarray(0, end), isWhole: false };
      this.#isTooLong = false;
      rest = rest.subarray(end);
    }
    const end = rest.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      yield { bytes: this.#complete(rest.subarray(0, end)), isWhole: true };
      rest = rest.subarray(end);
    }
    this.#append(rest);
    if (this.#size <= MAX_LINE_BYTES) return;
    this.#isTooLong = true;
    yield { bytes: this.#take(), isWhole: false };
  }

  /** Returns the last line, which has no delimiter; `undefined` if there is none. */
  takeLast(): Uint8Array | undefined {
    return this.#size === 0 ? undefined : this.#take();
  }

  /** Returns lines whose beginning may be in the buffer. */
  #complete(lines: Uint8Array): Uint8Array {
    if (this.#size === 0) return lines;
    this.#append(lines);
    return this.#take();
  }

  #append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, this.#buffer.length * 2, 4096));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#size);
    this.#size = size;
  }

  #take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#size);
    this.#size = 0;
    // The bytes are passed on before the next push, so the buffer is reused, unless it is large.
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(0);
    return bytes;
  }
}

/** Splits whole lines. */
export function* splitLines(lines: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < lines.length;) {
    const feed = lines.indexOf(LINE_FEED, start);
    const end = feed < 0 ? lines.length : feed + 1;
    yield lines.subarray(start, end);
    start = end;
  }
}

/** Takes lines out of whole lines; returns the same bytes if all are kept. */
export function filterLines(
  lines: Uint8Array,
  isKept: (line: Uint8Array) => boolean,
): Uint8Array {
  const keptLines: Uint8Array[] = [];
  let size = 0;
  for (const line of splitLines(lines)) {
    if (!isKept(line)) continue;
    keptLines.push(line);
    size += line.length;
  }
  return size === lines.length ? lines : joinBytes(keptLines);
}
