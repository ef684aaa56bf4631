import type { Budget } from "./budget.ts";

/** A message that was sent on a stream. */
export interface SentEvent {
  /** Number of the stream within the session. */
  readonly stream: number;
  /** Position of the message on the stream, from 1. */
  readonly position: number;
  readonly text: string;
}

/** The last messages of a session, for a client that lost its connection before it had read them. */
export class ReplayBuffer {
  readonly #max: number;
  readonly #budget: Budget;
  #events: SentEvent[] = [];
  #size = 0;

  /**
   * Creates an empty buffer.
   *
   * @param most Maximum size of the kept messages, in UTF-16 code units.
   * @param budget The shared limit of all sessions, in the same unit.
   */
  constructor(max: number, budget: Budget) {
    this.#max = max;
    this.#budget = budget;
  }

  /** Keeps a message, and drops the oldest ones if there is no room. */
  add(event: SentEvent): void {
    this.#events.push(event);
    this.#take(event.text.length);
    let gone = 0;
    while (this.#size > this.#max || this.#budget.isExceeded()) {
      const oldest = this.#events[gone++];
      if (oldest === undefined) break;
      this.#take(-oldest.text.length);
    }
    if (gone > 0) this.#events = this.#events.slice(gone);
  }

  /** Returns the kept messages of a stream, in order. */
  find(stream: number): SentEvent[] {
    return this.#events.filter((event) => event.stream === stream);
  }

  clear(): void {
    this.#take(-this.#size);
    this.#events = [];
  }

  #take(size: number): void {
    this.#size += size;
    this.#budget.used += size;
  }
}
