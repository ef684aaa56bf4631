import type { LineQueue } from "../line_queue.ts";
import type { Destination } from "./destination.ts";

/** Maximum time for the reader to take the last lines when the stream is closed, in milliseconds. */
const LAST_LINES_MS = 200;

/**
 * A standard stream that lines are written to. Its reader may stop at any time, so `append` only queues the lines.
 * Lines that the reader does not take are dropped and counted. On standard error, the gateway's log uses the same
 * queue, and reports them as well.
 */
export class AuditStream implements Destination {
  readonly path: string;
  readonly #queue: LineQueue;
  #dropped = 0;

  /**
   * Creates a destination that writes to a standard stream.
   *
   * @param queue Holds the lines until the reader takes them.
   */
  constructor(path: string, queue: LineQueue) {
    this.path = path;
    this.#queue = queue;
  }

  get dropped(): number {
    return this.#dropped;
  }

  append(text: string): void {
    if (this.#queue.failure !== undefined) {
      throw new Error(`${this.path} is closed`, { cause: this.#queue.failure.cause });
    }
    for (const line of text.split(/(?<=\n)/)) {
      if (line !== "" && !this.#queue.add(line)) this.#dropped++;
    }
  }

  check(): undefined {}

  async close(): Promise<void> {
    await this.#queue.flush(LAST_LINES_MS);
  }
}
