/**
 * Lines for something that another process has to read: a pipe, a socket, a terminal. A synchronous
 * write to it would wait for that process, and with it everything else this one does. A leaf:
 * imports other leaves only.
 *
 * @module
 */

import { within } from "./within.ts";

/** Text that may wait to be written, in UTF-16 code units. */
const MAX_WAITING = 1024 * 1024;

/** What one write takes, about, in UTF-16 code units. */
const WRITE_SIZE = 64 * 1024;

/** How long after a write that would have blocked it is tried again, in milliseconds. */
const RETRY_MS = 20;

/**
 * Writes lines in their order, one write at a time, and never waits for the reader. When too much
 * waits, lines are dropped and counted until half of it has been written.
 */
export class LineQueue {
  /** Called once there is room again, with how many lines were dropped; may add a line. */
  onRoom: (dropped: number) => void = () => {};
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #encoder = new TextEncoder();
  #lines: string[] = [];
  #size = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  /**
   * Makes an empty queue.
   *
   * @param write Writes some of the bytes, and gives how many.
   */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** How many lines wait, those of the write that is under way among them. */
  get waiting(): number {
    return this.#lines.length;
  }

  /** Whether a write is under way. */
  get isBusy(): boolean {
    return this.#writing !== undefined;
  }

  /** Why nothing can be written any more, where a write has failed. */
  get failure(): { readonly cause: unknown } | undefined {
    return this.#failure;
  }

  /**
   * Takes a line. The first one is on its way when this returns.
   *
   * @param line With its line feed.
   * @returns Whether it was taken; otherwise it is dropped.
   */
  add(line: string): boolean {
    if (this.#failure !== undefined) return false;
    // Once a line is dropped, so are the next, until the reader has been told how many.
    if (this.#dropped > 0 || this.#size >= MAX_WAITING) {
      this.#dropped++;
      return false;
    }
    this.#lines.push(line);
    this.#size += line.length;
    this.#writing ??= this.#writeAll();
    return true;
  }

  /**
   * Waits until everything is written, or cannot be.
   *
   * @param withinMs How long to wait at the most.
   */
  async flush(withinMs: number): Promise<void> {
    if (this.#writing !== undefined) await within(this.#writing, withinMs);
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        let count = 0;
        let size = 0;
        for (const line of this.#lines) {
          if (size >= WRITE_SIZE) break;
          size += line.length;
          count++;
        }
        await this.#writeText(this.#lines.slice(0, count).join(""));
        this.#lines.splice(0, count);
        this.#size -= size;
        if (this.#dropped > 0 && this.#size <= MAX_WAITING / 2) this.#tellDropped();
      }
    } catch (cause) {
      // Nobody reads it any more.
      this.#failure = { cause };
    }
    this.#writing = undefined;
  }

  async #writeText(text: string): Promise<void> {
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length;) {
      try {
        at += await this.#write(bytes.subarray(at));
      } catch (error) {
        // Another process that shares the pipe has made it non-blocking.
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #tellDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.onRoom(dropped);
  }
}

/** Standard error, while the gateway serves: the log, and the audit log where it is sent there. */
export const standardError: LineQueue = new LineQueue((bytes) => Deno.stderr.write(bytes));

/** Standard output, for an audit log that is sent there; over stdio it is the protocol's. */
export const standardOutputLines: LineQueue = new LineQueue((bytes) => Deno.stdout.write(bytes));

const STANDARD_STREAMS: ReadonlyMap<string, LineQueue> = new Map([
  ["/dev/stderr", standardError],
  ["/dev/fd/2", standardError],
  ["/proc/self/fd/2", standardError],
  ["/dev/stdout", standardOutputLines],
  ["/dev/fd/1", standardOutputLines],
  ["/proc/self/fd/1", standardOutputLines],
]);

/** The queue of a path that names a standard stream; Deno opens such a path only with all rights. */
export function standardStream(path: string): LineQueue | undefined {
  return STANDARD_STREAMS.get(path);
}

/** Writes a text to standard error before this returns, unless others are already waiting. */
export function writeToStandardError(text: string): void {
  // Two writes at a time are refused, and the second must not overtake the first.
  if (standardError.isBusy) {
    standardError.add(text);
    return;
  }
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
}
