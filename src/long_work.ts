/** Minimum size of a message that is long work, in bytes. */
export const LONG_BYTES: number = 64 * 1024;

/** Time for which long work runs before other work gets a turn, in milliseconds. */
const MAX_TURN_MS = 5;

/** Duration of a turn that counts as long, in milliseconds: parsing a message of 50 MB cannot be interrupted. */
const LONG_TURN_MS = 10;

/**
 * Duration of the pause after a long turn and after any other, in milliseconds. A small call passes through the event
 * loop several times, so a pause lets it finish. The calls of a single client do not need the time.
 */
const LONG_PAUSE_MS = 80;
const SHORT_PAUSE_MS = 5;
const SINGLE_CLIENT_PAUSE_MS = 1;

/**
 * Number of turns of the event loop that a pause lasts at least, if the process serves several clients. The turns are
 * longer while requests and servers keep the process busy; a small call passes through about six.
 */
const PAUSE_LOOP_TURNS = 8;

/** Minimum gap between two steps that lets other work run, in milliseconds. */
const MIN_GAP_MS = 1;

/** Maximum gap between two steps that count as one, in milliseconds: no other program can answer within it. */
const MAX_STEP_GAP_MS = 0.05;

/** Time to read one byte of a stream, in milliseconds (measured: 3.5 ms for a megabyte). */
const READ_MS = 3.5e-6;

/**
 * A party whose recent work is below `LIGHT_MS` milliseconds does not wait for its turn. Recent work decays by
 * `DECAY_RATE` milliseconds per millisecond. The limit is generous because a step is measured by the clock, which
 * also runs while other programs use the processor.
 */
const LIGHT_MS = 20;
const DECAY_RATE = 0.03;

/** The recent work of a party: a leaky bucket. */
interface RecentWork {
  ms: number;
  /** When `ms` was computed, on the clock of `performance.now()`. */
  at: number;
}

/**
 * A fair scheduler for work that would block the event loop: long messages, batches, chunks of streams. The work is
 * done in steps. A turn ends after 5 ms or one longer step; then follows a pause, so that a small call waits for at most
 * one turn. The parties (agents and servers) take turns, so that none waits for all the work of another. A leaf:
 * imports nothing of the project.
 */
export class LongWork {
  /**
   * Whether the process serves several clients. If so, reading pipes and starting processes are long work, too, and
   * pauses are longer. The calls of a single client wait only for one another.
   */
  servesSeveralClients = false;
  // The waiting steps, by party; the party whose turn is next comes first.
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #recentWork = new Map<string, RecentWork>();
  #turnMs = 0;
  // The end of the last work, on the clock of `performance.now()`.
  #lastEndedAt = 0;
  #isScheduled = false;
  // The end of the pause after the last turn, on the clock of `performance.now()`.
  #pauseUntil = 0;
  // Number of turns of the event loop until the end of the pause.
  #pauseLoopTurns = 0;

  /**
   * Runs a step of long work: now if nothing is waiting or pausing, otherwise when it is the party's turn.
   *
   * @param party The agent or server that the step works for, such as `agent a`.
   * @returns The result of the step, or its error.
   */
  async run<T>(party: string, step: () => T): Promise<Awaited<T>> {
    return await this.#runOrQueue(party, step);
  }

  /** Runs a step of work on a message: as `runOrWait` if the message is short, as `run` if it is long. */
  runFor<T>(
    { party, bytes }: { readonly party: string; readonly bytes: number },
    step: () => T,
  ): T | Promise<T> {
    return bytes < LONG_BYTES ? this.runOrWait(party, step) : this.#runOrQueue(party, step);
  }

  /**
   * Runs a step that is usually short: now if the party has had little work lately, otherwise as `run`.
   *
   * @returns The result of the step; a promise of it if the step waits for its turn.
   */
  runOrWait<T>(party: string, step: () => T): T | Promise<T> {
    return this.#isLight(party) ? this.#runStep(party, step) : this.#runOrQueue(party, step);
  }

