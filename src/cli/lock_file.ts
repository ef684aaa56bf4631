import { createFile } from "../atomic_file.ts";
import {
  type LocatedFile,
  locateLockFile,
  MAX_LOCK_FILE_BYTES,
  readLockText,
} from "../config/mod.ts";
import { editFile } from "../config/editing/mod.ts";
import { formatLockFile, type LockFile, parseLockFile } from "../pins/mod.ts";
import { CommandError } from "./error_report.ts";

/** Permissions of a new lock file, which everybody in a project may read. */
const MODE = 0o644;

/** The lock file beside a rules file, for commands. */
export class LockFileOnDisk {
  /** The path for messages. */
  readonly displayPath: string;
  readonly #path: string;

  /**
   * Locates the lock file; reads nothing yet.
   *
   * @param rules The rules file.
   */
  constructor(rules: LocatedFile) {
    const { path, displayPath } = locateLockFile(rules);
    this.#path = path;
    this.displayPath = displayPath;
  }

  /**
   * Reads the file; `undefined` if there is none.
   *
   * @throws {CommandError} if it cannot be used.
   */
  read(): LockFile | undefined {
    const content = readLockText(this.#path);
    return content === undefined ? undefined : this.#parse(content);
  }

  /**
   * Changes the file, or creates it. Commands at the same time wait for one another.
   *
   * @throws {CommandError} if it cannot be used or written.
   */
  async edit(change: (lockFile: LockFile) => LockFile): Promise<void> {
    try {
      if (readLockText(this.#path) === undefined) {
        const bytes = this.#encode(change(new Map()));
        try {
          return await createFile(this.#path, { bytes, mode: MODE });
        } catch (error) {
          if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        }
      }
      await editFile(this.#path, (text) => {
        return new TextDecoder().decode(this.#encode(change(this.#parse({ text }))));
      });
    } catch (error) {
      if (error instanceof CommandError || !(error instanceof Error)) throw error;
      throw new CommandError(`${this.displayPath} cannot be written: ${error.message}`, {
        cause: error,
      });
    }
  }

  #encode(lockFile: LockFile): Uint8Array {
    const bytes = new TextEncoder().encode(formatLockFile(lockFile));
    if (bytes.length <= MAX_LOCK_FILE_BYTES) return bytes;
    const mib = MAX_LOCK_FILE_BYTES / 1024 / 1024;
    throw new CommandError(
      `${this.displayPath} would have more than ${mib} MiB, so nothing was pinned`,
    );
  }

  #parse(content: NonNullable<ReturnType<typeof readLockText>>): LockFile {
    const parsed = "failure" in content ? content : parseLockFile(content.text);
    if ("lockFile" in parsed) return parsed.lockFile;
    throw new CommandError(
      `${this.displayPath} cannot be used: ${parsed.failure}. Fix it or restore it from version ` +
        "control; or remove it, and pin all servers again",
    );
  }
}
