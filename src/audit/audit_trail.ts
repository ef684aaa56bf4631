import { standardStream } from "../line_queue.ts";
import { AuditLog, type AuditOptions, type AuditStatus } from "./audit_log.ts";
import type { AuditEntry } from "./entry.ts";
import { NULL_DEVICE } from "./open_file.ts";
import { RefusalCounter } from "./refusal_counter.ts";

/**
 * The audit log, and beside it the log of what was refused: refusals are cheap to cause, and must not displace
 * what was done from the files that are kept.
 */
export class AuditTrail {
  readonly #options: AuditOptions;
  readonly #done: AuditLog;
  // Opened with the first refusal.
  #refused: AuditLog | undefined;
  readonly #refusals = new RefusalCounter((entry) => this.#openRefused().append(entry));

  /** Opens the audit log, and creates its file and folder if they are missing. */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#done = new AuditLog(options);
  }

  /** The path of the audit log that is written to; `undefined` while no path can be written. */
  get path(): string | undefined {
    return this.#done.path;
  }

  /** The current state of both logs; the path is that of the audit log. */
  status(): AuditStatus {
    const { path, ...done } = this.#done.status();
    const refused = this.#refused === this.#done ? undefined : this.#refused?.status();
    if (refused === undefined) return { path, ...done };
    return {
      path,
      failures: done.failures + refused.failures,
      waiting: done.waiting + refused.waiting,
      dropped: done.dropped + refused.dropped,
    };
  }

  /** Adds the beginning or the end of an operation that was done. Call `flush` before its answer is sent. */
  append(entry: AuditEntry): void {
    this.#done.append(entry);
  }

  /**
   * Adds a refusal to the log of refusals. After many refusals of one source in a minute, further ones are only
   * counted, and their numbers are added once a second.
   *
   * @param source The agent or the address that is refused.
   */
  refuse(source: string, entry: AuditEntry): void {
    this.#refusals.add(source, entry);
  }

  /** Writes all entries. When it returns, the operating system has them, or the disk failed. */
  flush(): void {
    this.#done.flush();
    this.#refused?.flush();
  }

  /**
   * Resolves when all entries are written, in one write in the next microtask. Never rejects.
   *
   * @returns Whether the operating system has all entries of the audit log.
   */
  written(): Promise<boolean> {
    const refused = this.#refused?.written();
    return refused === undefined ? this.#done.written() : refused.then(() => this.#done.written());
  }

  /** Writes the waiting entries, and closes both logs. */
  async close(): Promise<void> {
    this.#refusals.close();
    await Promise.all([this.#done.close(), this.#refused?.close()]);
  }

  #openRefused(): AuditLog {
    if (this.#refused !== undefined) return this.#refused;
    const { path, fallbackPath } = this.#options;
    const refusedPath = refusedLogPath(path);
    this.#refused = refusedPath === path ? this.#done : new AuditLog({
      ...this.#options,
      path: refusedPath,
      fallbackPath: refusedLogPath(fallbackPath),
    });
    return this.#refused;
  }
}

/** Returns the path of the log of refusals: `audit.refused.jsonl` for `audit.jsonl`; for a stream, the stream. */
export function refusedLogPath(path: string): string {
  if (standardStream(path) !== undefined || path === NULL_DEVICE) return path;
  return path.replace(/(\.[^./\\]*)?$/, ".refused$1");
}
