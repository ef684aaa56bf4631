import type { CancelSignal } from "../jsonrpc/mod.ts";

/** Someone who waits for a place. */
interface Waiting {
  readonly admit: () => void;
}

/**
 * Lets a bounded number in at a time; the others wait in line. The line is fair: those who wait are
 * served in turns by who they are, so that one with a thousand calls does not starve one with one.
 */
export class FairQueue {
  readonly #places: number;
  #taken = 0;
  // A queue for each caller that waits; the one whose turn is next stands first.
  // Sets, because thousands may give up at the same time.
  readonly #lines = new Map<string, Set<Waiting>>();

  /**
   * Opens the line.
   *
   * @param places How many may be in at a time, at least 1.
   */
  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Waits for a place. Every place that was given must be left.
   *
   * @param who Who waits.
   * @param signal Gives up; its reason is thrown.
   * @returns `undefined` where there is a place, which is taken then.
   */
  enter(who: string, signal: CancelSignal): Promise<void> | undefined {
    if (this.#taken < this.#places) {
      this.#taken++;
      return undefined;
    }
    return this.#wait(who, signal);
  }

  /** Gives a place back; the next in line gets it. */
  leave(): void {
    if (this.#lines.size === 0) {
      this.#taken--;
      return;
    }
    const [next] = this.#lines;
    if (next === undefined) return;
    const [who, own] = next;
    const [first] = own;
    if (first !== undefined) own.delete(first);
    // The turn goes round: who was served stands last now.
    this.#lines.delete(who);
    if (own.size > 0) this.#lines.set(who, own);
    first?.admit();
  }

  async #wait(who: string, signal: CancelSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#remove(who, waiting);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const own = this.#lines.get(who);
      if (own === undefined) this.#lines.set(who, new Set([waiting]));
      else own.add(waiting);
    });
  }

  #remove(who: string, waiting: Waiting): void {
    const own = this.#lines.get(who);
    own?.delete(waiting);
    if (own?.size === 0) this.#lines.delete(who);
  }
}
