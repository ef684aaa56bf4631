import { identityAt, identityOf } from "../file_identity.ts";
import type { LogPosition } from "./audit_files.ts";
import { CHUNK_BYTES, LineJoiner, logFile, openLog, readAt } from "./audit_lines.ts";

/** How often a rotated file is read again: other gateways may not have noticed the rotation yet. */
const LAST_READS = 20;

interface OpenFile {
  readonly file: Deno.FsFile;
  readonly identity: string;
  offset: number;
  readonly joiner: LineJoiner;
  readsLeft: number;
}

/** Reads an audit log as it grows, also across rotations. Bind it with `using`. */
export class FollowedLog implements Disposable {
  readonly #path: string;
  #newest: OpenFile | undefined;
  readonly #older = new Set<OpenFile>();

  /**
   * @param path The newest file, which need not exist yet.
   * @param position Where to start; default: at the beginning of the file.
   */
  constructor(path: string, position?: LogPosition) {
    this.#path = path;
    if (position === undefined) return;
    const { identity, offset } = position;
    const number = this.#numberOf(identity);
    this.#newest = number === undefined ? undefined : this.#open(number, offset);
  }

  /** The complete lines since the last call. */
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
    // Number of files that are newer than the last one read.
    const newer = last === undefined ? 0 : this.#numberOf(last.identity) ?? 0;
    for (let number = Math.max(0, newer - 1); number >= 0; number--) {
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

  /** The rotation number of a file; 0 for the newest. */
  #numberOf(identity: string): number | undefined {
    for (let number = 0;; number++) {
      const found = identityAt(logFile(this.#path, number));
      if (found === identity) return number;
      // The newest file is missing for a moment during a rotation.
      if (found === undefined && number > 0) return undefined;
    }
  }

  #open(number: number, offset = 0): OpenFile | undefined {
    const opened = openLog(logFile(this.#path, number));
    if (opened === undefined) return undefined;
    const { file, info } = opened;
    const joiner = new LineJoiner();
    return { file, identity: identityOf(info), offset, joiner, readsLeft: LAST_READS };
  }

  *#read(open: OpenFile): Generator<string> {
    const { size } = open.file.statSync();
    // The file was emptied.
    if (size < open.offset) open.offset = 0;
    while (open.offset < size) {
      const chunk = readAt(open.file, {
        at: open.offset,
        size: Math.min(CHUNK_BYTES, size - open.offset),
      });
      if (chunk.length === 0) return;
      open.offset += chunk.length;
      for (const line of open.joiner.add(chunk)) if (line !== undefined) yield line;
    }
  }
}
