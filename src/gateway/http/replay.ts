import type { Budget } from "./budget.ts";

/** A message that was sent on a stream. */
export interface SentEvent {
  /** The stream, counted within the session. */
  readonly stream: number;
  /** Its place on the stream, counted from 1. */
  readonly place: number;
  /** The message. */
  readonly text: string;
}

/** The last messages of a session, for a client that lost its connection before it had read them. */
export class Replay {
  readonly #most: number;
  readonly #budget: Budget;
  #events: SentEvent[] = [];
  #size = 0;

  /**
   * @param most How much is kept, in UTF-16 code units.
   * @param budget What all sessions keep together, in the same unit.
   */
  constructor(most: number, budget: Budget) {
    this.#most = most;
    this.#budget = budget;
  }

  /** Keeps a message; the oldest ones make room for it. */
  add(event: SentEvent): void {
    this.#events.push(event);
    this.#take(event.text.length);
    let gone = 0;
    while (this.#size > this.#most || this.#budget.isExceeded()) {
      const oldest = this.#events[gone++];
      if (oldest === undefined) break;
      this.#take(-oldest.text.length);
    }
    if (gone > 0) this.#events = this.#events.slice(gone);
  }

  /** What is still kept of what was sent on a stream, in its order. */
  find(stream: number): SentEvent[] {
    return this.#events.filter((event) => event.stream === stream);
  }

  /** Keeps nothing any more. */
  clear(): void {
    this.#take(-this.#size);
    this.#events = [];
  }

  #take(size: number): void {
    this.#size += size;
    this.#budget.used += size;
  }
}
