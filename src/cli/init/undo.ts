import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { sha256 } from "../../sha256.ts";
import { type ClientEdit, languageOf, loadEditor, parseClientFile } from "./client_text.ts";
import { backupPath, readFileState } from "./file_state.ts";
import type { Json } from "./import_entry.ts";
import { askYes, type Terminal } from "./prompter.ts";
import {
  type ChangedFile,
  editJournal,
  lockJournal,
  readJournal,
  type RecordedRun,
} from "./journal.ts";

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
  readonly printLine: (line: string) => void;
}

/**
 * The state of a changed file, which decides how the change is undone.
 *
 * - `nothing`: the file is already as it was before `init`.
 * - `whole-file`: the file has not changed since `init`.
 * - `values`: other parts of the file have changed since, and stay.
 * - `changed`: the values that `init` wrote have changed since.
 * - `no-backup`: the backup of the file is missing.
 */
type UndoKind = "nothing" | "whole-file" | "values" | "changed" | "no-backup";

/** A file whose change is to be undone, and its state. */
interface UndoStep {
  readonly file: ChangedFile;
  readonly kind: UndoKind;
}

/**
 * Restores the files of the last `init`, and asks about those that have changed since.
 *
 * @returns The exit code: 1 if a file could not be restored, 130 if the person cancelled.
 */
export async function undoInit(options: UndoOptions): Promise<number> {
  const { journal, printLine } = options;
  if (readJournal(journal).length > 0) {
    await using _lock = await lockJournal(journal);
    // Another process may have undone the run while this one waited for the lock.
    const run = readJournal(journal).at(-1);
    if (run !== undefined) return await undoRun(run, options);
  }
  printLine("There is no init to undo");
  return 1;
}

async function undoRun(
  run: RecordedRun,
  { yes, journal, terminal, now, printLine }: UndoOptions,
): Promise<number> {
  const steps = await Promise.all(run.files.map(async (file): Promise<UndoStep> => {
    return { file, kind: await compareFile(file) };
  }));
  const changedFiles = steps.filter(({ kind }) => kind === "changed").map(({ file }) => file);
  const copyPaths = new Map(changedFiles.map((file) => [file, backupPath(file.path, now)]));
  let undoesChanged = false;
  if (changedFiles.length > 0 && !yes) {
    for (const { path } of changedFiles) {
      printLine(`${path} has changed since init wrote it, ${run.time}`);
    }
    if (terminal === undefined) {
      printLine(
        "Nothing has been undone: add --yes to keep the changed files as they are and undo the rest",
      );
      return 1;
    }
    for (const file of changedFiles) {
      const { path, backup } = file;
      const effect = backup === null
        ? "is removed, because it did not exist before init"
        : `gets back what was in it before init, from ${backup}`;
      printLine(`Yes: ${path} ${effect}. What is in it now is saved as ${copyPaths.get(file)}`);
    }
    printLine("No: nothing is undone; every file stays as it is now");
    undoesChanged = await askYes("Undo the changed files, too?", terminal);
    if (!undoesChanged) {
      printLine("Cancelled: nothing has been undone, and no file has changed");
      return 130;
    }
  }
  const isKept = ({ kind }: UndoStep) =>
    kind === "no-backup" || (kind === "changed" && !undoesChanged);
  // In reverse order: a client must not be left with an entry for a gateway without files.
  for (const step of steps.toReversed()) {
    if (!isKept(step)) await restoreFile(step, copyPaths.get(step.file));
  }
  // The run leaves the journal even if files are kept: the next --undo is about the run before it.
  await editJournal(journal, (runs) => runs.slice(0, -1));
  for (const step of steps) {
    const { path, before, backup } = step.file;
    if (step.kind === "nothing") continue;
    if (step.kind === "no-backup") {
      printLine(`Cannot put back ${path}: its backup ${backup} is missing`);
    } else if (isKept(step)) {
      const earlierContent = backup === null ? "" : `; what it was before is in ${backup}`;
      printLine(`Kept ${path}, which has changed since${earlierContent}`);
    } else if (step.kind === "values") {
      printLine(`Put back what init changed in ${path}; later changes stay`);
    } else {
      const copy = copyPaths.get(step.file);
      const savedContent = copy === undefined ? "" : `; what was in it is saved as ${copy}`;
      printLine((before === null ? `Removed ${path}` : `Put back ${path}`) + savedContent);
    }
  }
  if (steps.some(({ file, kind }) => file.values !== undefined && kind !== "nothing")) {
    printLine("Restart the clients");
  }
  return steps.some(({ kind }) => kind === "no-backup") ? 1 : 0;
}

async function compareFile(file: ChangedFile): Promise<UndoKind> {
  const bytes = readFileState(file.path).bytes;
  const hash = bytes === undefined ? null : await sha256(bytes);
  if (hash === file.before) return "nothing";
  if (file.backup !== null && await readBackup(file) === undefined) return "no-backup";
  if (hash === file.after) return "whole-file";
  return bytes !== undefined && await hasWrittenValues(file, bytes) ? "values" : "changed";
}

/** The content of the backup; `undefined` if it is missing or was changed. */
async function readBackup(
  { backup, before }: ChangedFile,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = backup === null ? undefined : readFileState(backup).bytes;
  return bytes !== undefined && await sha256(bytes) === before ? bytes : undefined;
}

/** Whether the file still holds the values that `init` wrote. */
async function hasWrittenValues(
  { path, values = [] }: ChangedFile,
  bytes: Uint8Array,
): Promise<boolean> {
  const presentValues = await readValues(path, bytes, values);
  const hashes = await Promise.all(presentValues.map(async ({ value }) => {
    return value === undefined ? null : await sha256(JSON.stringify(value));
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
async function restoreFile({ file, kind }: UndoStep, copy: string | undefined): Promise<void> {
  const { path, backup, values } = file;
  const { realPath, bytes, mode = 0o600 } = readFileState(path);
  const before = kind === "nothing" ? undefined : await readBackup(file);
  if (kind === "values") {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
    const edit = await loadEditor(languageOf(path));
    const editedText = edit(text.slice(mark.length), await readValues(path, before, values));
    await replaceFile(realPath, { bytes: new TextEncoder().encode(mark + editedText), mode });
  } else if (kind !== "nothing") {
    if (copy !== undefined && bytes !== undefined) await createFile(copy, { bytes, mode });
    // A file that `init` created was not a link. If its path is a link now, only the link is removed.
    if (before === undefined) await removeIfThere(path);
    else await replaceFile(realPath, { bytes: before, mode });
  }
  if (backup !== null) await removeIfThere(backup);
}
