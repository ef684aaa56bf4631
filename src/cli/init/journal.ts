import { isRecord } from "./import_entry.ts";
import { lookAt, removeIfThere, replaceFile } from "./replace_file.ts";

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
 * The runs that can be undone, the oldest first.
 *
 * @throws {Error} The journal is damaged.
 */
export function readJournal(path: string): JournalEntry[] {
  const { bytes } = lookAt(path);
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

/** Writes the runs that can be undone; takes the journal away where there are none. */
export function writeJournal(path: string, entries: readonly JournalEntry[]): void {
  if (entries.length === 0) {
    removeIfThere(path);
    return;
  }
  const text = JSON.stringify({ version: 1, runs: entries.slice(-MOST_ENTRIES) }, null, 2);
  replaceFile(lookAt(path).real, { bytes: new TextEncoder().encode(`${text}\n`), mode: 0o600 });
}
