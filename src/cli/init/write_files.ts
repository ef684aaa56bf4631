import { isDeepStrictEqual } from "node:util";
import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import { sha256 } from "../../sha256.ts";
import type { ClientEdit } from "./client_text.ts";
import { backupPath, type FileState, readFileState } from "./file_state.ts";
import {
  type ChangedFile,
  editJournal,
  lockJournal,
  reasonOf,
  type RecordedRun,
} from "./journal.ts";

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
async function forgetRun(journal: string, run: RecordedRun): Promise<void> {
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
    wrote: value === undefined ? null : await sha256(JSON.stringify(value)),
  })));
  return {
    path: change.path,
    before: state.bytes === undefined ? null : await sha256(state.bytes),
    after: await sha256(newBytes),
    backup: backup ?? null,
    ...(change.values === undefined ? {} : { values }),
  };
}

async function restore({ realPath, bytes, mode }: FileState, newFileMode: number): Promise<void> {
  if (bytes === undefined) await removeIfThere(realPath);
  else await replaceFile(realPath, { bytes, mode: mode ?? newFileMode });
}
