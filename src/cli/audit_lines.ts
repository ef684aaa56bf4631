/** Size of one read, in bytes. */
export const CHUNK_BYTES = 256 * 1024;

/** Maximum length of a line, in bytes; the gateway's lines are far shorter. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** The byte that ends a line. */
export const LINE_FEED = 0x0a;

/** Joins the lines of a log from the chunks that it is read in. */
export class LineJoiner {
  readonly #decoder = new TextDecoder();
  #rest: Uint8Array = new Uint8Array();
  #isTooLong = false;

  /** Adds a chunk; returns the lines that it completes, `undefined` for one that is too long. */
  add(chunk: Uint8Array): (string | undefined)[] {
    const bytes = join(this.#rest, chunk);
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    this.#rest = bytes.slice(end);
    const text = end === 0 ? undefined : this.#decoder.decode(bytes.subarray(0, end - 1));
    const lines: (string | undefined)[] = text?.split("\n") ?? [];
    if (this.#isTooLong && lines.length > 0) {
      lines[0] = undefined;
      this.#isTooLong = false;
    }
    if (this.#rest.length > MAX_LINE_BYTES) {
      this.#rest = new Uint8Array();
      this.#isTooLong = true;
    }
    return lines;
  }

  /** The text after the last line feed; the gateway may be writing it. */
  end(): (string | undefined)[] {
    if (this.#isTooLong) return [undefined];
    return this.#rest.length > 0 ? [this.#decoder.decode(this.#rest)] : [];
  }
}

/** Opens a file of a log; `undefined` if there is none. */
export function openLog(path: string): { file: Deno.FsFile; info: Deno.FileInfo } | undefined {
  try {
    const file = Deno.openSync(path);
    return { file, info: file.statSync() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads bytes at an offset; fewer than `size` at the end of the file. */
export function readAt(
  file: Deno.FsFile,
  { at, size }: { readonly at: number; readonly size: number },
): Uint8Array {
  const bytes = new Uint8Array(size);
  file.seekSync(at, Deno.SeekMode.Start);
  let length = 0;
  while (length < size) {
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

/** Concatenates two chunks. */
export function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Path of a log's file with the given rotation number; 0 is the newest. */
export function logFile(path: string, number: number): string {
  return number === 0 ? path : `${path}.${number}`;
}
