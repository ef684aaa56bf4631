import { linkInfoAt } from "../file_identity.ts";
import { listDaemonFiles, SharingError } from "../shared_socket/mod.ts";

const LINE_FEED = 10;

/** Maximum size of the log, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** Age after which the log of a daemon that no longer runs is removed, in milliseconds. */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * The log of a daemon. When the file is full, its older half is dropped: rotated files would have to be found and removed
 * later.
 */
export class DaemonLog {
  readonly #path: string;
  readonly #encoder = new TextEncoder();
  #size: number;

  /**
   * Opens the log, to add to what an earlier daemon has written.
   *
   * @throws {SharingError} If something else is at the path, such as a link to another file.
   */
  constructor(path: string) {
    const info = linkInfoAt(path);
    if (info?.isFile === false) {
      throw new SharingError(`${path} is not the log of a shared gateway. Fix: remove it`);
    }
    this.#path = path;
    this.#size = info?.size ?? 0;
  }

  /** Adds a line with its line feed. Never throws: a full disk must not end the daemon. */
  add(line: string): void {
    const bytes = this.#encoder.encode(`${new Date().toISOString()} ${line}`);
    try {
      if (this.#size + bytes.length > MAX_BYTES) this.#dropOlderHalf();
      Deno.writeFileSync(this.#path, bytes, { append: true, mode: 0o600 });
      this.#size += bytes.length;
    } catch {
      // The reason cannot be logged anywhere else.
    }
  }

  #dropOlderHalf(): void {
    const bytes = Deno.readFileSync(this.#path);
    const newerHalf = bytes.subarray(bytes.indexOf(LINE_FEED, bytes.length - MAX_BYTES / 2) + 1);
    const temporaryPath = `${this.#path}.tmp`;
    removeIfThereSync(temporaryPath);
    Deno.writeFileSync(temporaryPath, newerHalf, { mode: 0o600, createNew: true });
    Deno.renameSync(temporaryPath, this.#path);
    this.#size = newerHalf.length;
  }
}

function removeIfThereSync(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Removes the logs of daemons that do not run from the private folder. Logs of the last week stay, because they may show
 * why a daemon ended.
 */
export function removeOldLogs(folder: string): void {
  const now = Date.now();
  for (const { log, hasSocket } of listDaemonFiles(folder)) {
    if (hasSocket) continue;
    // Another daemon that starts may remove it at the same time.
    const mtime = linkInfoAt(log)?.mtime;
    if (now - (mtime?.getTime() ?? now) > MAX_AGE_MS) removeIfThereSync(log);
  }
}
