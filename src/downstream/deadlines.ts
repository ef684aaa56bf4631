import { type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";

/** How exact a deadline is kept, in milliseconds: many of about the same time are one turn's work. */
const EXACT_MS = 10;

/** The longest that a timer of the system can be set for; what is due later is waited for in turns. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Something that has a deadline. */
export interface Due extends Indexed {
  /** When it is due, on the clock of `performance.now()`; it may be put off meanwhile. */
  readonly dueAt: number;
  /** The deadline has come. It is not asked again. */
  expire(): void;
}

/**
 * Deadlines of many calls behind one timer of the system, set for the earliest. Most calls are over
 * long before, so that it rarely fires, and then looks at all that are under way. A timer for each
 * call, set and taken back, costs more than everything else that is kept about the call (measured:
 * 7 % of its whole way).
 */
export class Deadlines {
  readonly #all = new SwapRemoveSet<Due>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  // When the timer fires; by then the deadline that it was set for may be gone.
  #wakesAt = Infinity;

  /** Watches over a deadline; to be called again where it has come nearer. */
  add(due: Due): void {
    this.#all.add(due);
    if (due.dueAt < this.#wakesAt) this.#arm(due.dueAt);
  }

  /** Forgets a deadline. */
  remove(due: Due): void {
    // The timer stays: it is set for the next call anyway, and finds nothing to do at worst.
    this.#all.delete(due);
  }

  /** Stops the timer; what is due later expires no more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#all.clear();
    this.#wakesAt = Infinity;
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    const ms = Math.ceil(Math.max(0, at - performance.now()) / EXACT_MS) * EXACT_MS;
    this.#timer = setTimeout(() => this.#wake(), Math.min(ms, MAX_TIMER_MS));
  }

  #wake(): void {
    this.#wakesAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const due of this.#all.all()) {
      if (due.dueAt > now) {
        next = Math.min(next, due.dueAt);
        continue;
      }
      this.#all.delete(due);
      due.expire();
    }
    if (next < this.#wakesAt) this.#arm(next);
  }
}
