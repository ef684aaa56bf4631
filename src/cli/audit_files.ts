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

/** A place in a log: a file, whatever it is called by now, and an offset in bytes. */
export interface LogPosition {
  readonly identity: string;
  readonly offset: number;
}

/** An entry, and the line it stands in. */
export interface ReadLine {
  readonly entry: ReadEntry;
  readonly text: string;
}

/**
 * An audit log with the files that were put aside, as they were when it was opened. Reads in chunks:
 * a log of any size takes the same memory. Bind it with `using`.
 */
export class AuditFiles implements Disposable {
  /** Where the newest is. */
  readonly path: string;
  /** Paths of the files, the newest first. */
  readonly paths: string[] = [];
  /** Lines that were no entries so far. */
  damaged = 0;
  /** The end of the newest file's last whole line. */
  readonly position: LogPosition;
  readonly #files: Deno.FsFile[] = [];

  /**
   * Opens the files.
   *
   * @param path Where the newest is; the others are beside it, as `PATH.1` and so on.
   * @throws what the system says, where there is none at all.
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
        // It may be put aside while we are at it; then it is met twice.
        if (seen.has(identityOf(info)) || !isFile) {
          file.close();
          if (!isFile && number === 0) throw new Error(`${path} is no file`);
          continue;
        }
        seen.add(identityOf(info));
        this.paths.push(name);
        this.#files.push(file);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        missing ??= error;
        // The newest is not there for a moment while it is put aside.
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
      // What was last written before then has nothing that is younger.
      const changedAt = file.statSync().mtime?.getTime() ?? Infinity;
      if (changedAt >= since) yield* this.#sort(linesOf(file));
    }
  }

  /**
   * All entries, the newest first.
   *
   * @param end Where in the newest file to begin. Default: its end.
   */
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

/** The lines of a file; undefined for one that is too long. */
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

/** The lines of a file from its end; undefined for one that is too long. */
function* linesBackwards(file: Deno.FsFile, end: number): Generator<string | undefined> {
  const decoder = new TextDecoder();
  let rest: Uint8Array = new Uint8Array();
  let isTooLong = false;
  let at = end;
  while (at > 0) {
    const size = Math.min(CHUNK_BYTES, at);
    at -= size;
    const bytes = join(readAt(file, at, size), rest);
    // What stands before the first line feed may have begun further up.
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

/** The end of a file's last whole line; the gateway may just be writing another one. */
function endOf(file: Deno.FsFile): LogPosition {
  const info = file.statSync();
  const from = Math.max(0, info.size - MAX_LINE_BYTES);
  const end = readAt(file, from, info.size - from).lastIndexOf(LINE_FEED) + 1;
  return { identity: identityOf(info), offset: from + end };
}
