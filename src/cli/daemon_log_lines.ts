import { identityAt, identityOf } from "../file_identity.ts";

const LINE_FEED = 10;

/** Reads the log of a daemon as it grows. Bind it with `using`. */
export class DaemonLogLines implements Disposable {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #file: Deno.FsFile | undefined;
  #offset = 0;

  /**
   * Starts at the beginning of the log.
   *
   * @param path The log, which need not exist yet.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** Returns the complete lines since the last call. */
  read(): string[] {
    const file = this.#file ??= open(this.#path);
    if (file === undefined) return [];
    const lines = this.#readLines(file);
    const identity = identityAt(this.#path);
    if (identity === undefined || identity === identityOf(file.statSync())) return lines;
    // The log was full, and has been replaced by one with its newer half.
    const next = open(this.#path);
    if (next === undefined) return lines;
    this.#offset = lengthOfCopy(readToEnd(file, 0), readToEnd(next, 0));
    this.#file = next;
    file.close();
    return [...lines, ...this.#readLines(next)];
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }

  #readLines(file: Deno.FsFile): string[] {
    const bytes = readToEnd(file, this.#offset);
    const end = bytes.lastIndexOf(LINE_FEED);
    if (end < 0) return [];
    this.#offset += end + 1;
    return this.#decoder.decode(bytes.subarray(0, end)).split("\n");
  }
}

function open(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads a file from an offset to its end; a log has 1 MB at most. */
function readToEnd(file: Deno.FsFile, offset: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, file.statSync().size - offset));
  file.seekSync(offset, Deno.SeekMode.Start);
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** Returns how many bytes at the beginning of a log are a copy of the end of the log that it replaced. */
function lengthOfCopy(old: Uint8Array, replacement: Uint8Array): number {
  const maxLength = Math.min(old.length, replacement.length);
  for (let start = old.length - maxLength; start < old.length;) {
    if (replacement[0] === old[start] && startsWith(replacement, old.subarray(start))) {
      return old.length - start;
    }
    // Only the beginning of a line can be the beginning of the copy.
    const next = old.indexOf(LINE_FEED, start) + 1;
    if (next === 0) break;
    start = next;
  }
  return 0;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, at) => byte === bytes[at]);
}
