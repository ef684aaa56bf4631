import type { CancelSignal } from "../jsonrpc/mod.ts";

/** A caller that waits for a permit. */
interface Waiting {
  readonly admit: () => void;
}

/**
 * Limits concurrency: the callers above the limit wait. The queue is fair: the callers are served round
 * robin, so that a caller with a thousand calls does not starve one with a single call.
 */
export class FairQueue {
  readonly #limit: number;
  #taken = 0;
  // A queue for each waiting caller; the caller to be served next is first.
  // Sets, because thousands of calls may be cancelled at the same time.
  readonly #lines = new Map<string, Set<Waiting>>();

  /** @param limit Number of permits, at least 1. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Waits for a permit. Give each permit back with `leave`.
   *
   * @param who Name of the caller.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if a permit was free and is now taken.
   */
  enter(who: string, signal: CancelSignal): Promise<void> | undefined {
    if (this.#taken < this.#limit) {
      this.#taken++;
      return undefined;
    }
    return this.#wait(who, signal);
  }

  /** Gives a permit back; the next caller in the queue gets it. */
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
    // Round robin: the caller that was served is now last.
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
