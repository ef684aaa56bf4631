/** Minimum size of a message that is long work, in bytes. */
export const LONG_BYTES: number = 256 * 1024;

/** Time for which long work runs before other work gets a turn, in milliseconds. */
const MAX_TURN_MS = 5;

/**
 * Duration of a turn after which long work rests, in milliseconds: parsing a message of 50 MB cannot be
 * interrupted. A small call passes through the event loop several times, and while long work rests, the call is
 * answered.
 */
const TIRING_TURN_MS = 10;

/** Duration of a rest after a tiring turn and after any other, in milliseconds. */
const REST_MS = 20;
const MIN_REST_MS = 1;

/** A step of work on a long message. */
type Step = () => void;

/**
 * Runs the steps of work on long messages of all agents and servers. After a turn, other work runs, so that a
 * small call waits for at most one turn. The parties take turns, so that none waits for all messages of another.
 * A leaf: imports nothing of the project.
 */
export class LongWork {
  // The steps that wait, by party; the party whose turn is next is first.
  readonly #waiting = new Map<string, Step[]>();
  #turnMs = 0;
  #isScheduled = false;
  // The end of the rest after the last turn, on the clock of `performance.now()`.
  #restUntil = 0;

  /**
   * Runs a step, now or when it is the party's turn.
   *
   * @param party The agent or the server that the message belongs to, with a prefix for its kind.
   * @returns The result of the step, or its error.
   */
  run<T>(party: string, step: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        try {
          resolve(step());
        } catch (error) {
          reject(error);
        }
      };
      const isResting = performance.now() < this.#restUntil;
      if (!this.#isScheduled && !isResting) return this.#runStep(settle);
      const steps = this.#waiting.get(party);
      if (steps === undefined) this.#waiting.set(party, [settle]);
      else steps.push(settle);
      if (!this.#isScheduled) this.#scheduleTurn();
    });
  }

  #runStep(step: Step): void {
    const startedAt = performance.now();
    step();
    const endedAt = performance.now();
    this.#turnMs += endedAt - startedAt;
    if (this.#turnMs < MAX_TURN_MS) return;
    this.#restUntil = endedAt + (this.#turnMs < TIRING_TURN_MS ? MIN_REST_MS : REST_MS);
    this.#turnMs = 0;
  }

  /** Schedules the next turn for the end of the rest. */
  #scheduleTurn(): void {
    this.#isScheduled = true;
    setTimeout(() => this.#runTurn(), Math.max(0, this.#restUntil - performance.now()));
  }

  #runTurn(): void {
    this.#turnMs = 0;
    for (const [party, [step, ...others]] of this.#waiting) {
      // The party is now last.
      this.#waiting.delete(party);
      if (others.length > 0) this.#waiting.set(party, others);
      if (step !== undefined) this.#runStep(step);
      if (performance.now() < this.#restUntil) break;
    }
    this.#isScheduled = false;
    if (this.#waiting.size > 0) this.#scheduleTurn();
  }
}

/** The long work of this process: its messages share one event loop. */
export const longWork: LongWork = new LongWork();