  #runOrQueue<T>(party: string, step: () => T): T | Promise<T> {
    if (!this.#isScheduled && !this.#isPausing()) return this.#runStep(party, step);
    return new Promise((resolve, reject) => {
      const waitingStep = (): void => {
        try {
          resolve(step());
        } catch (error) {
          reject(error);
        }
      };
      const steps = this.#waiting.get(party);
      if (steps === undefined) this.#waiting.set(party, [waitingStep]);
      else steps.push(waitingStep);
      if (!this.#isScheduled) this.#scheduleTurn();
    });
  }

  #isPausing(): boolean {
    return this.#pauseLoopTurns > 0 || performance.now() < this.#pauseUntil;
  }

  /** Whether a party has had so little work lately that it need not wait for its turn. */
  #isLight(party: string): boolean {
    return !this.#waiting.has(party) && this.#recentMs(party, performance.now()) < LIGHT_MS;
  }

  #recentMs(party: string, now: number): number {
    const work = this.#recentWork.get(party);
    return work === undefined ? 0 : Math.max(0, work.ms - DECAY_RATE * (now - work.at));
  }

  /**
   * Counts the time to read a part of a long message from a stream, which is spent outside of steps.
   *
   * @returns A promise that the next read waits for; `undefined` if it need not wait.
   */
  addRead(party: string, bytes: number): Promise<void> | undefined {
    this.addTime(bytes * READ_MS);
    return this.#isPausing() ? this.run(party, () => {}) : undefined;
  }

  /** Counts time that was spent on long work outside of steps. */
  addTime(ms: number): void {
    const now = performance.now();
    const gapMs = now - ms - this.#lastEndedAt;
    // Other work had its turn in a long gap. A short one is between two steps of the same turn of the event loop: thousands
    // of short steps take most of their time between them.
    if (gapMs > MIN_GAP_MS) this.#turnMs = 0;
    else if (gapMs > 0 && gapMs < MAX_STEP_GAP_MS) this.#turnMs += gapMs;
    this.#turnMs += ms;
    this.#lastEndedAt = now;
    if (this.#turnMs < MAX_TURN_MS) return;
    this.#pauseUntil = now + this.#pauseMs();
    this.#turnMs = 0;
    if (this.servesSeveralClients) this.#countLoopTurns();
  }

  #countLoopTurns(): void {
    const isCounting = this.#pauseLoopTurns > 0;
    this.#pauseLoopTurns = PAUSE_LOOP_TURNS;
    if (isCounting) return;
    const count = (): void => {
      if (--this.#pauseLoopTurns > 0) setImmediate(count);
    };
    setImmediate(count);
  }

  #pauseMs(): number {
    if (!this.servesSeveralClients) return SINGLE_CLIENT_PAUSE_MS;
    return this.#turnMs < LONG_TURN_MS ? SHORT_PAUSE_MS : Math.max(LONG_PAUSE_MS, this.#turnMs);
  }

  #runStep<T>(party: string, step: () => T): T {
    const startedAt = performance.now();
    try {
      return step();
    } finally {
      const now = performance.now();
      const ms = now - startedAt;
      this.#recentWork.set(party, { ms: this.#recentMs(party, now) + ms, at: now });
      this.addTime(ms);
    }
  }

  /** Schedules the next turn for the end of the pause. */
  #scheduleTurn(): void {
    this.#isScheduled = true;
    setTimeout(() => this.#runTurn(), Math.max(0, this.#pauseUntil - performance.now()));
  }

  #runTurn(): void {
    if (this.#pauseLoopTurns > 0) return void setImmediate(() => this.#runTurn());
    this.#turnMs = 0;
    for (const [party, steps] of this.#waiting) {
      const step = steps.shift();
      // The party is now last.
      this.#waiting.delete(party);
      if (steps.length > 0) this.#waiting.set(party, steps);
      if (step !== undefined) this.#runStep(party, step);
      if (this.#isPausing()) break;
    }
    this.#isScheduled = false;
    if (this.#waiting.size > 0) this.#scheduleTurn();
  }
}

/** Returns the party of an agent or a server: the name of its memory budget. All those without a budget are one party. */
export function partyOf(memory: { readonly name: string } | undefined): string {
  return memory?.name ?? "other";
}

/** The long work of this process: its messages share one event loop. */
export const longWork: LongWork = new LongWork();
