import { identityOf } from "../file_identity.ts";
import type { Destination, FileChange } from "./destination.ts";

/** When a file is put aside. */
export interface RotationOptions {
  /** Size at which it is put aside, in bytes. Default: 10 MiB. */
  readonly maxBytes?: number;
  /** Files that are kept, the current one among them. Default: 5. */
  readonly maxFiles?: number;
}

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
const DEFAULT_MAX_FILES = 5;

/** How long after a failure a file is tried to be put aside again, in milliseconds. */
const ROTATION_RETRY_MS = 60_000;

const LINE_FEED = 0x0a;

/**
 * How long to wait before another rotation attempt while another process has the file locked, in
 * milliseconds.
 */
const LOCKED_RETRY_MS = 500;

/** How much text is kept to be rewritten if the file is deleted, in UTF-16 code units. */
const MAX_RECENT = 1024 * 1024;

/**
 * A file that lines are appended to, and that is put aside as `PATH.1`, `PATH.2`, … when it is
 * full. Each append is one write at the file's end, so that several processes may share it; one of
 * them puts it aside, and the others notice.
 */
export class AuditFile implements Destination {
  readonly waiting = 0;
  readonly dropped = 0;
  readonly path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile;
  #size: number;
  #identity: string;
  #isTorn = false;
  #rotateAt = 0;
  // Lines written since the last check found the file at its path.
  #recent: string[] = [];
  #recentSize = 0;
  #forgotten = 0;

  /**
   * Takes over an open file.
   *
   * @param path Where it is.
   * @param file As `openFile` opens it.
   * @param options When it is put aside.
   * @throws what the system says against it.
   */
  constructor(path: string, file: Deno.FsFile, options: RotationOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#maxFiles = options.maxFiles ?? DEFAULT_MAX_FILES;
    this.#file = file;
    const { size, identity } = describe(file.statSync());
    this.#size = size;
    this.#identity = identity;
    this.#isTorn = isTorn(file);
  }

  append(text: string): void {
    if (text === "") return;
    if (this.#size >= this.#maxBytes && performance.now() >= this.#rotateAt) this.#rotate();
    // After a write that broke off, the rest of its line must not run into the next one.
    const bytes = this.#encoder.encode(this.#isTorn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
      this.#isTorn = false;
      this.#size += written;
      this.#keep(text);
    } catch (error) {
      if (written > 0) this.#takeBack(written);
      throw error;
    }
  }

  check(): FileChange | undefined {
    const recent = this.#recent;
    const lost = this.#forgotten;
    let written = 0;
    try {
      const what = this.#look();
      if (what === "same" || what === "rotated") return undefined;
      if (what === "moved") return { kind: "moved" };
      // These lines are in no file now, although their answers may have been sent.
      for (const text of recent) {
        this.append(text);
        written++;
      }
      const rewritten = recent.reduce((sum, text) => sum + countLines(text), 0);
      return { kind: "deleted", rewritten, lost };
    } catch {
      const isDeleted = written > 0 || hasNoName(this.#file);
      return { kind: "unwritable", texts: isDeleted ? recent.slice(written) : [], lost };
    }
  }

  close(): undefined {
    this.#file.close();
  }

  #keep(text: string): void {
    if (this.#recentSize + text.length > MAX_RECENT) {
      this.#forgotten += countLines(text);
      return;
    }
    this.#recent.push(text);
    this.#recentSize += text.length;
  }

