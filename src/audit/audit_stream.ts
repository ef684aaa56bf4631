import type { LineQueue } from "../line_queue.ts";
import type { Log } from "../log.ts";
import { identityOf } from "./audit_file.ts";
import type { Destination, FileChange } from "./destination.ts";

/** What the reader of a stream gets to take the last lines, in milliseconds. */
const LAST_LINES_MS = 200;

/** What an audit stream is made with. */
export interface AuditStreamOptions {
  /** What names it. */
  readonly path: string;
  /** Where its lines wait for the reader. */
  readonly queue: LineQueue;
  /** Closes what the queue writes to; absent for a standard stream. */
  readonly file?: Deno.FsFile;
  /** Is told when lines are dropped, and how many. */
  readonly log: Log;
}

/**
 * A pipe, a socket or a terminal that lines are written to. Its reader may stop at any time, so that
 * a line is taken, not written, when `append` returns; what the reader leaves is dropped and counted.
 */
export class AuditStream implements Destination {
  readonly path: string;
  readonly #queue: LineQueue;
  readonly #file: Deno.FsFile | undefined;
  readonly #log: Log;
  readonly #identity: string | undefined;
  #dropped = 0;
  #isDropping = false;

  /** Takes over an open stream. */
  constructor({ path, queue, file, log }: AuditStreamOptions) {
    this.path = path;
    this.#queue = queue;
    this.#file = file;
    this.#log = log;
    this.#identity = file === undefined ? undefined : identityOf(path);
    // A standard stream is the log's as well, which tells of all its lines.
    if (file !== undefined) queue.onRoom = (dropped) => this.#tellRoom(dropped);
  }

  get waiting(): number {
    // What waits for a standard stream is the log's, too.
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
      // Over a standard stream the log could not say it either.
      if (this.#isDropping || this.#file === undefined) continue;
      this.#isDropping = true;
      this.#log.error("Nothing reads the audit log; its lines are dropped", { path: this.path });
    }
  }

  check(): FileChange | undefined {
    if (this.#file === undefined || identityOf(this.path) === this.#identity) return undefined;
    // Its reader may have made it anew; nobody reads the one that is open.
    return { kind: "unwritable", texts: [], lost: 0 };
  }

  async close(): Promise<void> {
    await this.#queue.flush(LAST_LINES_MS);
    this.#dropped += this.waiting;
    this.#file?.close();
  }

  #tellRoom(dropped: number): void {
    this.#isDropping = false;
    this.#log.warn("The audit log is read again", { path: this.path, dropped });
  }
}
