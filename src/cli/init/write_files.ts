import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import type { Json } from "./import_entry.ts";
import { type ChangedFile, type ChangedValue, editJournal, type JournalEntry } from "./journal.ts";
import { backupPath, type FileState, hashOf, isSameBytes, lookAt, stampOf } from "./file_state.ts";

/** A file to write. */
export interface Change {
  /** Absolute path. */
  readonly path: string;
  /** Gives what is to stand in it for what stands in it now. */
  edit(text: string | undefined): string;
  /** Permissions of a new file, and the most that an old one keeps. */
  readonly mode: number;
  /** The single values that the edit sets, in a file that belongs to another program. */
  readonly values?: readonly {
    readonly at: ChangedValue["at"];
    readonly value: Json | undefined;
  }[];
}

/** A file that was written. */
export interface WrittenFile {
  /** Absolute path. */
  readonly path: string;
  /** Path of the backup; absent if the file is new. */
  readonly backup?: string;
}

interface Step {
  readonly change: Change;
  readonly state: FileState;
  readonly next: Uint8Array<ArrayBuffer>;
  readonly mode: number;
  readonly backup: string | undefined;
}

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Writes all files or none: backups first, then the journal, then each file in one step. What goes
 * wrong puts back what was done; what interrupts this leaves every file whole, and `init --undo`
 * knows what to do.
 *
 * @param changes The files; one whose text does not change is left alone.
 * @param options Where the journal is, and the time.
 * @throws {Error} Says which file could not be written; then nothing has changed.
 */
export async function writeFiles(
  changes: readonly Change[],
  { journal, now }: { readonly journal: string; readonly now: Date },
): Promise<WrittenFile[]> {
  const steps = changes.flatMap((change) => planStep(change, stampOf(now)) ?? []);
  if (steps.length === 0) return [];
  const files = await Promise.all(steps.map(describeStep));
  const run = { time: now.toISOString(), files };
  const undo: (() => Promise<unknown>)[] = [];
  let at = "";
  try {
    for (const { backup, state, change } of steps) {
      if (backup === undefined || state.bytes === undefined) continue;
      at = change.path;
      // The file may hold secrets, and nobody else needs the backup.
      await createFile(backup, { bytes: state.bytes, mode: 0o600 });
      undo.push(() => removeIfThere(backup));
    }
    at = journal;
    await editJournal(journal, (runs) => [...runs, run]);
    undo.push(() => forgetRun(journal, run));
    for (const { change, state, next, mode } of steps) {
      at = change.path;
      Deno.mkdirSync(folderOf(state.real), { recursive: true, mode: 0o700 });
      const isCurrent = (): boolean => isSameBytes(lookAt(change.path).bytes, state.bytes);
      if (!await replaceFile(state.real, { bytes: next, mode }, isCurrent)) {
        throw new Error("another program has just changed it");
      }
      undo.push(() => restore(state, change.mode));
    }
  } catch (cause) {
    for (const step of undo.reverse()) await step();
    throw new Error(`Cannot write ${at}: ${reasonOf(cause)}; nothing has been changed`, { cause });
  }
  return steps.map(({ change: { path }, backup }) =>
    backup === undefined ? { path } : { path, backup }
  );
}

/** Takes out one run, and leaves those that another `init` has written. */
async function forgetRun(journal: string, run: JournalEntry): Promise<void> {
  const ours = JSON.stringify(run);
  await editJournal(journal, (runs) => runs.filter((entry) => JSON.stringify(entry) !== ours));
}

function planStep(change: Change, stamp: string): Step | undefined {
  const state = look(change.path);
  const { bytes } = state;
  const text = bytes === undefined ? undefined : decode(bytes, change.path);
  const hasMark = text?.startsWith(BYTE_ORDER_MARK) ?? false;
  const before = hasMark ? text?.slice(1) : text;
  const after = change.edit(before);
  // A file with nothing to change in it is not touched at all.
  if (after === before) return undefined;
  const next = new TextEncoder().encode(hasMark ? BYTE_ORDER_MARK + after : after);
  const backup = bytes === undefined ? undefined : backupPath(change.path, stamp);
  return { change, state, next, mode: modeOf(change, state), backup };
}

/** A client's file keeps its permissions; one of ours is not opened wider than it should be. */
function modeOf({ mode, values }: Change, state: FileState): number {
  if (state.mode === undefined) return mode;
  return values === undefined ? state.mode & mode : state.mode;
}

function look(path: string): FileState {
  try {
    return lookAt(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${reasonOf(cause)}; nothing has been changed`, { cause });
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`${path} is not UTF-8 text: save it as UTF-8`, { cause });
  }
}

async function describeStep({ change, state, next, backup }: Step): Promise<ChangedFile> {
  const values = await Promise.all((change.values ?? []).map(async ({ at, value }) => ({
    at,
    wrote: value === undefined ? null : await hashOf(JSON.stringify(value)),
  })));
  return {
    path: change.path,
    before: state.bytes === undefined ? null : await hashOf(state.bytes),
    after: await hashOf(next),
    backup: backup ?? null,
    ...(change.values === undefined ? {} : { values }),
  };
}

async function restore({ real, bytes, mode }: FileState, fallback: number): Promise<void> {
  if (bytes === undefined) await removeIfThere(real);
  else await replaceFile(real, { bytes, mode: mode ?? fallback });
}

/** Returns the system's reason for an error, without the path: the message around it names that. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "no permission";
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return error instanceof Error ? error.message : String(error);
}
