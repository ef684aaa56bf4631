import { type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";

/** Precision of deadlines, in milliseconds: those at about the same time expire in one tick. */
const EXACT_MS = 10;

/** Maximum time of a system timer, in milliseconds; later deadlines take several timers. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Something that has a deadline. */
export interface Due extends Indexed {
  /** The deadline, on the clock of `performance.now()`; it may be postponed at any time. */
  readonly dueAt: number;
  /** Called once, at the deadline. */
  expire(): void;
}

/**
 * Deadlines of many calls behind one system timer, which is set for the earliest. Most calls end long
 * before, so the timer rarely fires, and then checks all active calls. Setting and clearing a timer for
 * each call costs more than all other bookkeeping of the call (measured: 7 % of the time of a call).
 */
export class Deadlines {
  readonly #all = new SwapRemoveSet<Due>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  // When the timer fires; by then the deadline that it was set for may be gone.
  #wakesAt = Infinity;

  /** Adds a deadline. Call it again if the deadline has become earlier. */
  add(due: Due): void {
    this.#all.add(due);
    if (due.dueAt < this.#wakesAt) this.#arm(due.dueAt);
  }

  /** Removes a deadline. */
  remove(due: Due): void {
    // The timer stays: the next call would set it anyway, and at worst it finds nothing to do.
    this.#all.delete(due);
  }

  /** Stops the timer; no deadline expires after that. */
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
