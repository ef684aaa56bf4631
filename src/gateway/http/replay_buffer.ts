import type { Budget } from "../../budget.ts";

/** A message that was sent on a stream. */
export interface SentEvent {
  /** Number of the stream within the session. */
  readonly stream: number;
  /** Position of the message on the stream, from 1. */
  readonly position: number;
  readonly text: string;
}

/** The last messages of a session, for a client that lost its connection before it received them. */
export class ReplayBuffer {
  readonly #maxChars: number;
  readonly #budget: Budget;
  // The first of these events may have been dropped: removing each from the list would copy all others.
  #events: SentEvent[] = [];
  #droppedCount = 0;
  #size = 0;

  /**
   * Creates an empty buffer.
   *
   * @param maxChars Maximum size of the kept messages, in UTF-16 code units.
   * @param budget The shared limit of all sessions, in the same unit.
   */
  constructor(maxChars: number, budget: Budget) {
    this.#maxChars = maxChars;
    this.#budget = budget;
  }

  /** Keeps a message, and drops the oldest ones while a limit is exceeded. */
  add(event: SentEvent): void {
    this.#events.push(event);
    this.#addSize(event.text.length);
    while (this.#size > this.#maxChars || this.#budget.isExceeded()) {
      const oldest = this.#events[this.#droppedCount];
      if (oldest === undefined) break;
      this.#droppedCount++;
      this.#addSize(-oldest.text.length);
    }
    if (this.#droppedCount > this.#events.length / 2) this.#removeDropped();
  }

  /** Returns the kept messages of a stream, in order. */
  find(stream: number): SentEvent[] {
    this.#removeDropped();
    return this.#events.filter((event) => event.stream === stream);
  }

  clear(): void {
    this.#addSize(-this.#size);
    this.#events = [];
    this.#droppedCount = 0;
  }

  #removeDropped(): void {
    this.#events.splice(0, this.#droppedCount);
    this.#droppedCount = 0;
  }

  #addSize(change: number): void {
    this.#size += change;
    this.#budget.add(change);
  }
}
