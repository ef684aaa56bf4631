import { identityOf } from "../file_identity.ts";
import { openFile } from "./open_file.ts";
import type { Destination, FileChange } from "./destination.ts";

/** Options of the rotation of a file. */
export interface RotationOptions {
  /** Size at which a file is rotated, in bytes. Default: 10 MiB. */
  readonly maxBytes?: number;
  /** Number of files to keep, including the current one. Default: 5. */
  readonly maxFiles?: number;
  /** Days for which full files are kept, instead of `maxFiles`. */
  readonly keepDays?: number;
}

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
const DEFAULT_MAX_FILES = 5;

const DAY_MS = 24 * 60 * 60 * 1000;

/** Pause after a failed rotation, in milliseconds. */
const ROTATION_RETRY_MS = 60_000;

const LINE_FEED = 0x0a;

/**
 * Pause before another rotation attempt while another process has the file locked, in
 * milliseconds.
 */
const LOCKED_RETRY_MS = 500;

/** Maximum length of the text that is rewritten if the file is deleted, in UTF-16 code units. */
const MAX_RECENT_LENGTH = 1024 * 1024;

/** The state of a path whose file is open. */
type PathState = "same" | "rotated" | "moved" | "deleted";

/**
 * A file that lines are appended to. When it is full, the older files are renamed to `PATH.2`, `PATH.3` and
 * so on, and the full file to `PATH.1`. Each append is one write at the end of the file, so that several
 * processes can share the file. One process rotates it, and the others notice.
 */
export class AuditFile implements Destination {
  readonly dropped = 0;
  readonly path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #keepMs: number;
  readonly #encoder = new TextEncoder();
  #file!: Deno.FsFile;
  #size = 0;
  #identity = "";
  #endsMidLine = false;
  // Whether the file is known to begin with an entry. A file that was empty when opened is checked before each
  // write, because another program may have written to it.
  #beginsWithEntry = false;
  #nextRotationAt = 0;
  // Texts written since the last check, and their total length.
  #recentTexts: string[] = [];
  #recentLength = 0;
  // Number of lines written since the last check for which `#recentTexts` had no room.
  #recentSkippedLines = 0;

  /**
   * Opens a file, and creates it and its folder if they are missing.
   *
   * @throws Any error of the system, if the path cannot be opened.
   * @throws {Error} If the path is refused, or the file contains something other than an audit log.
   */
  constructor(path: string, options: RotationOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    const { keepDays } = options;
    this.#maxFiles = keepDays === undefined ? options.maxFiles ?? DEFAULT_MAX_FILES : Infinity;
    this.#keepMs = (keepDays ?? Infinity) * DAY_MS;
    this.#open();
  }

  append(text: string): void {
    if (text === "") return;
    if (this.#size >= this.#maxBytes && performance.now() >= this.#nextRotationAt) this.#rotate();
    this.#beginsWithEntry ||= checkBeginning(this.#file, this.path);
    // After a partial write, a line feed separates the incomplete line from the next one.
    const bytes = this.#encoder.encode(this.#endsMidLine ? `\n${text}` : text);
    let writtenBytes = 0;
    try {
      while (writtenBytes < bytes.length) {
        writtenBytes += this.#file.writeSync(bytes.subarray(writtenBytes));
      }
      this.#endsMidLine = false;
      this.#size += writtenBytes;
      this.#addRecent(text);
    } catch (error) {
      if (writtenBytes > 0) this.#undoPartialWrite(writtenBytes);
      throw error;
    }
  }

  check(): FileChange | undefined {
    const recentTexts = this.#recentTexts;
    const lost = this.#recentSkippedLines;
    let writtenTexts = 0;
    let state: PathState | undefined;
    try {
      state = this.#checkPath();
      if (state === "same" || state === "rotated") return undefined;
      if (state === "moved") return { kind: "moved" };
      // Without this, the recent lines would be in no file, although their answers may have been sent.
      for (const text of recentTexts) {
        this.append(text);
        writtenTexts++;
      }
      const rewritten = recentTexts.reduce((sum, text) => sum + countLines(text), 0);
      return { kind: "deleted", rewritten, lost };
    } catch {
      // If the path was reopened before the failure, the file is another one.
      const isDeleted = state === "deleted" || wasDeleted(this.#file);
      return { kind: "unwritable", texts: isDeleted ? recentTexts.slice(writtenTexts) : [], lost };
    }
  }

  close(): undefined {
    this.#file.close();
  }

  #addRecent(text: string): void {
    if (this.#recentLength + text.length > MAX_RECENT_LENGTH) {
      this.#recentSkippedLines += countLines(text);
      return;
    }
    this.#recentTexts.push(text);
    this.#recentLength += text.length;
  }

  #clearRecent(): void {
    this.#recentTexts = [];
    this.#recentLength = 0;
    this.#recentSkippedLines = 0;
  }

  /** Removes the bytes of an incomplete write, which another process would continue with its next line. */
  #undoPartialWrite(writtenBytes: number): void {
    this.#endsMidLine = true;
    try {
      const end = this.#file.seekSync(0, Deno.SeekMode.Current);
      // A line that another process has appended in the meantime must stay.
      if (this.#file.statSync().size !== end) return;
      this.#file.truncateSync(end - writtenBytes);
      this.#endsMidLine = false;
    } catch {
      // The bytes cannot be removed. The next append begins with a line feed instead.
    }
  }

