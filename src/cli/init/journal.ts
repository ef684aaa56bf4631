/** The journal of `init`: the runs that can be undone, with the files that each has changed. */

import { removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import { lockFile, LockTimeout } from "../../file_lock.ts";
import { readFileState } from "./file_state.ts";
import { isRecord, type JsonPath } from "./import_entry.ts";

/** A file that a run changed or created, as the journal records it. */
export interface ChangedFile {
  /** Absolute path. */
  readonly path: string;
  /** Hash of the earlier content; `null` if there was no file. */
  readonly before: string | null;
  /** Hash of the new content. */
  readonly after: string;
  /** Path of the backup; `null` if the file is new. */
  readonly backup: string | null;
  /** Hashes of the values that were set in another program's file; `null` for a removed value. */
  readonly values?: readonly { readonly at: JsonPath; readonly wrote: string | null }[];
}

/** The changes of one run. */
export interface RecordedRun {
  /** ISO 8601. */
  readonly time: string;
  readonly files: readonly ChangedFile[];
}

/** Number of runs that can be undone. */
const MAX_RUNS = 20;

/** Maximum wait for another run, in milliseconds; `init --undo` may be waiting for an answer. */
const LOCK_MS = 10_000;

/**
 * Reads the runs that can be undone, the oldest first.
 *
 * @throws {Error} if the journal is damaged.
 */
export function readJournal(path: string): RecordedRun[] {
  return parseRuns(path, readFileState(path).bytes);
}

function parseRuns(path: string, bytes: Uint8Array | undefined): RecordedRun[] {
  if (bytes === undefined) return [];
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isRecord(value) && Array.isArray(value.runs)) {
      return value.runs as unknown as RecordedRun[];
    }
    throw new Error("it has no list of runs");
  } catch (cause) {
    throw new Error(`${path} is damaged: the backups it names must be put back by hand`, { cause });
  }
}

/**
 * Locks the journal against other runs of `init`, until it is disposed.
 *
 * @throws {Error} if another run holds the lock, or the lock cannot be written.
 */
export async function lockJournal(path: string): Promise<AsyncDisposable> {
  const lockPath = `${path}.lock`;
  try {
    Deno.mkdirSync(folderOf(path), { recursive: true, mode: 0o700 });
    const lock = await lockFile(lockPath, { withinMs: LOCK_MS, isLockFile: true });
    return {
      async [Symbol.asyncDispose]() {
        await removeIfThere(lockPath);
        lock[Symbol.dispose]();
      },
    };
  } catch (cause) {
    const reason = cause instanceof LockTimeout
      ? "Another init or init --undo is running: try again when it has ended"
      : `Cannot write ${lockPath}: ${reasonOf(cause)}`;
    throw new Error(`${reason}; nothing has been changed`, { cause });
  }
}

/** Changes the list of runs that can be undone; the caller holds the lock. Removes an empty journal. */
export async function editJournal(
  path: string,
  edit: (runs: RecordedRun[]) => RecordedRun[],
): Promise<void> {
  const { realPath, bytes: before } = readFileState(path);
  const runs = edit(parseRuns(path, before)).slice(-MAX_RUNS);
  if (runs.length === 0) return await removeIfThere(path);
  const bytes = new TextEncoder().encode(`${JSON.stringify({ version: 1, runs }, null, 2)}\n`);
  Deno.mkdirSync(folderOf(realPath), { recursive: true, mode: 0o700 });
  await replaceFile(realPath, { bytes, mode: 0o600 });
}

/** Returns the reason of a system error without the path, because the message already contains it. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "no permission";
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return error instanceof Error ? error.message : String(error);
}
