import type { Log } from "../log.ts";
import type { RotationOptions } from "./audit_file.ts";
import { type AuditEntry, auditLine } from "./entry.ts";
import type { Destination } from "./destination.ts";
import { openDestination } from "./open_destination.ts";

/** Options of an audit log. */
export interface AuditOptions extends RotationOptions {
  /** The file or stream to write to. */
  readonly path: string;
  /** The file to write to while `path` cannot be written. */
  readonly fallbackPath: string;
  /** Receives a message when the log moves to another path, cannot be written, or recovers. */
  readonly log: Log;
  /** Interval of the attempts to write again after a failure, in milliseconds. Default: 1000. */
  readonly retryMs?: number;
  /** Interval of the attempts to use `path` again instead of the fallback, in milliseconds. Default: a minute. */
  readonly pathRetryMs?: number;
}

/** State of the audit log. */
export interface AuditStatus {
  /** The path that is written to; `null` while no path can be written. */
  readonly path: string | null;
  /** Number of paths that could not be opened and of writes that failed. */
  readonly failures: number;
  /** Number of entries that are waiting for the disk to recover. */
  readonly waiting: number;
  /** Number of entries that were dropped. */
  readonly dropped: number;
}

const RETRY_MS = 1000;
const PATH_RETRY_MS = 60_000;

/**
 * Maximum time until an entry is written and the log then checks that the file still exists, in milliseconds. A
 * check takes 5 to 7 µs and a write 2.5 µs (measured), so a check after every write would take too long.
 */
const MAX_DELAY_MS = 20;

/** Age of the last check above which the log checks again before it writes, in milliseconds. */
const CHECK_MS = 500;

/** Maximum total length of the entries that wait for the disk to recover, in UTF-16 code units. */
const MAX_WAITING_LENGTH = 1024 * 1024;

