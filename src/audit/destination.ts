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
  /** What names it. */
  readonly path: string;
  /** Lines that were taken and are not written yet. */
  readonly waiting: number;
  /** Lines that were given up. */
  readonly dropped: number;
  /**
   * Takes lines.
   *
   * @param text A line, or several, each with its line feed.
   * @throws what the system says against it; then none of the text counts as taken.
   */
  append(text: string): void;
  /**
   * Looks whether the lines still go where they should, and goes on there.
   *
   * @returns What an operator should know.
   */
  check(): FileChange | undefined;
  /** Closes: a file at once, a stream when its reader has taken what waits, or does not. */
  close(): Promise<void> | undefined;
}
