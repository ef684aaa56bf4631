import type { Log } from "../log.ts";
import { type AuditEntry, auditLine } from "./entry.ts";

/** How an audit log is opened. */
export interface AuditOptions {
  /** Where it is wanted. */
  readonly path: string;
  /** Where it goes when that cannot be written. */
  readonly fallbackPath: string;
  /** Is told, once, when the log is elsewhere or cannot be written. */
  readonly log: Log;
}

/**
 * A file that takes one line per operation. Each line is one write at the end of the file, so that
 * several gateways may share it. A failing disk is counted and told once; operations go on.
 */
export class AuditLog {
  /** Where the lines go; `undefined` where no place could be written. */
  readonly path: string | undefined;
  readonly #file: Deno.FsFile | undefined;
  readonly #log: Log;
  readonly #encoder = new TextEncoder();
  #failures = 0;

  /**
   * Opens the file, and its folder where it is missing.
   *
   * @param options Where to write.
   */
  constructor(options: AuditOptions) {
    this.#log = options.log;
    for (const path of [options.path, options.fallbackPath]) {
      const file = openFile(path);
      if (file instanceof Deno.FsFile) {
        this.path = path;
        this.#file = file;
        if (path !== options.path) {
          this.#log.warn(`The audit log cannot be written at ${options.path}; it is at ${path}`);
        }
        return;
      }
      this.#log.warn(`The audit log cannot be opened at ${path}`, { reason: file.message });
    }
    this.#log.error("There is no audit log: set GATEWAY_AUDIT_LOG to a file that can be written");
  }

  /** Lines that could not be written. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Writes an entry; it is with the operating system when this returns. Never throws.
   *
   * @param entry The operation.
   */
  append(entry: AuditEntry): void {
    try {
      if (this.#file === undefined) throw new Error("no file");
      const bytes = this.#encoder.encode(auditLine(entry));
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      this.#failures++;
      if (this.#failures === 1) {
        this.#log.error("The audit log cannot be written; operations go on", {
          path: this.path,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file?.close();
  }
}

function openFile(path: string): Deno.FsFile | Error {
  try {
    // Without node:path, which costs 5 ms of the start.
    const folder = path.replace(/[\\/]?[^\\/]*$/, "");
    if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
    return Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