  /** Checks whether the file is still at its path, and reopens the path if it is not. */
  #checkPath(): PathState {
    const current = statPath(this.path);
    if (current?.identity === this.#identity) {
      this.#size = current.size;
      this.#clearRecent();
      return "same";
    }
    const isDeleted = wasDeleted(this.#file);
    // A rotation may have removed the file as surplus, if there is another one at the path, and nothing was written to
    // this one lately.
    const isRotated = isDeleted
      ? current !== undefined && this.#recentLength === 0
      : this.#isRotated();
    this.#reopen();
    if (isRotated) return "rotated";
    return isDeleted ? "deleted" : "moved";
  }

  #isRotated(): boolean {
    for (let number = 1; number < this.#maxFiles; number++) {
      const rotated = statPath(`${this.path}.${number}`);
      if (rotated?.identity === this.#identity) return true;
      if (rotated === undefined) return false;
    }
    return false;
  }

  #reopen(): void {
    const previousFile = this.#file;
    this.#open();
    previousFile.close();
    this.#clearRecent();
  }

  #open(): void {
    const file = openFile(this.path);
    try {
      const { size, identity } = sizeAndIdentity(file.statSync());
      this.#beginsWithEntry = checkBeginning(file, this.path);
      this.#endsMidLine = endsMidLine(file);
      this.#size = size;
      this.#identity = identity;
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
  }

  #rotate(): void {
    // A file that cannot be rotated keeps growing, because losing lines would be worse.
    this.#nextRotationAt = performance.now() + ROTATION_RETRY_MS;
    // A device such as /dev/null must not be rotated.
    if (!this.#file.statSync().isFile) return;
    try {
      // The file itself is locked. A process that gets the lock after another process has rotated the file
      // finds a new file at the path. No process waits for the lock, because any program that can read the
      // file can hold it.
      if (!this.#file.tryLockSync(true)) {
        this.#nextRotationAt = performance.now() + LOCKED_RETRY_MS;
        return;
      }
      if (statPath(this.path)?.identity === this.#identity) {
        for (let number = this.#removeSurplusFiles(); number > 0; number--) {
          const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
          renameIfThere(from, `${this.path}.${number}`);
        }
        // If only one file is kept, it is emptied instead.
        if (this.#maxFiles <= 1) this.#file.truncateSync();
      }
    } catch {
      return;
    } finally {
      this.#unlock();
    }
    this.#reopen();
    this.#nextRotationAt = 0;
  }

  /** Removes surplus and old files. Returns the highest number that a file has after the rotation. */
  #removeSurplusFiles(): number {
    let count = 0;
    while (statPath(`${this.path}.${count + 1}`) !== undefined) count++;
    // A gateway that kept files for days may have left more of them than this one keeps.
    for (; count > 0 && (count >= this.#maxFiles || this.#isTooOld(count)); count--) {
      Deno.removeSync(`${this.path}.${count}`);
    }
    return Math.min(count + 1, this.#maxFiles - 1);
  }

  #isTooOld(number: number): boolean {
    const { mtime } = Deno.lstatSync(`${this.path}.${number}`);
    return Date.now() - (mtime?.getTime() ?? Date.now()) >= this.#keepMs;
  }

  #unlock(): void {
    try {
      this.#file.unlockSync();
    } catch {
      // The file was not locked: some file systems have no locks.
    }
  }
}

/** The beginning of each line of an audit log. */
const ENTRY_START = '{"timestamp":';

/**
 * Checks that a file begins as an audit log does.
 *
 * @returns Whether the file has any text.
 * @throws {Error} If the file begins with something else, such as messages of the protocol.
 */
function checkBeginning(file: Deno.FsFile, path: string): boolean {
  const bytes = new Uint8Array(ENTRY_START.length);
  file.seekSync(0, Deno.SeekMode.Start);
  const start = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  // The first line may be incomplete or empty, after a failed write.
  const [line = ""] = start.split("\n", 1);
  if (!ENTRY_START.startsWith(line)) {
    throw new Error(`${path} contains something other than an audit log`);
  }
  return start !== "";
}

/** Maximum number of checks whether another process has completed its line. */
const MAX_LINE_CHECKS = 20;

/** Whether the last line is incomplete, because its writer was stopped. */
function endsMidLine(file: Deno.FsFile): boolean {
  const last = new Uint8Array(1);
  // A line that another process is writing is complete in a moment. If that takes longer, the consequence
  // is only an empty line.
  for (let check = 0; check < MAX_LINE_CHECKS; check++) {
    const { size } = file.statSync();
    if (size === 0) return false;
    file.seekSync(size - 1, Deno.SeekMode.Start);
    if (file.readSync(last) === 1 && last[0] === LINE_FEED) return false;
  }
  return true;
}

function sizeAndIdentity(info: Deno.FileInfo): { size: number; identity: string } {
  return { size: info.size, identity: identityOf(info) };
}

/** Whether an open file was deleted. */
function wasDeleted(file: Deno.FsFile): boolean {
  try {
    return file.statSync().nlink === 0;
  } catch {
    // Deno looks up the path of the file, which fails if one of its folders was replaced by a file.
    return false;
  }
}

/** Returns the size and identity of the file at a path; `undefined` if it cannot be looked up. */
function statPath(path: string): { size: number; identity: string } | undefined {
  try {
    return sizeAndIdentity(Deno.lstatSync(path));
  } catch {
    return undefined;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}
