import type { Json } from "./import_entry.ts";
import {
  type ChangedFile,
  type ChangedValue,
  type JournalEntry,
  readJournal,
  writeJournal,
} from "./journal.ts";
import {
  backupPath,
  type FileState,
  hashOf,
  isSameBytes,
  lookAt,
  removeIfThere,
  replaceFile,
  stampOf,
  writeNew,
} from "./replace_file.ts";

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
  // Late, because another `init` may have written there meanwhile.
  const runs = readJournal(journal);
  const undo: (() => void)[] = [];
  let at = "";
  try {
    for (const { backup, state, change } of steps) {
      if (backup === undefined || state.bytes === undefined) continue;
      at = change.path;
      // The file may hold secrets, and nobody else needs the backup.
      writeNew(backup, { bytes: state.bytes, mode: 0o600 });
      undo.push(() => removeIfThere(backup));
    }
    at = journal;
    writeJournal(journal, [...runs, run]);
    undo.push(() => forgetRun(journal, run));
    for (const { change, state, next, mode } of steps) {
      at = change.path;
      const { bytes } = lookAt(change.path);
      if (!isSameBytes(bytes, state.bytes)) throw new Error("another program has just changed it");
      replaceFile(state.real, { bytes: next, mode });
      undo.push(() => restore(state, change.mode));
    }
  } catch (cause) {
    for (const step of undo.reverse()) step();
    throw new Error(`Cannot write ${at}: ${reasonOf(cause)}; nothing has been changed`, { cause });
  }
  return steps.map(({ change: { path }, backup }) =>
    backup === undefined ? { path } : { path, backup }
  );
}

/** Takes out one run, and leaves those that another `init` has written. */
function forgetRun(journal: string, run: JournalEntry): void {
  const ours = JSON.stringify(run);
  writeJournal(journal, readJournal(journal).filter((entry) => JSON.stringify(entry) !== ours));
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

function restore({ real, bytes, mode }: FileState, fallback: number): void {
  if (bytes === undefined) removeIfThere(real);
  else replaceFile(real, { bytes, mode: mode ?? fallback });
}

/** Returns the system's reason for an error, without the path: the message around it names that. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "no permission";
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  return error instanceof Error ? error.message : String(error);
}
