import type { CancelSignal } from "../jsonrpc/mod.ts";

/** A call that waits for a permit. */
interface WaitingCall {
  readonly admit: () => void;
}

/**
 * Limits the number of concurrent calls; further calls wait for a permit. Callers get permits round robin,
 * so that a caller with a thousand calls does not starve a caller with a single call.
 */
export class FairQueue {
  readonly #limit: number;
  #usedPermits = 0;
  // The waiting calls of each caller; the next caller is first. The calls are in sets, because thousands
  // of them may be cancelled at the same time.
  readonly #queues = new Map<string, Set<WaitingCall>>();

  /** @param limit Number of permits, at least 1. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Waits for a permit. Return each permit with `release`.
   *
   * @param caller Name of the caller.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if a permit was free: the caller has it without waiting.
   */
  acquire(caller: string, signal: CancelSignal): Promise<void> | undefined {
    if (this.#usedPermits < this.#limit) {
      this.#usedPermits++;
      return undefined;
    }
    return this.#wait(caller, signal);
  }

  /** Returns a permit; the next caller in the queue gets it. */
  release(): void {
    if (this.#queues.size === 0) {
      this.#usedPermits--;
      return;
    }
    const [next] = this.#queues;
    if (next === undefined) return;
    const [caller, calls] = next;
    const [first] = calls;
    if (first !== undefined) calls.delete(first);
    // Round robin: this caller is now last.
    this.#queues.delete(caller);
    if (calls.size > 0) this.#queues.set(caller, calls);
    first?.admit();
  }

  async #wait(caller: string, signal: CancelSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const call: WaitingCall = {
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#remove(caller, call);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const calls = this.#queues.get(caller);
      if (calls === undefined) this.#queues.set(caller, new Set([call]));
      else calls.add(call);
    });
  }

  #remove(caller: string, call: WaitingCall): void {
    const calls = this.#queues.get(caller);
    calls?.delete(call);
    if (calls?.size === 0) this.#queues.delete(caller);
  }
}
