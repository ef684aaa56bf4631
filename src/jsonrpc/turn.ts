/** How long is looked at how busy a loop is, in milliseconds. */
const STRETCH_MS = 20;

/** The part of such a stretch from which on a loop leaves nothing to others. */
const ALL = 0.8;

/**
 * Keeps a loop that reads from starving everything else. A pipe that is always full is read without
 * one turn of the event loop in between: no timer fires and no other pipe is read meanwhile.
 */
export class Turn {
  #since = performance.now();
  #workedMs = 0;

  /**
   * Does a piece of work.
   *
   * @param work The work.
   * @returns `undefined` where the loop may go on at once, otherwise what it must wait for.
   */
  do(work: () => void): Promise<void> | undefined {
    const started = performance.now();
    work();
    const now = performance.now();
    this.#workedMs += now - started;
    const stretch = now - this.#since;
    if (stretch < STRETCH_MS) return undefined;
    const isAll = this.#workedMs > ALL * stretch;
    this.#since = now;
    this.#workedMs = 0;
    // Only a timer lets the process look at its other pipes; setImmediate is followed by more of ours.
    return isAll ? new Promise((resolve) => setTimeout(resolve, 0)) : undefined;
  }
}
