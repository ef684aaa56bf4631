/** How long is looked at how busy a loop is, in milliseconds. */
const STRETCH_MS = 20;

/** The part of such a stretch from which on a loop leaves nothing to others. */
const ALL = 0.8;

/** What a loop may owe before it pauses, in milliseconds. */
const MAX_OWED_MS = 10;

/**
 * Keeps a loop that reads from starving everything else. A pipe that is always full is read without
 * one turn of the event loop in between: no timer fires and no other pipe is read meanwhile.
 */
export class Turn {
  #since = performance.now();
  #workedMs = 0;
  #owedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake = (): void => {};

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
    let isAll = false;
    if (stretch >= STRETCH_MS) {
      isAll = this.#workedMs > ALL * stretch;
      this.#since = now;
      this.#workedMs = 0;
    }
    return isAll || this.#owedMs > MAX_OWED_MS ? this.#pause() : undefined;
  }

  /**
   * Has the loop pause some time soon, for what it reads is not worth more.
   *
   * @param ms For how long; small figures add up until they are worth a pause.
   */
  owe(ms: number): void {
    this.#owedMs += ms;
  }

  /** Ends a pause: nothing will be read any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#wake();
  }

  #pause(): Promise<void> {
    const ms = this.#owedMs;
    this.#owedMs = 0;
    return new Promise((resolve) => {
      this.#wake = resolve;
      // Only a timer lets the process look at its other pipes; after setImmediate it is our turn again.
      this.#timer = setTimeout(resolve, ms);
    });
  }
}
