/** A change of a file since the last check. */
export type FileChange =
  /** The file was deleted. `rewritten` lines of it are in the new file, `lost` lines are in no file. */
  | { readonly kind: "deleted"; readonly rewritten: number; readonly lost: number }
  /** The file was renamed, but not by a rotation. A new file was created. */
  | { readonly kind: "moved" }
  /** The path cannot be written. The lines of `texts`, and `lost` other lines, are in no file. */
  | { readonly kind: "unwritable"; readonly texts: readonly string[]; readonly lost: number };

/** A file or stream that lines of the audit log are written to. */
export interface Destination {
  /** The path of the file or of the standard stream. */
  readonly path: string;
  /** Number of lines that were dropped. */
  readonly dropped: number;
  /**
   * Writes or queues lines.
   *
   * @param text One or several lines, each with its line feed.
   * @throws Any error of the system, if not all of the text was written.
   */
  append(text: string): void;
  /**
   * Checks that the open file is still at its path, and opens the path again if it is not.
   *
   * @returns The change to report to the operator.
   */
  check(): FileChange | undefined;
  /**
   * Closes a file immediately, and a stream when its reader has taken the waiting lines or after a time
   * limit.
   */
  close(): Promise<void> | undefined;
}
