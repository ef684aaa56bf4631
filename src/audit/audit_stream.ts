import type { LineQueue } from "../line_queue.ts";
import type { Log } from "../log.ts";
import { statPath } from "./audit_file.ts";
import type { Destination, FileChange } from "./destination.ts";

/** Maximum time for the reader to take the last lines when the stream is closed, in milliseconds. */
const LAST_LINES_MS = 200;

/** Options of an audit stream. */
export interface AuditStreamOptions {
  readonly path: string;
  /** Holds the lines until the reader takes them. */
  readonly queue: LineQueue;
  /** The file that the queue writes to; absent for a standard stream. */
  readonly file?: Deno.FsFile;
  /** Receives a message when lines are dropped. */
  readonly log: Log;
}

/**
 * A pipe, a socket or a terminal that lines are written to. Its reader may stop at any time, so
 * lines are only queued when `append` returns. Lines that the reader does not take are dropped and
 * counted.
 */
export class AuditStream implements Destination {
  readonly path: string;
  readonly #queue: LineQueue;
  readonly #file: Deno.FsFile | undefined;
  readonly #log: Log;
  readonly #identity: string | undefined;
  #dropped = 0;
  #isDropping = false;

  /** Creates a log on an open stream. */
  constructor({ path, queue, file, log }: AuditStreamOptions) {
    this.path = path;
    this.#queue = queue;
    this.#file = file;
    this.#log = log;
    this.#identity = file === undefined ? undefined : statPath(path)?.identity;
    // On a standard stream, the log uses the same queue and reports all dropped lines itself.
    if (file !== undefined) queue.onRoom = (dropped) => this.#reportRoom(dropped);
  }

  get waiting(): number {
    // The queue of a standard stream also has lines of the log.
    return this.#file === undefined ? 0 : this.#queue.waiting;
  }

  get dropped(): number {
    return this.#dropped;
  }

  append(text: string): void {
    if (this.#queue.failure !== undefined) {
      throw new Error(`${this.path} is closed`, { cause: this.#queue.failure.cause });
    }
    for (const line of text.split(/(?<=\n)/)) {
      if (line === "" || this.#queue.add(line)) continue;
      this.#dropped++;
      // On a standard stream, the message of the log would be dropped too.
      if (this.#isDropping || this.#file === undefined) continue;
      this.#isDropping = true;
      this.#log.error("Nothing reads the audit log; its lines are dropped", { path: this.path });
    }
  }

  check(): FileChange | undefined {
    if (this.#file === undefined || statPath(this.path)?.identity === this.#identity) {
      return undefined;
    }
    // The pipe at the path is another one, so that nothing reads the open one.
    return { kind: "unwritable", texts: [], lost: 0 };
  }

  async close(): Promise<void> {
    await this.#queue.flush(LAST_LINES_MS);
    this.#dropped += this.waiting;
    this.#file?.close();
  }

  #reportRoom(dropped: number): void {
    this.#isDropping = false;
    this.#log.warn("The audit log is read again", { path: this.path, dropped });
  }
}
