/** Change of a file since the last check. */
export type FileChange =
  /** The file was deleted. The lines written to it since the last check are in the new file. */
  | { readonly kind: "deleted"; readonly rewritten: number; readonly lost: number }
  /** The file was renamed, but not by a gateway. */
  | { readonly kind: "moved" }
  /** The file no longer exists and cannot be created again; these lines are in no file. */
  | { readonly kind: "unwritable"; readonly texts: readonly string[]; readonly lost: number };

/** A file or stream that lines of the audit log are written to. */
export interface Destination {
  /** The path, also of a standard stream. */
  readonly path: string;
  readonly waiting: number;
  readonly dropped: number;
  /**
   * Writes or queues lines.
   *
   * @param text One or several lines, each with its line feed.
   * @throws Any error of the system, if none of the text was written.
   */
  append(text: string): void;
  /**
   * Checks that the path still leads to the open file, and reopens it if it does not.
   *
   * @returns The change to report to the operator.
   */
  check(): FileChange | undefined;
  /**
   * Closes a file immediately, and a stream once its reader has taken the waiting lines or the time
   * is up.
   */
  close(): Promise<void> | undefined;
}
