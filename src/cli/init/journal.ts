import { removeIfThere, replaceFile } from "../../atomic_file.ts";
import { folderOf } from "../../config/mod.ts";
import { isRecord } from "./import_entry.ts";
import { isSameBytes, lookAt } from "./file_state.ts";

/** A value that was set or taken out in a client's file. */
export interface ChangedValue {
  /** Path of the value inside the file. */
  readonly at: readonly (string | number)[];
  /** Fingerprint of the value that was written, as JSON; null where it was taken out. */
  readonly wrote: string | null;
}

/** A file that was changed or made. */
export interface ChangedFile {
  /** Absolute path. */
  readonly path: string;
  /** Fingerprint of what stood in it; null where it was not there. */
  readonly before: string | null;
  /** Fingerprint of what was written. */
  readonly after: string;
  /** Path of the backup; null if the file is new. */
  readonly backup: string | null;
  /** The single values that were changed, in a file that belongs to another program. */
  readonly values?: readonly ChangedValue[];
}

/** The changes of one run. */
export interface JournalEntry {
  /** When, ISO 8601. */
  readonly time: string;
  readonly files: readonly ChangedFile[];
}

/** Earlier runs than these cannot be undone any more. */
const MOST_ENTRIES = 20;

/**
 * Reads the runs that can be undone, the oldest first.
 *
 * @throws {Error} The journal is damaged.
 */
export function readJournal(path: string): JournalEntry[] {
  return parseRuns(path, lookAt(path).bytes);
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

/** Changes the runs that can be undone. The journal is removed if none is left. */
export async function editJournal(
  path: string,
  edit: (runs: JournalEntry[]) => JournalEntry[],
): Promise<void> {
  for (;;) {
    const { real, bytes: before } = lookAt(path);
    const runs = edit(parseRuns(path, before)).slice(-MOST_ENTRIES);
    if (runs.length === 0) return await removeIfThere(path);
    const bytes = new TextEncoder().encode(`${JSON.stringify({ version: 1, runs }, null, 2)}\n`);
    Deno.mkdirSync(folderOf(real), { recursive: true, mode: 0o700 });
    // Another `init` may have written its run meanwhile.
    const isCurrent = (): boolean => isSameBytes(lookAt(path).bytes, before);
    if (await replaceFile(real, { bytes, mode: 0o600 }, isCurrent)) return;
  }
}
