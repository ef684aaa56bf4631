import type { CancelSignal } from "../jsonrpc/mod.ts";

/** A call that waits for a slot. */
interface WaitingCall {
  readonly admit: () => void;
}

/**
 * Limits the number of concurrent calls; further calls wait for a slot. Agents get slots round robin,
 * so that an agent with a thousand calls does not starve an agent with a single call.
 */
export class FairQueue {
  readonly #limit: number;
  #usedSlots = 0;
  // The waiting calls of each agent; the next agent is first. The calls are in sets, because thousands
  // of them may be cancelled at the same time.
  readonly #queues = new Map<string, Set<WaitingCall>>();

  /** @param limit Number of slots, at least 1. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Waits for a slot. Return each slot with `release`.
   *
   * @param agent Name of the agent.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if a slot was free: the call has it without waiting.
   */
  acquire(agent: string, signal: CancelSignal): Promise<void> | undefined {
    if (this.#usedSlots < this.#limit) {
      this.#usedSlots++;
      return undefined;
    }
    return this.#wait(agent, signal);
  }

  /** Returns a slot; the next agent in the queue gets it. */
  release(): void {
    if (this.#queues.size === 0) {
      this.#usedSlots--;
      return;
    }
    const [next] = this.#queues;
    if (next === undefined) return;
    const [agent, calls] = next;
    const [first] = calls;
    if (first !== undefined) calls.delete(first);
    // Round robin: this agent is now last.
    this.#queues.delete(agent);
    if (calls.size > 0) this.#queues.set(agent, calls);
    first?.admit();
  }

  async #wait(agent: string, signal: CancelSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const call: WaitingCall = {
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#remove(agent, call);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const calls = this.#queues.get(agent);
      if (calls === undefined) this.#queues.set(agent, new Set([call]));
      else calls.add(call);
    });
  }

  #remove(agent: string, call: WaitingCall): void {
    const calls = this.#queues.get(agent);
    calls?.delete(call);
    if (calls?.size === 0) this.#queues.delete(agent);
  }
}