/**
 * Writes the audit log. If the disk fails, no method throws: entries that can be written to neither path
 * wait, up to a limit, for the disk to recover. Entries beyond the limit are dropped and counted.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  #destination: Destination | undefined;
  // Lines that are not written yet. They are written by `flush`, by `untilWritten`, or when
  // `#flushTimer` fires.
  #unwritten = "";
  #writing: Promise<boolean> | undefined;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: string[] = [];
  // Total length of the lines that were added since `#waiting` was last empty.
  #waitingLength = 0;
  #dropped = 0;
  #failures = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryPathAt = 0;
  #checkedAt = performance.now();
  #isFailing = false;
  #isClosed = false;

  /** Opens the log, and creates its file and folder if they are missing. */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#openFirstWritable();
  }

  /** The path that is written to; `undefined` while no path can be written. */
  get path(): string | undefined {
    return this.#destination?.path;
  }

  /** The current state. */
  status(): AuditStatus {
    return {
      path: this.path ?? null,
      failures: this.#failures,
      waiting: this.#waiting.length,
      dropped: this.#dropped + (this.#destination?.dropped ?? 0),
    };
  }

  /**
   * Adds an entry. Entries are written together, because a write for each would take a tenth of the time of
   * a call. Before the answer of the operation is sent, call `flush` or await `untilWritten`.
   */
  append(entry: AuditEntry): void {
    if (this.#isClosed) {
      this.#dropped++;
      return;
    }
    this.#unwritten += auditLine(entry);
    this.#flushTimer ??= this.#flushLater();
  }

  /** Writes all entries. When it returns, the operating system has them, or the disk failed. */
  flush(): void {
    if (this.#unwritten !== "") this.#writeUnwritten();
  }

  /**
   * Writes all entries in the next microtask, together, and resolves then. Never rejects.
   *
   * @returns Whether the operating system has all of them.
   */
  untilWritten(): Promise<boolean> {
    return this.#writing ??= Promise.resolve().then(() => {
      this.#writing = undefined;
      this.flush();
      return this.#waiting.length === 0 && !this.#isFailing;
    });
  }

  /**
   * Writes the waiting entries and closes the log. Resolves immediately, unless the log is a stream whose
   * reader has to take them.
   */
  async close(): Promise<void> {
    this.flush();
    this.#check();
    if (this.#isFailing) this.#openFirstWritable();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#flushTimer);
    this.#isClosed = true;
    const droppedBefore = this.status().dropped;
    this.#dropped += this.#waiting.splice(0).length;
    const destination = this.#destination;
    this.#destination = undefined;
    const closing = destination?.close();
    if (closing !== undefined) await closing;
    this.#dropped += destination?.dropped ?? 0;
    if (this.#dropped === droppedBefore) return;
    const dropped = this.#dropped;
    this.#options.log.error("Entries of the audit log were lost", { dropped });
  }

  /** Opens the first path that can be written, and writes the waiting entries there. */
  #openFirstWritable(): void {
    const { path, fallbackPath, log, retryMs = RETRY_MS, pathRetryMs = PATH_RETRY_MS } =
      this.#options;
    // `clearTimeout` is not called without a timer: the first use of timers loads code for 5 ms.
    if (this.#retryTimer !== undefined) clearTimeout(this.#retryTimer);
    this.#closeDestination();
    const waitingCount = this.#waiting.length;
    const reason = this.#openAndAppend(path, this.#waiting);
    if (reason === undefined) {
      this.#retryPathAt = 0;
      if (this.#isFailing) this.#reportRecovery(waitingCount);
      return;
    }
    const hasFallback = fallbackPath !== path;
    const fallbackReason = hasFallback ? this.#openAndAppend(fallbackPath, this.#waiting) : reason;
    if (fallbackReason === undefined) {
      this.#retryPathAt = performance.now() + pathRetryMs;
      log.warn(`The audit log cannot be written at ${path}; it is written at ${fallbackPath}`, {
        reason,
      });
      if (this.#isFailing) this.#reportRecovery(waitingCount);
      return;
    }
    this.#retryTimer = setTimeout(() => this.#openFirstWritable(), retryMs);
    // The timer alone must not keep the process alive.
    Deno.unrefTimer(Number(this.#retryTimer));
    if (this.#isFailing) return;
    this.#isFailing = true;
    log.error(
      "The audit log cannot be written. Set GATEWAY_AUDIT_LOG to a file that can be written",
      {
        reason: hasFallback ? `${reason}; ${fallbackReason}` : reason,
      },
    );
  }

  /** Tries to write lines to the configured path; if that fails, the fallback stays in use. */
  #tryConfiguredPath(text: string): boolean {
    const { path, log, pathRetryMs = PATH_RETRY_MS } = this.#options;
    this.#retryPathAt = performance.now() + pathRetryMs;
    if (this.#openAndAppend(path, [text]) !== undefined) return false;
    this.#retryPathAt = 0;
    log.info(`The audit log is written at ${path} again`);
    return true;
  }

  /**
   * Opens a path, writes the lines there, and uses the path from now on.
   *
   * @returns The reason if a line cannot be written; otherwise `undefined`. Afterwards, `lines` has only the
   * lines that were not written.
   */
  #openAndAppend(path: string, lines: string[]): string | undefined {
    let destination: Destination | undefined;
    let writtenCount = 0;
    try {
      destination = openDestination(path, this.#options);
      // The lines are appended one by one, so that no line is written twice if one of them fails.
      for (const line of lines) {
        destination.append(line);
        writtenCount++;
      }
      this.#closeDestination();
      this.#destination = destination;
      this.#checkedAt = performance.now();
      return undefined;
    } catch (error) {
      void destination?.close();
      this.#failures++;
      return error instanceof Error ? error.message : String(error);
    } finally {
      lines.splice(0, writtenCount);
    }
  }

  /** Writes entries even if their answers are delayed, as for a slow client or an incomplete batch. */
  #flushLater(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.flush();
      this.#check();
    }, MAX_DELAY_MS);
    Deno.unrefTimer(Number(timer));
    return timer;
  }

  #writeUnwritten(): void {
    const text = this.#unwritten;
    this.#unwritten = "";
    const isPathRetryDue = this.#retryPathAt > 0 && performance.now() >= this.#retryPathAt;
    if (isPathRetryDue && this.#tryConfiguredPath(text)) return;
    if (this.#write(text)) return;
    this.#addWaiting(text);
    if (!this.#isFailing) this.#openFirstWritable();
  }

  #write(text: string): boolean {
    if (performance.now() - this.#checkedAt > CHECK_MS) this.#check();
    try {
      this.#destination?.append(text);
      return this.#destination !== undefined;
    } catch {
      this.#failures++;
      return false;
    }
  }

  /** Closes the destination, and counts the lines that it dropped. */
  #closeDestination(): void {
    if (this.#destination === undefined) return;
    this.#dropped += this.#destination.dropped;
    void this.#destination.close();
    this.#destination = undefined;
  }

  /** Checks whether the file was deleted or moved, and reports the new file. */
  #check(): void {
    this.#checkedAt = performance.now();
    const change = this.#destination?.check();
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
        for (const text of change.texts) this.#addWaiting(text);
        this.#openFirstWritable();
    }
  }

  #addWaiting(text: string): void {
    for (const line of text.split(/(?<=\n)/)) this.#addWaitingLine(line);
  }

  #addWaitingLine(line: string): void {
    if (this.#waiting.length === 0) this.#waitingLength = 0;
    if (this.#waitingLength + line.length > MAX_WAITING_LENGTH) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingLength += line.length;
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
