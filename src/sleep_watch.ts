/**
 * Notices that the machine, or this process, has slept. A leaf: imports nothing of the project.
 *
 * No single clock of Deno shows it. While Linux and macOS sleep, `performance.now` stands still, and timers run on
 * afterwards as if no time had passed; only the wall clock moves on. While Windows sleeps, or this process is stopped,
 * both clocks move on, and the timers come late.
 *
 * @module
 */

/** Interval at which the clocks are compared, in milliseconds. */
const TICK_MS = 5000;

/** Smallest jump of a clock that counts as sleep, in milliseconds. A shorter sleep harms no connection. */
const MIN_SLEEP_MS = 10_000;

/** Called after a sleep with its duration, in milliseconds. A wall clock that is set forward counts as a sleep. */
export type WakeListener = (sleptMs: number) => void;

/** Compares the clocks. A timer runs only while there are listeners, and does not keep the process running. */
export class SleepWatch {
  readonly #listeners = new Set<WakeListener>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #wallAt = Date.now();
  #monotonicAt = performance.now();
  #sleepCount = 0;

  /** Compares the clocks, and returns the number of sleeps so far. */
  countSleeps(): number {
    this.compareClocks();
    return this.#sleepCount;
  }

  /**
   * Adds a listener.
   *
   * @returns A function that removes the listener.
   */
  watch(onWake: WakeListener): () => void {
    this.compareClocks();
    this.#listeners.add(onWake);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.compareClocks(), TICK_MS);
      Deno.unrefTimer(this.#timer);
    }
    return () => {
      this.#listeners.delete(onWake);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Compares the clocks now, so that work that begins immediately after a sleep need not wait for the timer. */
  compareClocks(): void {
    const wallMs = Date.now() - this.#wallAt;
    const monotonicMs = performance.now() - this.#monotonicAt;
    this.#wallAt += wallMs;
    this.#monotonicAt += monotonicMs;
    // Without the timer nobody compares the clocks regularly, so a long interval is no sleep.
    const lateMs = this.#timer === undefined ? 0 : monotonicMs - TICK_MS;
    const sleptMs = Math.max(wallMs - monotonicMs, lateMs);
    if (sleptMs < MIN_SLEEP_MS) return;
    this.#sleepCount++;
    for (const listener of [...this.#listeners]) listener(sleptMs);
  }
}

/** The watch of this process. */
export const sleepWatch: SleepWatch = new SleepWatch();
