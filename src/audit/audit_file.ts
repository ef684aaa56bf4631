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

/** How often it is looked whether the file is still the one at its path, in milliseconds. */
const CHECK_MS = 500;

/**
 * A file that lines are appended to, and that is put aside as `PATH.1`, `PATH.2`, … when it is
 * full. Each append is one write at the file's end, so that several processes may share it; one of
 * them puts it aside, and the others notice.
 */
export class AuditFile {
  /** Where it is. */
  readonly path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile;
  #size: number;
  #identity: string;
  #checkedAt = performance.now();
  #isTorn = false;
  #rotateAt = 0;

  /**
   * Opens the file, and makes its folder where it is missing.
   *
   * @param path Where it is.
   * @param options When it is put aside.
   * @throws what the system says against it.
   */
  constructor(path: string, options: RotationOptions = {}) {
    this.path = path;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#maxFiles = options.maxFiles ?? DEFAULT_MAX_FILES;
    this.#file = openFile(path);
    const { size, identity } = describe(this.#file.statSync());
    this.#size = size;
    this.#identity = identity;
    this.#isTorn = isTorn(this.#file);
  }

  /**
   * Appends lines.
   *
   * @param text A line, or several.
   * @throws what the system says against it; then none of the text counts as written.
   */
  append(text: string): void {
    if (text === "") return;
    if (performance.now() - this.#checkedAt > CHECK_MS) this.#check();
    if (this.#size >= this.#maxBytes && performance.now() >= this.#rotateAt) this.#rotate();
    // After a write that broke off, the rest of its line must not run into the next one.
    const bytes = this.#encoder.encode(this.#isTorn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
      this.#isTorn = false;
      this.#size += written;
    } catch (error) {
      if (written > 0) this.#takeBack(written);
      throw error;
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
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

  /** Somebody may have put the file aside, or deleted it; then the lines belong into the new one. */
  #check(): void {
    this.#checkedAt = performance.now();
    const now = lookAt(this.path);
    if (now?.identity === this.#identity) this.#size = now.size;
    else this.#reopen();
  }

  #reopen(): void {
    const file = openFile(this.path);
    this.#file.close();
    this.#file = file;
    const { size, identity } = describe(file.statSync());
    this.#size = size;
    this.#identity = identity;
    this.#isTorn = isTorn(file);
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
        this.#rotateAt = performance.now() + CHECK_MS;
        this.#checkedAt = -Infinity;
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

function openFile(path: string): Deno.FsFile {
  // Without node:path, which costs 5 ms of the start.
  const folder = path.replace(/[\\/]?[^\\/]*$/, "");
  if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
  return Deno.openSync(path, { create: true, append: true, read: true, mode: 0o600 });
}

function describe({ size, dev, ino }: Deno.FileInfo): { size: number; identity: string } {
  return { size, identity: `${dev}:${ino}` };
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
