import { identityOf, join, type LogPosition, MAX_LINE_BYTES, readAt } from "./audit_files.ts";

/** How many times a file that was put aside is still read: others may not have noticed yet. */
const LAST_READS = 20;

const CHUNK_BYTES = 256 * 1024;

const LINE_FEED = 0x0a;

interface OpenFile {
  readonly file: Deno.FsFile;
  readonly identity: string;
  offset: number;
  /** The beginning of a line whose end is not there yet. */
  rest: Uint8Array;
  readsLeft: number;
}

/** An audit log that is read as it grows, also over its rotations. Bind it with `using`. */
export class FollowedLog implements Disposable {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #newest: OpenFile | undefined;
  readonly #older = new Set<OpenFile>();

  /**
   * Begins to follow.
   *
   * @param path Where the newest file is, or will be.
   * @param position Where to begin; absent for the beginning of the file.
   */
  constructor(path: string, position?: LogPosition) {
    this.#path = path;
    if (position === undefined) return;
    const { identity, offset } = position;
    const number = this.#numberOf(identity);
    this.#newest = number === undefined ? undefined : this.#open(number, offset);
  }

  /** The whole lines that have come since the last time. */
  *lines(): Generator<string> {
    for (const older of this.#older) {
      yield* this.#read(older);
      if (--older.readsLeft > 0) continue;
      older.file.close();
      this.#older.delete(older);
    }
    const last = this.#newest;
    if (last !== undefined) {
      yield* this.#read(last);
      if (identityAt(this.#path) === last.identity) return;
    }
    // How many there are that are younger than the one that was read.
    const younger = last === undefined ? 0 : this.#numberOf(last.identity) ?? 0;
    for (let number = Math.max(0, younger - 1); number >= 0; number--) {
      const next = this.#open(number);
      if (next === undefined) continue;
      if (this.#newest !== undefined) this.#older.add(this.#newest);
      this.#newest = next;
      yield* this.#read(next);
    }
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#older) file.close();
    this.#newest?.file.close();
  }

  /** Which file that was put aside it is; 0 for the newest. */
  #numberOf(identity: string): number | undefined {
    for (let number = 0;; number++) {
      const found = identityAt(this.#name(number));
      if (found === identity) return number;
      // The newest is not there for a moment while it is put aside.
      if (found === undefined && number > 0) return undefined;
    }
  }

  #name(number: number): string {
    return number === 0 ? this.#path : `${this.#path}.${number}`;
  }

  #open(number: number, offset = 0): OpenFile | undefined {
    try {
      const file = Deno.openSync(this.#name(number));
      const identity = identityOf(file.statSync());
      return { file, identity, offset, rest: new Uint8Array(), readsLeft: LAST_READS };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  *#read(open: OpenFile): Generator<string> {
    const { size } = open.file.statSync();
    // Somebody has emptied it.
    if (size < open.offset) open.offset = 0;
    while (open.offset < size) {
      const chunk = readAt(open.file, open.offset, Math.min(CHUNK_BYTES, size - open.offset));
      if (chunk.length === 0) return;
      open.offset += chunk.length;
      const bytes = join(open.rest, chunk);
      const end = bytes.lastIndexOf(LINE_FEED);
      open.rest = bytes.length - end - 1 > MAX_LINE_BYTES ? new Uint8Array() : bytes.slice(end + 1);
      if (end >= 0) yield* this.#decoder.decode(bytes.subarray(0, end)).split("\n");
    }
  }
}

function identityAt(path: string): string | undefined {
  try {
    return identityOf(Deno.statSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
