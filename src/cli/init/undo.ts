import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { type ClientEdit, languageOf, loadEditor, parseClientFile } from "./client_text.ts";
import { backupPath, hashOf, readFileState } from "./file_state.ts";
import type { Json } from "./import_entry.ts";
import { askYes, type Terminal } from "./prompter.ts";
import {
  type ChangedFile,
  editJournal,
  type JournalEntry,
  lockJournal,
  readJournal,
} from "./write_files.ts";

/** Options of `undoInit`. */
export interface UndoOptions {
  /** Whether to ask nothing. */
  readonly yes: boolean;
  /** Path of the journal of runs that can be undone. */
  readonly journal: string;
  /** For questions; absent if nobody can answer. */
  readonly terminal?: Terminal | undefined;
  readonly now: Date;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/** The step that undoes the change of a file. */
interface UndoStep {
  readonly file: ChangedFile;
  /**
   * `none`: the file is as it was before; `back`: nobody has changed it since; `values`: other things
   * in it have changed, which stay; `changed`: what init wrote has changed; `lost`: its backup is
   * missing.
   */
  readonly how: "none" | "back" | "values" | "changed" | "lost";
}

/**
 * Restores the files of the last `init`, and asks about those that have changed since.
 *
 * @returns The exit code: 1 if a file could not be restored, 130 if the person cancelled.
 */
export async function undoInit(options: UndoOptions): Promise<number> {
  const { journal, say } = options;
  if (readJournal(journal).length > 0) {
    await using _lock = await lockJournal(journal);
    // Another process may have undone the run while this one waited for the lock.
    const run = readJournal(journal).at(-1);
    if (run !== undefined) return await undoRun(run, options);
  }
  say("There is no init to undo");
  return 1;
}

async function undoRun(
  run: JournalEntry,
  { yes, journal, terminal, now, say }: UndoOptions,
): Promise<number> {
  const steps = await Promise.all(run.files.map(async (file): Promise<UndoStep> => {
    return { file, how: await compareFile(file) };
  }));
  const changed = steps.filter(({ how }) => how === "changed").map(({ file }) => file);
  const copies = new Map(changed.map((file) => [file, backupPath(file.path, now)]));
  let force = false;
  if (changed.length > 0 && !yes) {
    for (const { path } of changed) say(`${path} has changed since init wrote it, ${run.time}`);
    if (terminal === undefined) {
      say(
        "Nothing has been undone: add --yes to keep the changed files as they are and undo the rest",
      );
      return 1;
    }
    for (const file of changed) {
      const { path, backup } = file;
      const before = backup === null
        ? "is removed, because it did not exist before init"
        : `gets back what was in it before init, from ${backup}`;
      say(`Yes: ${path} ${before}. What is in it now is saved as ${copies.get(file)}`);
    }
    say("No: nothing is undone; every file stays as it is now");
    force = await askYes("Undo the changed files, too?", terminal);
    if (!force) {
      say("Cancelled: nothing has been undone, and no file has changed");
      return 130;
    }
  }
  const isKept = ({ how }: UndoStep) => how === "lost" || (how === "changed" && !force);
  // In reverse order: a client must not be left with an entry for a gateway without files.
  for (const step of steps.toReversed()) {
    if (!isKept(step)) await restoreFile(step, copies.get(step.file));
  }
  // The run is over for the files that are kept, too: the next undo is of the run before.
  await editJournal(journal, (runs) => runs.slice(0, -1));
  for (const step of steps) {
    const { path, before, backup } = step.file;
    if (step.how === "none") continue;
    if (step.how === "lost") say(`Cannot put back ${path}: its backup ${backup} is missing`);
    else if (isKept(step)) {
      const held = backup === null ? "" : `; what it was before is in ${backup}`;
      say(`Kept ${path}, which has changed since${held}`);
    } else if (step.how === "values") {
      say(`Put back what init changed in ${path}; later changes stay`);
    } else {
      const copy = copies.get(step.file);
      const where = copy === undefined ? "" : `; what was in it is saved as ${copy}`;
      say((before === null ? `Removed ${path}` : `Put back ${path}`) + where);
    }
  }
  if (steps.some(({ file, how }) => file.values !== undefined && how !== "none")) {
    say("Restart the clients");
  }
  return steps.some(({ how }) => how === "lost") ? 1 : 0;
}

async function compareFile(file: ChangedFile): Promise<UndoStep["how"]> {
  const now = readFileState(file.path).bytes;
  const found = now === undefined ? null : await hashOf(now);
  if (found === file.before) return "none";
  if (file.backup !== null && await readBackup(file) === undefined) return "lost";
  if (found === file.after) return "back";
  return now !== undefined && await hasOurValues(file, now) ? "values" : "changed";
}

/** The content of the backup; `undefined` if it is missing or was changed. */
async function readBackup(
  { backup, before }: ChangedFile,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = backup === null ? undefined : readFileState(backup).bytes;
  return bytes !== undefined && await hashOf(bytes) === before ? bytes : undefined;
}

/** Whether the file still holds the values as they were written. */
async function hasOurValues({ path, values = [] }: ChangedFile, now: Uint8Array): Promise<boolean> {
  const found = await readValues(path, now, values);
  const hashes = await Promise.all(found.map(async ({ value }) => {
    return value === undefined ? null : await hashOf(JSON.stringify(value));
  }));
  return values.length > 0 && values.every(({ wrote }, index) => wrote === hashes[index]);
}

async function readValues(
  path: string,
  bytes: Uint8Array | undefined,
  values: ChangedFile["values"] = [],
): Promise<ClientEdit[]> {
  const text = new TextDecoder().decode(bytes);
  const { document } = await parseClientFile({ file: "", text }, languageOf(path));
  // The parser returns only values that JSON can hold.
  return values.map(({ at }) => ({ at, value: document?.getValue(at) as Json | undefined }));
}

/**
 * Restores a file, or only the values that init changed in it, and removes the backup.
 *
 * @param copy Path at which the present content is saved first; `undefined` to discard it.
 */
async function restoreFile({ file, how }: UndoStep, copy: string | undefined): Promise<void> {
  const { path, backup, values } = file;
  const { real, bytes, mode = 0o600 } = readFileState(path);
  const before = how === "none" ? undefined : await readBackup(file);
  if (how === "values") {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
    const edit = await loadEditor(languageOf(path));
    const edited = edit(text.slice(mark.length), await readValues(path, before, values));
    await replaceFile(real, { bytes: new TextEncoder().encode(mark + edited), mode });
  } else if (how !== "none") {
    if (copy !== undefined && bytes !== undefined) await createFile(copy, { bytes, mode });
    if (before === undefined) await removeIfThere(real);
    else await replaceFile(real, { bytes: before, mode });
  }
  if (backup !== null) await removeIfThere(backup);
}
