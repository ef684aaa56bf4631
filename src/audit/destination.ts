/** What became of a file since it was last looked at. */
export type FileChange =
  /** It was deleted; the lines that were written to it in the meantime are in the new file. */
  | { readonly kind: "deleted"; readonly rewritten: number; readonly lost: number }
  /** It has another name now, which none of the gateways gave it. */
  | { readonly kind: "moved" }
  /** It is no longer there and cannot be made again; these lines are in no file. */
  | { readonly kind: "unwritable"; readonly texts: readonly string[]; readonly lost: number };

/** Where lines of the audit log go. */
export interface Destination {
  /** Its path, or that of the standard stream. */
  readonly path: string;
  /** Lines that were taken and are not written yet. */
  readonly waiting: number;
  /** Lines that were dropped. */
  readonly dropped: number;
  /**
   * Takes lines.
   *
   * @param text A line, or several, each with its line feed.
   * @throws what the system says against it; then none of the text counts as taken.
   */
  append(text: string): void;
  /**
   * Checks that the lines still go to the path, and reopens it if they do not.
   *
   * @returns What an operator should know.
   */
  check(): FileChange | undefined;
  /**
   * Closes a file immediately, and a stream once its reader has taken the waiting lines or the time
   * is up.
   */
  close(): Promise<void> | undefined;
}
