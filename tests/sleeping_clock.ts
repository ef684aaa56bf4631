import { sleepWatch } from "../src/sleep_watch.ts";

/** A wall clock that moves on while the machine sleeps; the monotonic clock stands still, as on Linux and macOS. */
export class SleepingClock implements Disposable {
  readonly #realNow = Date.now;
  #sleptMs = 0;

  /** Replaces `Date.now` until the clock is disposed of. */
  constructor() {
    Date.now = () => this.#realNow() + this.#sleptMs;
  }

  /** Lets the machine sleep; a negative duration sets the clock back. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
    // In place of the watch's own timer.
    sleepWatch.compareClocks();
  }

  [Symbol.dispose](): void {
    Date.now = this.#realNow;
  }
}
