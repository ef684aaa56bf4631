import { type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";
import { GRACE_MS, LATE_MS } from "../within.ts";

/** Precision of deadlines, in milliseconds: deadlines within this time expire in one tick. */
const PRECISION_MS = 10;

/** Longest time that a system timer can be set to, in milliseconds; later deadlines take several timers. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A deadline, and the action at it. */
export interface Deadline extends Indexed {
  /** The time of the deadline, on the clock of `performance.now()`. The time may become later at any moment. */
  readonly dueAt: number;
  /** Called once, at the deadline. */
  expire(): void;
}

/**
 * Deadlines of many calls and sessions behind one system timer, which is set for the earliest. Most calls
 * end long before their deadlines, so the timer rarely fires; it then checks all deadlines. Setting and
 * clearing a timer for each call would cost more than all other bookkeeping of the call (measured: 7 % of
 * the time of a call).
 */
export class Deadlines {
  readonly #deadlines = new SwapRemoveSet<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  // The time at which the timer fires; the deadline that it was set for may have been removed by then.
  #wakesAt = Infinity;

  /** Adds a deadline. Must be called again with the same deadline when it becomes earlier. */
  add(deadline: Deadline): void {
    this.#deadlines.add(deadline);
    if (deadline.dueAt < this.#wakesAt) this.#setTimer(deadline.dueAt);
  }

  /** Removes a deadline. */
  remove(deadline: Deadline): void {
    // The timer is kept: the next call would set it again, and a timer without a deadline does no harm.
    this.#deadlines.delete(deadline);
  }

  /** Stops the timer; no deadline expires after that. */
  close(): void {
    clearTimeout(this.#timer);
    this.#deadlines.clear();
    this.#wakesAt = Infinity;
  }

  #setTimer(at: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    const ms = Math.ceil(Math.max(0, at - performance.now()) / PRECISION_MS) * PRECISION_MS;
    this.#timer = setTimeout(() => this.#wake(), Math.min(ms, MAX_TIMER_MS));
  }

  #wake(): void {
    const now = performance.now();
    // The timer is late. Answers that the calls wait for may have arrived meanwhile, so they are read first.
    if (now - this.#wakesAt >= LATE_MS) return this.#setTimer(now + GRACE_MS);
    this.#wakesAt = Infinity;
    // If `expire` throws, the other due deadlines expire immediately afterwards.
    let next = now;
    try {
      next = this.#expireDue(now);
    } finally {
      if (next < this.#wakesAt) this.#setTimer(next);
    }
  }

  /** Expires the deadlines that are due; returns the time of the next one. */
  #expireDue(now: number): number {
    let next = Infinity;
    for (const deadline of this.#deadlines.all()) {
      if (deadline.dueAt > now) {
        next = Math.min(next, deadline.dueAt);
        continue;
      }
      this.#deadlines.delete(deadline);
      deadline.expire();
    }
    return next;
  }
}
