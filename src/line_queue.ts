/**
 * Writes lines to a pipe, a socket or a terminal that another process reads. A synchronous write would
 * block this process until the other process reads. A leaf: imports other leaves only.
 *
 * @module
 */

import { writeAll } from "./bytes.ts";
import { within } from "./within.ts";

/** Maximum total length of the queued lines, in UTF-16 code units. */
const MAX_QUEUE_LENGTH = 1024 * 1024;

/** Approximate length of one write, in UTF-16 code units. */
const WRITE_LENGTH = 64 * 1024;

/**
 * Writes lines in order, one write at a time, and never waits for the reader. When the queue is full,
 * it drops and counts lines until half of it has been written.
 */
export class LineQueue {
  /** Called when the queue has room again after it has dropped lines. It may add a line. */
  onDropped: (droppedCount: number) => void = () => {};
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #encoder = new TextEncoder();
  #lines: string[] = [];
  #queueLength = 0;
  #droppedCount = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  /**
   * Creates an empty queue.
   *
   * @param write Writes some of the bytes and returns how many.
   */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** Whether a write is in progress. */
  get isBusy(): boolean {
    return this.#writing !== undefined;
  }

  /** The cause of the failure, if a write has failed and nothing more can be written. */
  get failure(): { readonly cause: unknown } | undefined {
    return this.#failure;
  }

  /**
   * Queues a line. If the queue is empty, writing starts before this returns.
   *
   * @param line The line with its line feed.
   * @returns Whether the line was queued; otherwise it is dropped.
   */
  add(line: string): boolean {
    if (this.#failure !== undefined) return false;
    // After a dropped line, all further lines are dropped until `onDropped` has been called with their number.
    if (this.#droppedCount > 0 || this.#queueLength >= MAX_QUEUE_LENGTH) {
      this.#droppedCount++;
      return false;
    }
    this.#lines.push(line);
    this.#queueLength += line.length;
    this.#writing ??= this.#writeAll();
    return true;
  }

  /** Waits until all lines are written or writing fails, but at most `withinMs`. */
  async flush(withinMs: number): Promise<void> {
    if (this.#writing !== undefined) await within(this.#writing, withinMs);
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        let count = 0;
        let length = 0;
        for (const line of this.#lines) {
          if (length >= WRITE_LENGTH) break;
          length += line.length;
          count++;
        }
        const text = this.#lines.slice(0, count).join("");
        await writeAll(this.#encoder.encode(text), this.#write);
        this.#lines.splice(0, count);
        this.#queueLength -= length;
        if (this.#droppedCount > 0 && this.#queueLength <= MAX_QUEUE_LENGTH / 2) {
          this.#reportDropped();
        }
      }
    } catch (cause) {
      // The reader has closed the pipe.
      this.#failure = { cause };
    }
    this.#writing = undefined;
  }

  #reportDropped(): void {
    const droppedCount = this.#droppedCount;
    this.#droppedCount = 0;
    this.onDropped(droppedCount);
  }
}

/** Standard error while the gateway serves: the log, and possibly the audit log. */
export const standardError: LineQueue = new LineQueue((bytes) => Deno.stderr.write(bytes));

/** Standard output, for the audit log over HTTP; over stdio, standard output belongs to the protocol. */
export const standardOutputLines: LineQueue = new LineQueue((bytes) => Deno.stdout.write(bytes));

const STANDARD_STREAMS: ReadonlyMap<string, LineQueue> = new Map([
  ["/dev/stderr", standardError],
  ["/dev/fd/2", standardError],
  ["/proc/self/fd/2", standardError],
  ["/dev/stdout", standardOutputLines],
  ["/dev/fd/1", standardOutputLines],
  ["/proc/self/fd/1", standardOutputLines],
]);

/** Returns the queue for the path of a standard stream. Deno would open such a path only with all permissions. */
export function standardStream(path: string): LineQueue | undefined {
  return STANDARD_STREAMS.get(path);
}

/** Writes a text to standard error synchronously, or queues it behind other lines. */
export function writeToStandardError(text: string): void {
  // Deno rejects concurrent writes, and lines must keep their order.
  if (standardError.isBusy) {
    standardError.add(text);
    return;
  }
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.length;) {
    offset += Deno.stderr.writeSync(bytes.subarray(offset));
  }
}
