import type { Budget } from "./budget.ts";

/** Of how many streams a session remembers what it keeps no longer. */
const MOST_LOST = 1000;

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
  // By stream, the last place that is kept no longer.
  readonly #lost = new Map<number, number>();

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
      this.#noteLost(oldest);
      this.#take(-oldest.text.length);
    }
    if (gone > 0) this.#events = this.#events.slice(gone);
  }

  /** Whether some of what was sent on a stream after a place is kept no longer. */
  hasLost(stream: number, place: number): boolean {
    return (this.#lost.get(stream) ?? 0) > place;
  }

  /** What is left of what was sent on a stream after a place. */
  rest(stream: number, place: number): SentEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.place > place);
  }

  /** Keeps nothing any more. */
  clear(): void {
    this.#take(-this.#size);
    this.#events = [];
    this.#lost.clear();
  }

  #noteLost({ stream, place }: SentEvent): void {
    // The stream that lost something last stands last.
    this.#lost.delete(stream);
    this.#lost.set(stream, place);
    const [longest] = this.#lost.keys();
    if (this.#lost.size > MOST_LOST && longest !== undefined) this.#lost.delete(longest);
  }

  #take(size: number): void {
    this.#size += size;
    this.#budget.used += size;
  }
}
