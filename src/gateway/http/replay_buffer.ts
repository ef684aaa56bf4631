import type { Budget } from "../../budget.ts";
import type { HeldData, HeldDataLimit } from "./held_data.ts";

/** Size that a message counts in addition to its text, in UTF-16 code units. */
const EVENT_CHARS = 64;

/** A message that was sent on a stream. */
export interface SentEvent {
  /** Number of the stream within the session. */
  readonly stream: number;
  /** Position of the message on the stream, from 1. */
  readonly position: number;
  readonly text: string;
}

/** The last messages of a session, for a client that lost its connection before it received them. */
export class ReplayBuffer implements HeldData {
  readonly memory: Budget;
  readonly #maxChars: number;
  readonly #heldData: HeldDataLimit;
  // The first `#droppedCount` events are already dropped. Removing each one at once would copy all others.
  #events: SentEvent[] = [];
  #droppedCount = 0;
  #size = 0;

  /**
   * Creates an empty buffer.
   *
   * @param maxChars Maximum size of the kept messages, in UTF-16 code units.
   * @param options `memory`: the budget of the client's agent. `heldData`: the limit on the kept messages of all
   * sessions, in the same unit.
   */
  constructor(
    maxChars: number,
    { memory, heldData }: { readonly memory: Budget; readonly heldData: HeldDataLimit },
  ) {
    this.#maxChars = maxChars;
    this.memory = memory;
    this.#heldData = heldData;
  }

  /** Keeps a message, and drops the oldest ones while a limit is exceeded. */
  add(event: SentEvent): void {
    this.#events.push(event);
    this.#addSize(event.text.length + EVENT_CHARS);
    while (this.#size > this.#maxChars) this.release();
    if (this.#droppedCount > this.#events.length / 2) this.#removeDropped();
  }

  /** Drops the oldest message. */
  release(): void {
    const oldest = this.#events[this.#droppedCount];
    if (oldest === undefined) return;
    this.#droppedCount++;
    this.#addSize(-oldest.text.length - EVENT_CHARS);
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
    this.#heldData.add(this, change);
  }
}
