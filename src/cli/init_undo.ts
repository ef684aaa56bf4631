import { applyUndo, askYes, backupPath, planUndo, stampOf, type Terminal } from "./init/mod.ts";

/** How the last `init` is undone. */
export interface UndoOptions {
  /** Whether to ask nothing. */
  readonly yes: boolean;
  /** Path of the journal of runs that can be undone. */
  readonly journal: string;
  /** For questions; absent if nobody can answer. */
  readonly terminal?: Terminal;
  readonly now: Date;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/**
 * Restores the files of the last `init`, and asks about those that have changed since.
 *
 * @returns The exit code: 1 if a file could not be restored, 130 if the person cancelled.
 */
export async function undoInit(options: UndoOptions): Promise<number> {
  const { yes, journal, terminal, now, say } = options;
  const undo = await planUndo(journal);
  if (undo === undefined) {
    say("There is no init to undo");
    return 1;
  }
  const changed = undo.steps.filter(({ how }) => how === "changed").map(({ file }) => file);
  const saved = new Map(changed.map((file) => [file, backupPath(file.path, stampOf(now))]));
  let force = false;
  if (changed.length > 0 && !yes) {
    for (const { path } of changed) say(`${path} has changed since init wrote it, ${undo.time}`);
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
      say(`Yes: ${path} ${before}. What is in it now is saved as ${saved.get(file)}`);
    }
    say("No: nothing is undone; every file stays as it is now");
    force = await askYes("Undo the changed files, too?", terminal);
    if (!force) {
      say("Cancelled: nothing has been undone, and no file has changed");
      return 130;
    }
  }
  const kept = await applyUndo(undo, { journal, force, now });
  for (const { file, how } of undo.steps) {
    const { path, before, backup } = file;
    if (how === "lost") say(`Cannot put back ${path}: its backup ${backup} is not there any more`);
    else if (kept.includes(file)) say(`Kept ${path}, which has changed since${heldIn(backup)}`);
    else if (how === "values") say(`Put back what init changed in ${path}; later changes stay`);
    else if (how !== "none") {
      const copy = saved.get(file);
      const where = copy === undefined ? "" : `; what was in it is saved as ${copy}`;
      say((before === null ? `Removed ${path}` : `Put back ${path}`) + where);
    }
  }
  if (undo.steps.some(({ file, how }) => file.values !== undefined && how !== "none")) {
    say("Restart the clients");
  }
  return undo.steps.some(({ how }) => how === "lost") ? 1 : 0;
}

function heldIn(backup: string | null): string {
  return backup === null ? "" : `; what it was before is in ${backup}`;
}
