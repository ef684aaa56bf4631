import { type Pausable, startTimer } from "../within.ts";

/** Measures the time of a run, without the time in which it waits for a person. */
export class RunClock implements Pausable {
  readonly #expire: () => void;
  #remainingMs: number;
  #startedAt = 0;
  #stopTimer: (() => void) | undefined;
  #pauseCount = 0;
  #hasStopped = false;

  /**
   * Starts the clock.
   *
   * @param ms The time of the run, in milliseconds.
   * @param expire Called once, at the end of the time.
   */
  constructor(ms: number, expire: () => void) {
    this.#remainingMs = ms;
    this.#expire = expire;
    this.#start();
  }

  /** Pauses the clock. Each `pause` needs its own `resume`. */
  pause(): void {
    if (this.#pauseCount++ > 0 || this.#hasStopped) return;
    this.#stopTimer?.();
    this.#remainingMs -= performance.now() - this.#startedAt;
  }

  /** Ends one pause. */
  resume(): void {
    if (--this.#pauseCount === 0 && !this.#hasStopped) this.#start();
  }

  /** Stops the clock for good. */
  stop(): void {
    this.#hasStopped = true;
    this.#stopTimer?.();
  }

  #start(): void {
    this.#startedAt = performance.now();
    this.#stopTimer = startTimer(Math.max(0, this.#remainingMs), this.#expire);
  }
}