  #forget(): void {
    this.#recent = [];
    this.#recentSize = 0;
    this.#forgotten = 0;
  }

  /** Half a line helps nobody, and the next line of another process would run into it. */
  #takeBack(written: number): void {
    this.#isTorn = true;
    try {
      const end = this.#file.seekSync(0, Deno.SeekMode.Current);
      // Another process wrote behind it: what it wrote stays.
      if (this.#file.statSync().size !== end) return;
      this.#file.truncateSync(end - written);
      this.#isTorn = false;
    } catch {
      // The next line begins with a line feed.
    }
  }

  /** Checks whether the file is still at its path, and reopens the path if it is not. */
  #look(): "same" | "rotated" | "moved" | "deleted" {
    const now = lookAt(this.path);
    if (now?.identity === this.#identity) {
      this.#size = now.size;
      this.#forget();
      return "same";
    }
    const isDeleted = hasNoName(this.#file);
    const isRotated = isDeleted ? now !== undefined && this.#recentSize === 0 : this.#isPutAside();
    this.#reopen();
    return isRotated ? "rotated" : isDeleted ? "deleted" : "moved";
  }

  /** Whether a gateway has rotated it. */
  #isPutAside(): boolean {
    for (let number = 1; number < this.#maxFiles; number++) {
      if (lookAt(`${this.path}.${number}`)?.identity === this.#identity) return true;
    }
    return false;
  }

  #reopen(): void {
    const file = openFile(this.path);
    if (isStream(file)) {
      file.close();
      // A write to it would wait for its reader. The caller catches this and opens the path as a
      // stream.
      throw new Error(`${this.path} is no longer a file`);
    }
    this.#file.close();
    this.#file = file;
    const { size, identity } = describe(file.statSync());
    this.#size = size;
    this.#identity = identity;
    this.#isTorn = isTorn(file);
    this.#forget();
  }

  #rotate(): void {
    // A file that cannot be put aside grows on: a line too many is better than one too few.
    this.#rotateAt = performance.now() + ROTATION_RETRY_MS;
    // A device such as /dev/null is not ours to put aside.
    if (!this.#file.statSync().isFile) return;
    try {
      // The lock is the file itself: who gets it second finds another file at the path. Nobody waits
      // for it: any program that can read the file could keep it.
      if (!this.#file.tryLockSync(true)) {
        this.#rotateAt = performance.now() + LOCKED_RETRY_MS;
        return;
      }
      if (lookAt(this.path)?.identity === this.#identity) {
        for (let number = this.#maxFiles - 1; number > 0; number--) {
          const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
          renameIfThere(from, `${this.path}.${number}`);
        }
        // With one file only there is no place to put it aside.
        if (this.#maxFiles <= 1) this.#file.truncateSync();
      }
    } catch {
      return;
    } finally {
      this.#unlock();
    }
    this.#reopen();
    this.#rotateAt = 0;
  }

  #unlock(): void {
    try {
      this.#file.unlockSync();
    } catch {
      // It was never locked: not every file system has locks.
    }
  }
}

/** How often a line that has no end is looked at again. */
const LOOKS = 20;

/** Whether the last line has no end, because whoever wrote it was stopped. */
function isTorn(file: Deno.FsFile): boolean {
  const last = new Uint8Array(1);
  // A line that another process is just writing has its end in a moment. Should it take longer, an
  // empty line is all that comes of it.
  for (let look = 0; look < LOOKS; look++) {
    const { size } = file.statSync();
    if (size === 0) return false;
    file.seekSync(size - 1, Deno.SeekMode.Start);
    if (file.readSync(last) === 1 && last[0] === LINE_FEED) return false;
  }
  return true;
}

/**
 * Opens a file for appending, and creates it and its folder if they are missing.
 *
 * @throws what the system says against it.
 */
export function openFile(path: string): Deno.FsFile {
  // Without node:path, which costs 5 ms of the start.
  const folder = path.replace(/[\\/]?[^\\/]*$/, "");
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
  return Deno.openSync(path, { create: true, append: true, read: true, mode: 0o600 });
}

/** Whether another process has to read what is written: a pipe, a socket or a terminal. */
export function isStream(file: Deno.FsFile): boolean {
  const { isFifo, isSocket } = file.statSync();
  return isFifo === true || isSocket === true || file.isTerminal();
}

/** Identifies a file independently of its name; `undefined` if there is none at the path. */
export function identityAt(path: string): string | undefined {
  return lookAt(path)?.identity;
}

function describe(info: Deno.FileInfo): { size: number; identity: string } {
  return { size: info.size, identity: identityOf(info) };
}

/** Whether an open file was deleted. */
function hasNoName(file: Deno.FsFile): boolean {
  try {
    return file.statSync().nlink === 0;
  } catch {
    // Deno resolves the path that it was opened by, which fails when a folder of it became a file.
    return false;
  }
}

function lookAt(path: string): { size: number; identity: string } | undefined {
  try {
    return describe(Deno.statSync(path));
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
