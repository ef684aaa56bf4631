/** Minimum size of a message that is long work, in bytes. */
export const LONG_BYTES: number = 64 * 1024;

/** Time for which long work runs before other work gets a turn, in milliseconds. */
const MAX_TURN_MS = 5;

/** Duration of a turn that counts as long, in milliseconds: parsing a message of 50 MB cannot be interrupted. */
const LONG_TURN_MS = 10;

/**
 * Duration of the pause after a long turn and after any other, in milliseconds. A small call passes through the event
 * loop several times, so a pause lets it finish.
 */
const LONG_PAUSE_MS = 20;
const SHORT_PAUSE_MS = 1;

/** Length of the window in which the time of each party is counted, in milliseconds. */
const WINDOW_MS = 100;

/** Time in a window up to which a party need not wait for its turn, in milliseconds. */
const LIGHT_MS = 1;

/** A step of long work. */
export type Step = () => void;

/**
 * Runs long work in steps: long messages, batches, chunks of streams. After a turn, other work runs, so that a small
 * call waits for at most one turn. Agents and servers take turns, so that none waits for all the work of another.
 * A leaf: imports nothing of the project.
 */
export class LongWork {
  /**
   * Whether the process serves several clients. Then reading pipes and starting processes is long work, too; the
   * calls of a single client wait only for each other.
   */
  servesSeveralClients = false;
  // The steps that wait, by party; the party whose turn is next is first.
  readonly #waiting = new Map<string, Step[]>();
  // The time that each party has worked in the current window.
  readonly #workedMs = new Map<string, number>();
  #windowStartedAt = 0;
  #turnMs = 0;
  #isScheduled = false;
  // The end of the pause after the last turn, on the clock of `performance.now()`.
  #pauseUntil = 0;

  /**
   * Runs a step, now or when it is the party's turn.
   *
   * @param party The name under which the step takes turns, such as `agent a` or `pipe 3`.
   * @returns The result of the step, or its error.
   */
  run<T>(party: string, step: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      void this.#runOrQueue(party, () => {
        try {
          resolve(step());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Runs a step of work on a message: at once if the message is short, otherwise as long work. */
  runFor<T>(
    message: { readonly party: string; readonly bytes: number },
    step: () => T,
  ): T | Promise<T> {
    return message.bytes < LONG_BYTES ? step() : this.run(message.party, step);
  }

  /**
   * Runs a step of reading a pipe, which does not throw: now if the party has worked little lately, or when it is
   * the party's turn.
   *
   * @returns `undefined` if the step has run; otherwise a promise that resolves when it has.
   */
  runOrWait(party: string, step: Step): Promise<void> | undefined {
    return this.#isLight(party) ? void this.#runStep(party, step) : this.#runOrQueue(party, step);
  }

  #runOrQueue(party: string, step: Step): Promise<void> | undefined {
    const isPausing = performance.now() < this.#pauseUntil;
    if (!this.#isScheduled && !isPausing) return void this.#runStep(party, step);
    return new Promise((resolve) => {
      const waitingStep = (): void => {
        step();
        resolve();
      };
      const steps = this.#waiting.get(party);
      if (steps === undefined) this.#waiting.set(party, [waitingStep]);
      else steps.push(waitingStep);
      if (!this.#isScheduled) this.#scheduleTurn();
    });
  }

  /** Whether a party has worked so little lately that it need not wait for its turn. */
  #isLight(party: string): boolean {
    const now = performance.now();
    if (now - this.#windowStartedAt > WINDOW_MS) {
      this.#windowStartedAt = now;
      this.#workedMs.clear();
    }
    return !this.#waiting.has(party) && (this.#workedMs.get(party) ?? 0) < LIGHT_MS;
  }

  /** Adds time that a party worked outside of its steps. */
  addTime(ms: number): void {
    this.#turnMs += ms;
    if (this.#turnMs < MAX_TURN_MS) return;
    this.#pauseUntil = performance.now() +
      (this.#turnMs < LONG_TURN_MS ? SHORT_PAUSE_MS : Math.max(LONG_PAUSE_MS, this.#turnMs));
    this.#turnMs = 0;
  }

  #runStep(party: string, step: Step): void {
    const startedAt = performance.now();
    step();
    const ms = performance.now() - startedAt;
    this.#workedMs.set(party, (this.#workedMs.get(party) ?? 0) + ms);
    this.addTime(ms);
  }

  /** Schedules the next turn for the end of the pause. */
  #scheduleTurn(): void {
    this.#isScheduled = true;
    setTimeout(() => this.#runTurn(), Math.max(0, this.#pauseUntil - performance.now()));
  }

  #runTurn(): void {
    this.#turnMs = 0;
    try {
      for (const [party, [step, ...others]] of this.#waiting) {
        // The party is now last.
        this.#waiting.delete(party);
        if (others.length > 0) this.#waiting.set(party, others);
        if (step !== undefined) this.#runStep(party, step);
        if (performance.now() < this.#pauseUntil) break;
      }
    } finally {
      this.#isScheduled = false;
      if (this.#waiting.size > 0) this.#scheduleTurn();
    }
  }
}

/** The long work of this process: its messages share one event loop. */
export const longWork: LongWork = new LongWork();
