import { createFile, removeIfThere, replaceFile } from "../../atomic_file.ts";
import { languageOf, parseClientFile } from "./client_document.ts";
import { editJson } from "./edit_json.ts";
import { isRecord, type Json } from "./import_entry.ts";
import { type ChangedFile, editJournal, readJournal } from "./journal.ts";
import { backupPath, hashOf, lookAt, stampOf } from "./file_state.ts";
import { loadTomlReader, setTomlTable } from "./toml_table.ts";

/** The step that puts a file back as it was before the run. */
export interface UndoStep {
  /** The file, as it was changed. */
  readonly file: ChangedFile;
  /**
   * `none`: it is as it was; `back`: nobody has changed it since; `values`: other things in it have
   * changed, which stay; `changed`: what was written has changed since; `lost`: no backup is left.
   */
  readonly how: "none" | "back" | "values" | "changed" | "lost";
}

/** The last run, and what undoing it means. */
export interface Undo {
  /** When the run was, ISO 8601. */
  readonly time: string;
  /** One step for each file. */
  readonly steps: readonly UndoStep[];
}

/** Looks at what the last run changed; undefined where there is none left. */
export async function planUndo(journal: string): Promise<Undo | undefined> {
  const run = readJournal(journal).at(-1);
  if (run === undefined) return undefined;
  const steps = await Promise.all(run.files.map(async (file): Promise<UndoStep> => ({
    file,
    how: await judge(file),
  })));
  return { time: run.time, steps };
}

async function judge(file: ChangedFile): Promise<UndoStep["how"]> {
  const now = lookAt(file.path).bytes;
  const found = now === undefined ? null : await hashOf(now);
  if (found === file.before) return "none";
  if (file.backup !== null && await backupOf(file) === undefined) return "lost";
  if (found === file.after) return "back";
  return await canChangeValues(file) ? "values" : "changed";
}

/** The backup, where it is there and holds what it should. */
async function backupOf({ backup, before }: ChangedFile): Promise<
  { readonly bytes: Uint8Array<ArrayBuffer>; readonly mode: number | undefined } | undefined
> {
  if (backup === null) return undefined;
  const { bytes, mode } = lookAt(backup);
  if (bytes === undefined || await hashOf(bytes) !== before) return undefined;
  return { bytes, mode };
}

/** Whether the values that were written still stand there as written. */
async function canChangeValues({ path, values = [] }: ChangedFile): Promise<boolean> {
  const text = readText(path);
  if (values.length === 0 || text === undefined) return false;
  for (const { at, wrote } of values) {
    const value = await valueAt(path, text, at);
    const found = value === undefined ? null : await hashOf(JSON.stringify(value));
    if (found !== wrote) return false;
  }
  return true;
}

function readText(path: string): string | undefined {
  const { bytes } = lookAt(path);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

async function valueAt(
  path: string,
  text: string,
  at: readonly (string | number)[],
): Promise<Json | undefined> {
  const { document } = await parseClientFile({ file: "", text }, languageOf(path));
  // The parser returns only values that JSON can hold.
  return document?.valueAt(at) as Json | undefined;
}

/**
 * Puts the files of the last run back.
 *
 * @param undo The result of `planUndo`.
 * @param options Where the journal is, and whether files that were changed since are put back too;
 * then what was in them is kept beside them, with the time in its name.
 * @returns The files that were kept as they are. The run is over for them, too: the next undo is of
 * the run before.
 */
export async function applyUndo(
  undo: Undo,
  { journal, force, now }: {
    readonly journal: string;
    readonly force: boolean;
    readonly now: Date;
  },
): Promise<ChangedFile[]> {
  const kept: ChangedFile[] = [];
  // In the opposite order: a client must not be left with an entry for a gateway without files.
  for (const { file, how } of undo.steps.toReversed()) {
    if (how === "lost" || (how === "changed" && !force)) kept.push(file);
    else if (how === "values") await changeValuesBack(file);
    else if (how !== "none") await putBack(file, how === "changed" ? stampOf(now) : undefined);
    else if (file.backup !== null) await removeIfThere(file.backup);
  }
  await editJournal(journal, (runs) => runs.slice(0, -1));
  return kept;
}

/** Puts a file back; what is in it is kept beside it where it has a stamp. */
async function putBack(file: ChangedFile, stamp: string | undefined): Promise<void> {
  const { real, bytes, mode } = lookAt(file.path);
  if (stamp !== undefined && bytes !== undefined) {
    await createFile(backupPath(file.path, stamp), { bytes, mode: mode ?? 0o600 });
  }
  const backup = await backupOf(file);
  if (backup === undefined) await removeIfThere(real);
  // The backup is for the user only, whatever the file was.
  else await replaceFile(real, { bytes: backup.bytes, mode: mode ?? 0o600 });
  if (file.backup !== null) await removeIfThere(file.backup);
}

/** Sets only the values that init changed to what they were. */
async function changeValuesBack(file: ChangedFile): Promise<void> {
  const { real, bytes, mode } = lookAt(file.path);
  const before = await backupOf(file);
  const original = before === undefined ? "" : new TextDecoder().decode(before.bytes);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const edits = await Promise.all((file.values ?? []).map(async ({ at }) => ({
    at,
    value: await valueAt(file.path, original, at),
  })));
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const edited = await edit(file.path, text.slice(mark.length), edits);
  await replaceFile(real, { bytes: new TextEncoder().encode(mark + edited), mode: mode ?? 0o600 });
  if (file.backup !== null) await removeIfThere(file.backup);
}

async function edit(
  path: string,
  text: string,
  edits: readonly { readonly at: readonly (string | number)[]; readonly value: Json | undefined }[],
): Promise<string> {
  if (languageOf(path) !== "toml") return editJson(text, edits);
  const read = await loadTomlReader();
  return edits.reduce((before, { at, value }) => {
    const table = { path: at.map(String), value: isRecord(value) ? value : undefined, read };
    return setTomlTable(before, table);
  }, text);
}
