import type { Log } from "../log.ts";
import { type AuditEntry, auditLine } from "./entry.ts";
import { AuditFile } from "./audit_file.ts";

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
}

/** How often a place that failed is tried again, in milliseconds. */
const RETRY_MS = 1000;

/** Text of entries that may wait for the disk to recover, in UTF-16 code units. */
const MAX_WAITING = 1024 * 1024;

/**
 * The record of operations, on disk before their answers leave. A failing disk never fails an
 * operation: what could not be written waits, up to a bound, for the disk to recover; beyond it
 * entries are dropped and counted.
 */
export class AuditLog {
  readonly #options: AuditOptions;
  #file: AuditFile | undefined;
  #waiting: string[] = [];
  #waitingSize = 0;
  #dropped = 0;
  #failures = 0;
  #retryAt = 0;
  #isFailing = false;

  /**
   * Opens the file, and its folder where it is missing.
   *
   * @param options Where to write.
   */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#open();
  }

  /** Where the lines go; `undefined` while no place can be written. */
  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Writes that failed so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Entries that were given up. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Writes an entry; it is with the operating system when this returns. Never throws.
   *
   * @param entry The operation.
   */
  append(entry: AuditEntry): void {
    const line = auditLine(entry);
    if (!this.#isFailing && this.#write(line)) return;
    this.#keep(line);
    if (performance.now() >= this.#retryAt) this.#retry();
  }

  /** Writes what still waits, and closes the file. */
  close(): void {
    if (this.#isFailing) this.#retry();
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): void {
    const { path, fallbackPath, log } = this.#options;
    for (const place of [path, fallbackPath]) {
      try {
        this.#file = new AuditFile(place, this.#options);
        if (place !== path && !this.#isFailing) {
          log.warn(`The audit log cannot be written at ${path}; it is at ${place}`);
        }
        return;
      } catch (error) {
        this.#failures++;
        const reason = error instanceof Error ? error.message : String(error);
        if (!this.#isFailing) log.warn(`The audit log cannot be opened at ${place}`, { reason });
      }
    }
    this.#fail("no place for it can be written; set GATEWAY_AUDIT_LOG to one that can");
  }

  #write(text: string): boolean {
    try {
      if (this.#file === undefined) return false;
      this.#file.append(text);
      return true;
    } catch (error) {
      this.#failures++;
      this.#fail(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  #fail(reason: string): void {
    this.#retryAt = performance.now() + RETRY_MS;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.log.error("The audit log cannot be written; operations go on", { reason });
  }

  #keep(line: string): void {
    if (this.#waitingSize + line.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingSize += line.length;
  }

  #retry(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#open();
    if (!this.#write(this.#waiting.join(""))) {
      this.#retryAt = performance.now() + RETRY_MS;
      return;
    }
    this.#isFailing = false;
    this.#options.log.info("The audit log is written again", {
      written: this.#waiting.length,
      dropped: this.#dropped,
    });
    this.#waiting = [];
    this.#waitingSize = 0;
  }
}
