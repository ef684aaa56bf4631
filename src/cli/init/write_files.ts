import { isDeepStrictEqual } from "node:util";
import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import { lockFile, LockTimeout } from "../../file_lock.ts";
import type { ClientEdit } from "./client_text.ts";
import { isRecord, type JsonPath } from "./import_entry.ts";
import { backupPath, type FileState, hashOf, readFileState } from "./file_state.ts";

/** A file to write. */
export interface Change {
  /** Absolute path. */
  readonly path: string;
  /** Returns the new text of the file; `text` is the present text, `undefined` if there is no file. */
  edit(text: string | undefined): string;
  /** Permissions of a new file, and the maximum for an existing file of the gateway. */
  readonly mode: number;
  /** The values that the edit sets, if the file belongs to another program. */
  readonly values?: readonly ClientEdit[];
}

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  /** Absent if the file is new. */
  readonly backup?: string;
}

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
export interface JournalEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly files: readonly ChangedFile[];
}

/** Number of runs that can be undone. */
const MAX_ENTRIES = 20;

/** Maximum wait for another run, in milliseconds; `init --undo` may be waiting for an answer. */
const LOCK_MS = 10_000;

/**
 * Reads the runs that can be undone, the oldest first.
 *
 * @throws {Error} if the journal is damaged.
 */
export function readJournal(path: string): JournalEntry[] {
  return parseRuns(path, readFileState(path).bytes);
}

function parseRuns(path: string, bytes: Uint8Array | undefined): JournalEntry[] {
  if (bytes === undefined) return [];
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isRecord(value) && Array.isArray(value.runs)) {
      return value.runs as unknown as JournalEntry[];
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
  edit: (runs: JournalEntry[]) => JournalEntry[],
): Promise<void> {
  const { realPath, bytes: before } = readFileState(path);
  const runs = edit(parseRuns(path, before)).slice(-MAX_ENTRIES);
  if (runs.length === 0) return await removeIfThere(path);
  const bytes = new TextEncoder().encode(`${JSON.stringify({ version: 1, runs }, null, 2)}\n`);
  Deno.mkdirSync(folderOf(realPath), { recursive: true, mode: 0o700 });
  await replaceFile(realPath, { bytes, mode: 0o600 });
}

function hasContent(path: string, bytes: Uint8Array | undefined): boolean {
  return isDeepStrictEqual(readFileState(path).bytes, bytes);
}

interface WriteStep {
  readonly change: Change;
  readonly state: FileState;
  readonly newBytes: Uint8Array<ArrayBuffer>;
  readonly backup: string | undefined;
}

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Writes all files or none: first backups, then the journal, then each file atomically. After a failure all
 * files are restored. If the process is killed, every file is complete, and `init --undo` can undo the run.
 *
 * @param changes A file whose text does not change is not written.
 * @throws {Error} if a file could not be written; nothing has changed then.
 */
export async function writeFiles(
  changes: readonly Change[],
  { journal, now }: { readonly journal: string; readonly now: Date },
): Promise<WrittenFile[]> {
  const steps = changes.flatMap((change) => planStep(change, now) ?? []);
  if (steps.length === 0) return [];
  await using _lock = await lockJournal(journal);
  const run = { time: now.toISOString(), files: await Promise.all(steps.map(describeStep)) };
  const undoSteps: (() => Promise<unknown>)[] = [];
  let currentPath = "";
  try {
    for (const { backup, state, change } of steps) {
      if (backup === undefined || state.bytes === undefined) continue;
      currentPath = change.path;
      // The backup may contain secrets, so only the user may read it.
      await createFile(backup, { bytes: state.bytes, mode: 0o600 });
      undoSteps.push(() => removeIfThere(backup));
    }
    currentPath = journal;
    await editJournal(journal, (runs) => [...runs, run]);
    undoSteps.push(() => forgetRun(journal, run));
    for (const { change, state, newBytes } of steps) {
      currentPath = change.path;
      Deno.mkdirSync(folderOf(state.realPath), { recursive: true, mode: 0o700 });
      const content = { bytes: newBytes, mode: modeOf(change, state) };
      const isReplaced = await replaceFile(state.realPath, content, () => {
        return hasContent(change.path, state.bytes);
      });
      if (!isReplaced) throw new Error("another program has just changed it");
      undoSteps.push(() => restore(state, change.mode));
    }
  } catch (cause) {
    for (const step of undoSteps.reverse()) await step();
    throw new Error(`Cannot write ${currentPath}: ${reasonOf(cause)}; nothing has been changed`, {
      cause,
    });
  }
  return steps.map(({ change: { path }, backup }) => ({ path, ...(backup && { backup }) }));
}

/** Removes one run from the journal, and keeps those of other processes. */
async function forgetRun(journal: string, run: JournalEntry): Promise<void> {
  await editJournal(journal, (runs) => runs.filter((entry) => !isDeepStrictEqual(entry, run)));
}

function planStep(change: Change, now: Date): WriteStep | undefined {
  const { path } = change;
  let state: FileState;
  try {
    state = readFileState(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${reasonOf(cause)}; nothing has been changed`, { cause });
  }
  const text = state.bytes === undefined ? undefined : decode(state.bytes, path);
  const mark = text?.startsWith(BYTE_ORDER_MARK) === true ? BYTE_ORDER_MARK : "";
  const before = text?.slice(mark.length);
  const after = change.edit(before);
  if (after === before) return undefined;
  const newBytes = new TextEncoder().encode(mark + after);
  return { change, state, newBytes, backup: state.bytes && backupPath(path, now) };
}

/** Returns the permissions of a changed file: unchanged for a client's file, at most `mode` for the gateway's. */
function modeOf({ mode, values }: Change, state: FileState): number {
  if (state.mode === undefined) return mode;
  return values === undefined ? state.mode & mode : state.mode;
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${path} is not UTF-8 text: save it as UTF-8`, { cause });
  }
}

async function describeStep({ change, state, newBytes, backup }: WriteStep): Promise<ChangedFile> {
  const values = await Promise.all((change.values ?? []).map(async ({ at, value }) => ({
    at,
    wrote: value === undefined ? null : await hashOf(JSON.stringify(value)),
  })));
  return {
    path: change.path,
    before: state.bytes === undefined ? null : await hashOf(state.bytes),
    after: await hashOf(newBytes),
    backup: backup ?? null,
    ...(change.values === undefined ? {} : { values }),
  };
}

async function restore({ realPath, bytes, mode }: FileState, newFileMode: number): Promise<void> {
  if (bytes === undefined) await removeIfThere(realPath);
  else await replaceFile(realPath, { bytes, mode: mode ?? newFileMode });
}

/** Returns the reason of a system error without the path, because the message already contains it. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "no permission";
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return error instanceof Error ? error.message : String(error);
}
