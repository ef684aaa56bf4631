import type { Log } from "../log.ts";
import { type AuditEntry, auditLine } from "./entry.ts";
import type { Destination } from "./destination.ts";
import { openDestination } from "./open_destination.ts";

/** Options of an audit log. */
export interface AuditOptions {
  /** The file or stream to write to. */
  readonly path: string;
  /** The file to write to while `path` cannot be written. */
  readonly fallbackPath: string;
  /** Receives a message when the log moves to another path, cannot be written, or recovers. */
  readonly log: Log;
  /** Size at which a file is rotated, in bytes. Default: 10 MiB. */
  readonly maxBytes?: number;
  /** Number of files to keep, including the current one. Default: 5. */
  readonly maxFiles?: number;
  /** Interval of the attempts to write again after a failure, in milliseconds. Default: 1000. */
  readonly retryMs?: number;
  /** Interval of the attempts to return from the fallback, in milliseconds. Default: a minute. */
  readonly returnMs?: number;
}

/** State of the audit log. */
export interface AuditStatus {
  /** The path that is written to; `null` while no path can be written. */
  readonly path: string | null;
  /** Number of paths that could not be opened and of writes that failed. */
  readonly failures: number;
  /** Entries that are waiting for the disk to recover, or for the reader of a pipe. */
  readonly waiting: number;
  /** Entries that were dropped. */
  readonly dropped: number;
}

const RETRY_MS = 1000;
const RETURN_MS = 60_000;

/**
 * Maximum time from an entry to its write, and from a write to the check that the file still
 * exists, in milliseconds. A check takes 5 to 7 µs, the write itself 2.5 µs (measured), so checking
 * at each write would cost too much.
 */
const LATEST_MS = 20;

/** Age of the last check after which the log checks again before it writes, in milliseconds. */
const CHECK_MS = 500;

/** Maximum size of the entries that wait for the disk to recover, in UTF-16 code units. */
const MAX_WAITING = 1024 * 1024;

