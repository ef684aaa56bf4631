import { identityOf } from "../file_identity.ts";

/** How much of a log is read at once, in bytes. */
export const CHUNK_BYTES = 256 * 1024;

/** Longest line that is read; the gateway's are far shorter. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** Ends a line. */
export const LINE_FEED = 0x0a;

/** Puts the lines of a log together from the pieces that it is read in. */
export class LineJoiner {
  readonly #decoder = new TextDecoder();
  #rest: Uint8Array = new Uint8Array();
  #isTooLong = false;

  /** Takes the next piece, and gives the lines that it ends; undefined for one that is too long. */
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

  /** What came after the last line feed: the gateway may just be writing it. */
  end(): (string | undefined)[] {
    if (this.#isTooLong) return [undefined];
    return this.#rest.length > 0 ? [this.#decoder.decode(this.#rest)] : [];
  }
}

/** Opens a file of a log; undefined where there is none. */
export function openLog(path: string): { file: Deno.FsFile; info: Deno.FileInfo } | undefined {
  try {
    const file = Deno.openSync(path);
    return { file, info: file.statSync() };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Which file there is at a path; undefined where there is none. */
export function identityAt(path: string): string | undefined {
  try {
    return identityOf(Deno.statSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What a file holds from an offset on; less than was asked for where it ends. */
export function readAt(file: Deno.FsFile, at: number, size: number): Uint8Array {
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

/** One piece after another. */
export function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** The file of a log that was put aside as the given one; 0 is the newest. */
export function logFile(path: string, number: number): string {
  return number === 0 ? path : `${path}.${number}`;
}
