import { identityOf } from "../file_identity.ts";
import { type ReadEntry, readEntry } from "./audit_entry.ts";
import {
  CHUNK_BYTES,
  join,
  LINE_FEED,
  LineJoiner,
  logFile,
  MAX_LINE_BYTES,
  readAt,
} from "./audit_lines.ts";

/**
 * A position in a log: the identity of a file, which may have been renamed, and an offset in bytes.
 */
export interface LogPosition {
  readonly identity: string;
  readonly offset: number;
}

/** An entry and the text of its line. */
export interface ReadLine {
  readonly entry: ReadEntry;
  readonly text: string;
}

/**
 * An audit log with its rotated files, as they were when it was opened. It is read in chunks, so a
 * log of any size takes the same memory. Bind it with `using`.
 */
export class AuditFiles implements Disposable {
  /** Path of the newest file. */
  readonly path: string;
  /** Paths of all files, the newest first. */
  readonly paths: string[] = [];
  /** Number of lines so far that are not entries. */
  damaged = 0;
  /** End of the last complete line of the newest file. */
  readonly position: LogPosition;
  readonly #files: Deno.FsFile[] = [];

  /**
   * @param path The newest file; the others are next to it, as `PATH.1` and so on.
   * @throws Any error of the system, if there is no file at all.
   */
  constructor(path: string) {
    this.path = path;
    const seen = new Set<string>();
    let missing: unknown;
    for (let number = 0;; number++) {
      const name = logFile(path, number);
      try {
        const file = Deno.openSync(name);
        const info = file.statSync();
        const { isFile } = info;
        // If the log is rotated meanwhile, the same file is found twice.
        if (seen.has(identityOf(info)) || !isFile) {
          file.close();
          if (!isFile && number === 0) throw new Error(`${path} is not a file`);
          continue;
        }
        seen.add(identityOf(info));
        this.paths.push(name);
        this.#files.push(file);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        missing ??= error;
        // The newest file is missing for a moment during a rotation.
        if (number > 0) break;
      }
    }
    const [newest] = this.#files;
    if (newest === undefined) throw missing;
    this.position = endOf(newest);
  }

  /** All entries, the oldest first. */
  *entries(since = -Infinity): Generator<ReadLine> {
    for (const file of this.#files.toReversed()) {
      // A file that was last written before `since` has no newer entry.
      const changedAt = file.statSync().mtime?.getTime() ?? Infinity;
      if (changedAt >= since) yield* this.#sort(linesOf(file));
    }
  }

  /** All entries, the newest first; by default from the end of the newest file. */
  *newestFirst(end?: number): Generator<ReadLine> {
    for (const [number, file] of this.#files.entries()) {
      const from = number === 0 && end !== undefined ? end : file.statSync().size;
      yield* this.#sort(linesBackwards(file, from));
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }

  *#sort(lines: Iterable<string | undefined>): Generator<ReadLine> {
    for (const text of lines) {
      if (text === "") continue;
      const entry = text === undefined ? undefined : readEntry(text);
      if (entry === undefined || text === undefined) this.damaged++;
      else yield { entry, text };
    }
  }
}

/** The lines of a file; `undefined` for one that is too long. */
function* linesOf(file: Deno.FsFile): Generator<string | undefined> {
  const joiner = new LineJoiner();
  const chunk = new Uint8Array(CHUNK_BYTES);
  file.seekSync(0, Deno.SeekMode.Start);
  for (;;) {
    const size = file.readSync(chunk);
    if (size === null) break;
    yield* joiner.add(chunk.subarray(0, size));
  }
  yield* joiner.end();
}

/** The lines of a file, the last first; `undefined` for one that is too long. */
function* linesBackwards(file: Deno.FsFile, end: number): Generator<string | undefined> {
  const decoder = new TextDecoder();
  let rest: Uint8Array = new Uint8Array();
  let isTooLong = false;
  let at = end;
  while (at > 0) {
    const size = Math.min(CHUNK_BYTES, at);
    at -= size;
    const bytes = join(readAt(file, { at, size }), rest);
    // The text before the first line feed may be the end of a line that begins in an earlier chunk.
    const start = at === 0 ? 0 : bytes.indexOf(LINE_FEED) + 1;
    if (at > 0 && start === 0) {
      rest = bytes;
    } else {
      const lines: (string | undefined)[] = decoder.decode(bytes.subarray(start)).split("\n")
        .reverse();
      if (isTooLong) lines[0] = undefined;
      isTooLong = false;
      yield* lines;
      rest = bytes.slice(0, Math.max(0, start - 1));
      continue;
    }
    if (rest.length > MAX_LINE_BYTES) {
      rest = new Uint8Array();
      isTooLong = true;
    }
  }
  if (isTooLong) yield undefined;
}

/** End of the last complete line of a file; the gateway may be writing another one. */
function endOf(file: Deno.FsFile): LogPosition {
  const info = file.statSync();
  const from = Math.max(0, info.size - MAX_LINE_BYTES);
  const end = readAt(file, { at: from, size: info.size - from }).lastIndexOf(LINE_FEED) + 1;
  return { identity: identityOf(info), offset: from + end };
}
