import type { Log } from "../log.ts";
import { type AuditEntry, auditLine } from "./entry.ts";
import type { Destination } from "./destination.ts";
import { openDestination } from "./open_destination.ts";

/** How an audit log is opened. */
export interface AuditOptions {
  /** Where it is wanted. */
  readonly path: string;
  /** Where it goes when that cannot be written. */
  readonly fallbackPath: string;
  /** Is told, once, when the log is elsewhere or cannot be written, and when it can be again. */
  readonly log: Log;
  /** Size at which a file is put aside, in bytes. Default: 10 MiB. */
  readonly maxBytes?: number;
  /** Files that are kept, the current one among them. Default: 5. */
  readonly maxFiles?: number;
  /** How often it is tried to write again after a failure, in milliseconds. Default: 1000. */
  readonly retryMs?: number;
  /** How often the wanted place is tried while the log is elsewhere, in ms. Default: a minute. */
  readonly returnMs?: number;
}

/** How the audit log stands. */
export interface AuditStatus {
  /** Where the lines go; null while no place can be written. */
  readonly path: string | null;
  /** Places that could not be opened, and writes that failed. */
  readonly failures: number;
  /** Entries that wait for the disk to recover, or for the reader of a pipe. */
  readonly waiting: number;
  /** Entries that were given up. */
  readonly dropped: number;
}

const RETRY_MS = 1000;
const RETURN_MS = 60_000;

/**
 * How long an entry may wait for its answer to be sent, and how long after a write the log checks
 * that its file is still there, in milliseconds. A check takes 5 to 7 µs, the write itself 2.5
 * (measured), so a check with each write would cost too much.
 */
const LATEST_MS = 20;

/** If the last check is older than this, the log checks again before it writes, in milliseconds. */
const CHECK_MS = 500;

/** Text of entries that may wait for the disk to recover, in UTF-16 code units. */
const MAX_WAITING = 1024 * 1024;

/**
 * The record of operations, on disk before their answers leave. A failing disk never fails an
 * operation: what could be written at neither place waits, up to a bound, for the disk to recover;
 * beyond it entries are dropped and counted.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  #file: Destination | undefined;
  // Lines that were taken and are not written yet; the promise is that of the turn's end.
  #joined = "";
  #writing: Promise<void> | undefined;
  #latest: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting: string[] = [];
  // Of what has waited since there was nothing.
  #waitingSize = 0;
  #dropped = 0;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #returnAt = 0;
  #checkedAt = performance.now();
  #isFailing = false;
  #isClosed = false;

  /**
   * Opens the file, and its folder where it is missing.
   *
   * @param options Where to write.
   */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#recover();
  }

  /** Where the lines go; `undefined` while no place can be written. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** How it stands. */
  status(): AuditStatus {
    return {
      path: this.path ?? null,
      failures: this.#failures,
      waiting: this.#waiting.length + (this.#file?.waiting ?? 0),
      dropped: this.#dropped + (this.#file?.dropped ?? 0),
    };
  }

  /**
   * Takes an entry. It is written with others, in one piece: a write for each costs a tenth of a
   * call's whole way. Who lets its answer leave sees to it with `flush` or `written`.
   */
  append(entry: AuditEntry): void {
    if (this.#isClosed) {
      this.#dropped++;
      return;
    }
    this.#joined += auditLine(entry);
    this.#latest ??= this.#flushLater();
  }

  /** Writes what was taken. When it returns the operating system has it, or the disk fails. */
  flush(): void {
    if (this.#joined !== "") this.#writeJoined();
  }

  /** The same at the end of this turn, together with what else it takes. Never rejects. */
  written(): Promise<void> {
    return this.#writing ??= Promise.resolve().then(() => {
      this.#writing = undefined;
      this.flush();
    });
  }

  /** Writes what still waits, and closes the file: at once, unless another process reads it. */
  async close(): Promise<void> {
    this.flush();
    this.#check();
    if (this.#isFailing) this.#recover();
    clearTimeout(this.#retry);
    clearTimeout(this.#latest);
    this.#isClosed = true;
    const told = this.status().dropped;
    this.#dropped += this.#waiting.splice(0).length;
    const file = this.#file;
    this.#file = undefined;
    const closing = file?.close();
    if (closing !== undefined) await closing;
    this.#dropped += file?.dropped ?? 0;
    if (this.#dropped === told) return;
    const dropped = this.#dropped;
    this.#options.log.error("Entries of the audit log were lost", { dropped });
  }

  /** Writes what waits to the first place that takes it. */
  #recover(): void {
    const { path, fallbackPath, log, retryMs = RETRY_MS, returnMs = RETURN_MS } = this.#options;
    // At the start there is none, and the first use of a timer loads 5 ms of code.
    if (this.#retry !== undefined) clearTimeout(this.#retry);
    this.#leave();
    const written = this.#waiting.length;
    const reason = this.#moveTo(path, this.#waiting);
    if (reason === undefined) {
      this.#returnAt = 0;
      if (this.#isFailing) this.#tellRecovery(written);
      return;
    }
    const hasFallback = fallbackPath !== path;
    const fallbackReason = hasFallback ? this.#moveTo(fallbackPath, this.#waiting) : reason;
    if (fallbackReason === undefined) {
      this.#returnAt = performance.now() + returnMs;
      log.warn(`The audit log cannot be written at ${path}; it is at ${fallbackPath}`, { reason });
      if (this.#isFailing) this.#tellRecovery(written);
      return;
    }
    this.#retry = setTimeout(() => this.#recover(), retryMs);
    // It must not keep a program alive that has nothing else to do.
    Deno.unrefTimer(Number(this.#retry));
    if (this.#isFailing) return;
    this.#isFailing = true;
    log.error("The audit log cannot be written; operations go on. Set GATEWAY_AUDIT_LOG", {
      reason: hasFallback ? `${reason}; ${fallbackReason}` : reason,
    });
  }

  /** Tries the wanted place with a line; where it still takes nothing, the fallback stays. */
  #return(line: string): boolean {
    const { path, log, returnMs = RETURN_MS } = this.#options;
    this.#returnAt = performance.now() + returnMs;
    if (this.#moveTo(path, [line]) !== undefined) return false;
    this.#returnAt = 0;
    log.info(`The audit log is at ${path} again`);
    return true;
  }

  /** Opens a place and moves lines there; gives the reason where that fails. */
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

  /** An answer may not leave for long, or never: its client does not read, its batch is not whole. */
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

  /** Checks whether somebody has deleted or moved the file, and goes on in a new one if so. */
  #check(): void {
    this.#checkedAt = performance.now();
    const change = this.#file?.check();
    if (change === undefined) return;
    const { log } = this.#options;
    const { path } = this;
    switch (change.kind) {
      case "moved":
        return log.warn("The audit log was moved away; a new file was made", { path });
      case "deleted": {
        const { rewritten, lost } = change;
        this.#dropped += lost;
        return log.warn("The audit log was deleted; a new file was made", {
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

  #tellRecovery(written: number): void {
    this.#isFailing = false;
    const dropped = this.#dropped;
    this.#options.log.info("The audit log is written again", { path: this.path, written, dropped });
  }
}
