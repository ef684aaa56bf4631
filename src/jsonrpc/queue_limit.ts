import type { Budget } from "../budget.ts";

/**
 * Length that each message in a queue counts in addition to its text, in UTF-16 code units: thousands of
 * short messages take more memory than their texts.
 */
export const QUEUED_MESSAGE_LENGTH = 1024;

/** Length up to which a queue is allowed even if the budget is exceeded, in UTF-16 code units. */
const ALWAYS_ALLOWED_LENGTH = 1024 * 1024;

/** The limit of the queue to the other side of a channel. */
export class QueueLimit {
  readonly #memory: Budget | undefined;

  /**
   * Creates the limit.
   *
   * @param memory The budget of the other side; `undefined` if the queue has no limit.
   */
  constructor(memory: Budget | undefined) {
    this.#memory = memory;
  }

  /** Whether a queue of `queuedLength` has room for `length` more. An empty queue has room for one message of any length. */
  hasRoom(queuedLength: number, length: number): boolean {
    return queuedLength === 0 || queuedLength + length <= (this.#memory?.max ?? Infinity);
  }

  /** Whether a queue is so long that the other side is assumed to have stopped reading. */
  isExceeded(queuedLength: number): boolean {
    return !this.hasRoom(queuedLength, 0) ||
      (queuedLength > ALWAYS_ALLOWED_LENGTH && this.#memory?.isExceeded() === true);
  }
}
