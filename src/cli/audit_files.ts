import { joinBytes } from "../bytes.ts";
import { identityAt, identityOf } from "../file_identity.ts";
import { type ParsedEntry, parseEntry } from "./audit_entry.ts";

/** Size of one read, in bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Maximum length of a line, in bytes; the gateway's lines are far shorter. */
const MAX_LINE_BYTES = 1024 * 1024;

const LINE_FEED = 0x0a;

/** Number of times that a file is still read after its rotation: other gateways may write to it for a while. */
const ROTATED_READS = 20;

/**
 * A position in a log: the identity of a file, which may have been renamed, and an offset in bytes.
 */
export interface LogPosition {
  readonly identity: string;
  readonly offset: number;
}

/** An entry and the text of its line. */
export interface EntryLine {
  readonly entry: ParsedEntry;
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
  /** Number of lines read so far that are not entries. */
  damagedLines = 0;
  /** The end of the last complete line of the newest file. */
  readonly position: LogPosition;
  readonly #files: Deno.FsFile[] = [];

  /**
   * @param path The newest file; the others are next to it, as `PATH.1` and so on.
   * @throws The system's error if the log does not exist or cannot be read.
   */
  constructor(path: string) {
    this.path = path;
    const identities = new Set<string>();
    let notFoundError: unknown;
    for (let number = 0;; number++) {
      const rotated = rotatedPath(path, number);
      try {
        const file = Deno.openSync(rotated);
        const info = file.statSync();
        const { isFile } = info;
        // If the log is rotated during this loop, the same file is found twice.
        if (identities.has(identityOf(info)) || !isFile) {
          file.close();
          if (!isFile && number === 0) throw new Error(`${path} is not a file`);
          continue;
        }
        identities.add(identityOf(info));
        this.paths.push(rotated);
        this.#files.push(file);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) {
          this[Symbol.dispose]();
          throw error;
        }
        notFoundError ??= error;
        // During a rotation the newest file is missing for a moment.
        if (number > 0) break;
      }
    }
    const [newest] = this.#files;
    if (newest === undefined) throw notFoundError;
    this.position = endOfLastLine(newest);
  }

  /**
   * The entries, the newest first.
   *
   * @param options `end`: offset in the newest file before which the entries end; default: its size.
   * `since`: files that were last written before this time, in milliseconds since 1970, are skipped.
   */
  *entries(
    { end, since = -Infinity }: { readonly end?: number; readonly since?: number } = {},
  ): Generator<EntryLine> {
    for (const [number, file] of this.#files.entries()) {
      const { size, mtime } = file.statSync();
      // A file that was last written before `since` has no newer entry.
      if ((mtime?.getTime() ?? Infinity) < since) continue;
      for (const text of linesBackwards(file, number === 0 ? end ?? size : size)) {
        if (text === "") continue;
        const entry = text === undefined ? undefined : parseEntry(text);
        if (entry === undefined || text === undefined) this.damagedLines++;
        else yield { entry, text };
      }
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

/** Reads the lines of a file, the last first; yields `undefined` for a line that is too long. */
function* linesBackwards(file: Deno.FsFile, end: number): Generator<string | undefined> {
  const decoder = new TextDecoder();
  let partialLine: Uint8Array = new Uint8Array();
  let isTooLong = false;
  let offset = end;
  while (offset > 0) {
    const size = Math.min(CHUNK_BYTES, offset);
    offset -= size;
    const bytes = joinBytes([readAt(file, { at: offset, size }), partialLine]);
    // The bytes before the first line feed may belong to a line that begins earlier in the file.
    const start = offset === 0 ? 0 : bytes.indexOf(LINE_FEED) + 1;
    if (offset > 0 && start === 0) {
      const isLong = bytes.length > MAX_LINE_BYTES;
      partialLine = isLong ? new Uint8Array() : bytes;
      isTooLong ||= isLong;
      continue;
    }
    const text = decoder.decode(bytes.subarray(start));
    const lines: (string | undefined)[] = text.split("\n").reverse();
    if (isTooLong) lines[0] = undefined;
    isTooLong = false;
    yield* lines;
    partialLine = bytes.slice(0, Math.max(0, start - 1));
  }
}

/** Returns the end of the last complete line of a file: the gateway may be writing the next line. */
function endOfLastLine(file: Deno.FsFile): LogPosition {
  const info = file.statSync();
  const from = Math.max(0, info.size - MAX_LINE_BYTES);
  const end = readAt(file, { at: from, size: info.size - from }).lastIndexOf(LINE_FEED) + 1;
  return { identity: identityOf(info), offset: from + end };
}

interface OpenFile {
  readonly file: Deno.FsFile;
  readonly identity: string;
  offset: number;
  /** The beginning of the line that is still incomplete; `undefined` if that line is too long. */
  partialLine: Uint8Array | undefined;
  remainingReads: number;
}

/** Reads an audit log as it grows, also across rotations. Bind it with `using`. */
export class FollowedLog implements Disposable {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #newest: OpenFile | undefined;
  readonly #older = new Set<OpenFile>();

  /**
   * @param path The newest file, which need not exist yet.
   * @param position The position to start at; default: the beginning of the file.
   */
  constructor(path: string, position?: LogPosition) {
    this.#path = path;
    if (position === undefined) return;
    const number = this.#rotationOf(position.identity);
    if (number !== undefined) this.#newest = this.#open(number, position.offset);
  }

  /** The complete lines since the last call. */
  *lines(): Generator<string> {
    for (const older of this.#older) {
      yield* this.#read(older);
      if (--older.remainingReads > 0) continue;
      older.file.close();
      this.#older.delete(older);
    }
    const newest = this.#newest;
    if (newest !== undefined) {
      yield* this.#read(newest);
      if (identityAt(this.#path) === newest.identity) return;
    }
    // After rotations, newer files exist.
    const newerCount = newest === undefined ? 0 : this.#rotationOf(newest.identity) ?? 0;
    for (let number = Math.max(0, newerCount - 1); number >= 0; number--) {
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
  #rotationOf(identity: string): number | undefined {
    for (let number = 0;; number++) {
      const rotatedIdentity = identityAt(rotatedPath(this.#path, number));
      if (rotatedIdentity === identity) return number;
      // During a rotation the newest file is missing for a moment.
      if (rotatedIdentity === undefined && number > 0) return undefined;
    }
  }

  #open(number: number, offset = 0): OpenFile | undefined {
    try {
      const file = Deno.openSync(rotatedPath(this.#path, number));
      const info = file.statSync();
      const identity = identityOf(info);
      // A folder at this path counts as a missing file.
      if (!info.isFile) {
        file.close();
        return undefined;
      }
      return {
        file,
        identity,
        offset,
        partialLine: new Uint8Array(),
        remainingReads: ROTATED_READS,
      };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  *#read(log: OpenFile): Generator<string> {
    const { size } = log.file.statSync();
    // The file was emptied.
    if (size < log.offset) {
      log.offset = 0;
      log.partialLine = new Uint8Array();
    }
    while (log.offset < size) {
      const chunk = readAt(log.file, {
        at: log.offset,
        size: Math.min(CHUNK_BYTES, size - log.offset),
      });
      if (chunk.length === 0) return;
      log.offset += chunk.length;
      const bytes = joinBytes([log.partialLine ?? new Uint8Array(), chunk]);
      const end = bytes.lastIndexOf(LINE_FEED) + 1;
      const lines = this.#decoder.decode(bytes.subarray(0, Math.max(0, end - 1))).split("\n");
      if (end > 0) yield* log.partialLine === undefined ? lines.slice(1) : lines;
      const isStillTooLong = log.partialLine === undefined && end === 0;
      log.partialLine = isStillTooLong || bytes.length - end > MAX_LINE_BYTES
        ? undefined
        : bytes.slice(end);
    }
  }
}

/** Reads bytes at an offset; fewer than `size` at the end of the file. */
function readAt(
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

/** Path of a log's file with the given rotation number; 0 is the newest. */
function rotatedPath(path: string, number: number): string {
  return number === 0 ? path : `${path}.${number}`;
}