/**
 * Writes the audit log. Entries reach the disk before the answers of their operations are sent. A
 * failing disk never fails an operation: entries that can be written to neither path wait, up to a
 * limit, for the disk to recover. Beyond the limit they are dropped and counted.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  #file: Destination | undefined;
  // Lines that are not written yet; they are written at the end of the tick, when `#writing`
  // resolves.
  #joined = "";
  #writing: Promise<void> | undefined;
  #latest: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: string[] = [];
  // Total size of the lines that were added since `#waiting` was last empty.
  #waitingSize = 0;
  #dropped = 0;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #returnAt = 0;
  #checkedAt = performance.now();
  #isFailing = false;
  #isClosed = false;

  /** Opens the log, and creates its file and folder if they are missing. */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#recover();
  }

  /** The path that is written to; `undefined` while no path can be written. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** The current state. */
  status(): AuditStatus {
    return {
      path: this.path ?? null,
      failures: this.#failures,
      waiting: this.#waiting.length + (this.#file?.waiting ?? 0),
      dropped: this.#dropped + (this.#file?.dropped ?? 0),
    };
  }

  /**
   * Adds an entry. It is written together with others: one write for each would take a tenth of a
   * call's total time. Before the operation's answer is sent, call `flush` or await `written`.
   */
  append(entry: AuditEntry): void {
    if (this.#isClosed) {
      this.#dropped++;
      return;
    }
    this.#joined += auditLine(entry);
    this.#latest ??= this.#flushLater();
  }

  /** Writes all entries. When it returns, the operating system has them, or the disk failed. */
  flush(): void {
    if (this.#joined !== "") this.#writeJoined();
  }

  /** Writes all entries at the end of this tick, in one write. Never rejects. */
  written(): Promise<void> {
    return this.#writing ??= Promise.resolve().then(() => {
      this.#writing = undefined;
      this.flush();
    });
  }

  /**
   * Writes what is waiting and closes the log: immediately, unless it is a stream with a reader.
   */
  async close(): Promise<void> {
    this.flush();
    this.#check();
    if (this.#isFailing) this.#recover();
    clearTimeout(this.#retry);
    clearTimeout(this.#latest);
    this.#isClosed = true;
    const reported = this.status().dropped;
    this.#dropped += this.#waiting.splice(0).length;
    const file = this.#file;
    this.#file = undefined;
    const closing = file?.close();
    if (closing !== undefined) await closing;
    this.#dropped += file?.dropped ?? 0;
    if (this.#dropped === reported) return;
    const dropped = this.#dropped;
    this.#options.log.error("Entries of the audit log were lost", { dropped });
  }

  /** Writes the waiting entries to the first path that can be written. */
  #recover(): void {
    const { path, fallbackPath, log, retryMs = RETRY_MS, returnMs = RETURN_MS } = this.#options;
    // At the start there is no timer, and the first use of a timer loads 5 ms of code.
    if (this.#retry !== undefined) clearTimeout(this.#retry);
    this.#leave();
    const written = this.#waiting.length;
    const reason = this.#moveTo(path, this.#waiting);
    if (reason === undefined) {
      this.#returnAt = 0;
      if (this.#isFailing) this.#reportRecovery(written);
      return;
    }
    const hasFallback = fallbackPath !== path;
    const fallbackReason = hasFallback ? this.#moveTo(fallbackPath, this.#waiting) : reason;
    if (fallbackReason === undefined) {
      this.#returnAt = performance.now() + returnMs;
      log.warn(`The audit log cannot be written at ${path}; it is written at ${fallbackPath}`, {
        reason,
      });
      if (this.#isFailing) this.#reportRecovery(written);
      return;
    }
    this.#retry = setTimeout(() => this.#recover(), retryMs);
    // The timer must not keep a process alive that has nothing else to do.
    Deno.unrefTimer(Number(this.#retry));
    if (this.#isFailing) return;
    this.#isFailing = true;
    log.error("The audit log cannot be written; operations continue. Set GATEWAY_AUDIT_LOG", {
      reason: hasFallback ? `${reason}; ${fallbackReason}` : reason,
    });
  }

  /** Tries to write a line to the configured path; if that fails, the fallback stays in use. */
  #return(line: string): boolean {
    const { path, log, returnMs = RETURN_MS } = this.#options;
    this.#returnAt = performance.now() + returnMs;
    if (this.#moveTo(path, [line]) !== undefined) return false;
    this.#returnAt = 0;
    log.info(`The audit log is written at ${path} again`);
    return true;
  }

  /** Opens a path and moves lines there. Returns the reason if that fails. */
  #moveTo(path: string, lines: string[]): string | undefined {
    let file: Destination | undefined;
    let count = 0;
    try {
      file = openDestination(path, this.#options);
      // One by one: after a failure halfway, no line is written twice.
      for (const line of lines) {
        file.append(line);
        count++;
      }
      this.#leave();
      this.#file = file;
      this.#checkedAt = performance.now();
      return undefined;
    } catch (error) {
      void file?.close();
      this.#failures++;
      return error instanceof Error ? error.message : String(error);
    } finally {
      lines.splice(0, count);
    }
  }

  /** Writes entries whose answers are delayed or never sent: a slow client, an unfinished batch. */
  #flushLater(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#latest = undefined;
      this.flush();
      this.#check();
    }, LATEST_MS);
    Deno.unrefTimer(Number(timer));
    return timer;
  }

  #writeJoined(): void {
    const text = this.#joined;
    this.#joined = "";
    const isDue = this.#returnAt > 0 && performance.now() >= this.#returnAt;
    if (isDue && this.#return(text)) return;
    if (this.#write(text)) return;
    this.#keepLines(text);
    if (!this.#isFailing) this.#recover();
  }

  #write(line: string): boolean {
    if (performance.now() - this.#checkedAt > CHECK_MS) this.#check();
    try {
      this.#file?.append(line);
      return this.#file !== undefined;
    } catch {
      this.#failures++;
      return false;
    }
  }

  /** Closes the destination, and keeps the count of the lines that it dropped. */
  #leave(): void {
    if (this.#file === undefined) return;
    this.#dropped += this.#file.dropped + this.#file.waiting;
    void this.#file.close();
    this.#file = undefined;
  }

  /** Checks whether the file was deleted or moved, and continues in a new one if so. */
  #check(): void {
    this.#checkedAt = performance.now();
    const change = this.#file?.check();
    if (change === undefined) return;
    const { log } = this.#options;
    const { path } = this;
    switch (change.kind) {
      case "moved":
        return log.warn("The audit log was moved; a new file was created", { path });
      case "deleted": {
        const { rewritten, lost } = change;
        this.#dropped += lost;
        return log.warn("The audit log was deleted; a new file was created", {
          path,
          rewritten,
          lost,
        });
      }
      case "unwritable":
        this.#failures++;
        this.#dropped += change.lost;
        for (const text of change.texts) this.#keepLines(text);
        this.#recover();
    }
  }

  #keepLines(text: string): void {
    for (const line of text.split(/(?<=\n)/)) this.#keep(line);
  }

  #keep(line: string): void {
    if (this.#waiting.length === 0) this.#waitingSize = 0;
    if (this.#waitingSize + line.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingSize += line.length;
  }

  #reportRecovery(written: number): void {
    this.#isFailing = false;
    const dropped = this.#dropped;
    this.#options.log.info("The audit log can be written again", {
      path: this.path,
      written,
      dropped,
    });
  }
}
