import { type Pausable, startTimer } from "../within.ts";

/** The phase of a run: its code runs, or one of its calls waits for a person. */
export type RunPhase = "run" | "pause";

/** Measures the time of a run, and apart from it the time in which the run waits for a person. */
export class RunClock implements Pausable {
  readonly #expire: (phase: RunPhase) => void;
  readonly #remainingMs: Record<RunPhase, number>;
  #phase: RunPhase = "run";
  #startedAt = 0;
  #stopTimer: (() => void) | undefined;
  #pauseCount = 0;
  #hasStopped = false;

  /**
   * Starts the clock.
   *
   * @param limitsMs The time for the run without its pauses, and for all pauses together, in milliseconds.
   * @param expire Called once, when either time is over.
   */
  constructor(limitsMs: Readonly<Record<RunPhase, number>>, expire: (phase: RunPhase) => void) {
    this.#remainingMs = { ...limitsMs };
    this.#expire = expire;
    this.#start("run");
  }

  /** Pauses the clock. Each `pause` needs its own `resume`. */
  pause(): void {
    if (this.#pauseCount++ === 0) this.#start("pause");
  }

  /** Ends one pause. */
  resume(): void {
    if (--this.#pauseCount === 0) this.#start("run");
  }

  /** Stops the clock for good. */
  stop(): void {
    this.#hasStopped = true;
    this.#stopTimer?.();
  }

  #start(phase: RunPhase): void {
    if (this.#hasStopped) return;
    this.#stopTimer?.();
    const now = performance.now();
    if (phase !== this.#phase) this.#remainingMs[this.#phase] -= now - this.#startedAt;
    this.#phase = phase;
    this.#startedAt = now;
    const remainingMs = Math.max(0, this.#remainingMs[phase]);
    this.#stopTimer = startTimer(remainingMs, () => this.#expire(phase));
  }
}
