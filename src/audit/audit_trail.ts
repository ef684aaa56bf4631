import { standardStream } from "../line_queue.ts";
import { AuditLog, type AuditOptions, type AuditStatus } from "./audit_log.ts";
import type { AuditEntry } from "./entry.ts";
import { EntryCounter, type EntryCounterOptions } from "./entry_counter.ts";
import { NULL_DEVICE } from "./open_file.ts";

/**
 * Number of refusals per minute that get a line of their own, for all unidentified clients together. Only the
 * address of such a client is known.
 */
const MAX_UNIDENTIFIED_LINES = 60;

/**
 * The audit log and the log of refusals. The logs are separate because a client can cause many refusals, which must
 * not displace the entries of operations from the files that are kept.
 */
export class AuditTrail {
  readonly #options: AuditOptions;
  readonly #auditLog: AuditLog;
  // Opened with the first refusal.
  #refusalLog: AuditLog | undefined;
  readonly #refusalOptions: EntryCounterOptions = {
    summary: { operation: "refusals", decision: "DENY" },
    write: (entry) => this.#openRefusalLog().append(entry),
  };
  readonly #refusals = new EntryCounter(this.#refusalOptions);
  readonly #unidentifiedRefusals = new EntryCounter({
    ...this.#refusalOptions,
    maxTotalLines: MAX_UNIDENTIFIED_LINES,
  });
  readonly #lookups = new EntryCounter({
    summary: { operation: "lookups", decision: "ALLOW" },
    write: (entry) => this.#auditLog.append(entry),
  });

  /** Opens the audit log, and creates its file and folder if they are missing. */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#auditLog = new AuditLog(options);
  }

  /** The path of the audit log that is written to; `undefined` while no path can be written. */
  get path(): string | undefined {
    return this.#auditLog.path;
  }

  /** The current state of both logs; the path is that of the audit log. */
  status(): AuditStatus {
    const { path, ...counts } = this.#auditLog.status();
    const refusals = this.#refusalLog === this.#auditLog ? undefined : this.#refusalLog?.status();
    if (refusals === undefined) return { path, ...counts };
    return {
      path,
      failures: counts.failures + refusals.failures,
      waiting: counts.waiting + refusals.waiting,
      dropped: counts.dropped + refusals.dropped,
    };
  }

  /** Adds the beginning or the end of an operation that was performed. Call `flush` before its answer is sent. */
  append(entry: AuditEntry): void {
    this.#auditLog.append(entry);
  }

  /**
   * Adds a refusal to the log of refusals. After many refusals of one source in a minute, further ones are only
   * counted, and the counts are added once a second.
   *
   * @param source The agent that is refused.
   */
  addRefusal(source: string, entry: AuditEntry): void {
    this.#refusals.add(source, entry);
  }

  /**
   * Adds the refusal of an unidentified client to the log of refusals. Such clients can use many addresses, and must
   * not displace the refusals of agents: after 60 lines in a minute for all addresses together, further refusals are
   * only counted, and the counts are added once a minute.
   */
  addUnidentifiedRefusal(entry: AuditEntry & { readonly address: string }): void {
    this.#unidentifiedRefusals.add(entry.address, entry);
  }

  /**
   * Adds an operation that only read what the gateway knows, such as `list_servers`. After many of one source
   * in a minute, further ones are only counted, and the counts are added once a second.
   *
   * @param source The agent.
   */
  addLookup(source: string, entry: AuditEntry): void {
    this.#lookups.add(source, entry);
  }

  /** Writes all entries. When it returns, the operating system has them, or the disk failed. */
  flush(): void {
    this.#auditLog.flush();
    this.#refusalLog?.flush();
  }

  /**
   * Writes all entries in the next microtask, together, and resolves then. Never rejects.
   *
   * @returns Whether the operating system has all entries of the audit log.
   */
  untilWritten(): Promise<boolean> {
    const refusalsWritten = this.#refusalLog?.untilWritten();
    return refusalsWritten === undefined
      ? this.#auditLog.untilWritten()
      : refusalsWritten.then(() => this.#auditLog.untilWritten());
  }

  /** Writes the waiting entries, and closes both logs. */
  async close(): Promise<void> {
    this.#refusals.close();
    this.#unidentifiedRefusals.close();
    this.#lookups.close();
    // Both are one log if it is a stream.
    await Promise.all(
      new Set([this.#auditLog, this.#refusalLog]).values().map((log) => log?.close()),
    );
  }

  #openRefusalLog(): AuditLog {
    if (this.#refusalLog !== undefined) return this.#refusalLog;
    const { path, fallbackPath } = this.#options;
    const refusalPath = refusalLogPath(path);
    this.#refusalLog = refusalPath === path ? this.#auditLog : new AuditLog({
      ...this.#options,
      path: refusalPath,
      fallbackPath: refusalLogPath(fallbackPath),
    });
    return this.#refusalLog;
  }
}

/** Returns the path of the log of refusals: `audit.refused.jsonl` for `audit.jsonl`; for a stream, the stream. */
export function refusalLogPath(path: string): string {
  if (standardStream(path) !== undefined || path === NULL_DEVICE) return path;
  return path.replace(/(\.[^./\\]*)?$/, ".refused$1");
}
