/**
 * Limits the number of concurrent calls, with fair turns for agents. A leaf: imports other leaves only.
 *
 * @module
 */

import { isWithinShare } from "./fair_share.ts";
import type { WaitSignal } from "./within.ts";

/** A call that waits for a slot. */
interface WaitingCall {
  readonly admit: () => void;
}

/**
 * Limits the number of concurrent calls; further calls wait for a slot. Agents get slots round robin,
 * so that an agent with a thousand calls does not starve an agent with a single call. If several agents may
 * use the queue, no agent gets more than its share, so that long calls of one agent do not hold all slots.
 */
export class FairQueue {
  readonly #limit: number;
  readonly #hasSeveralAgents: () => boolean;
  #usedCount = 0;
  readonly #heldCounts = new Map<string, number>();
  // The waiting calls of each agent; the agent whose turn is next is first. The calls are in sets, because
  // thousands of calls may be cancelled at the same time.
  readonly #queues = new Map<string, Set<WaitingCall>>();

  /**
   * Creates a queue whose slots are free.
   *
   * @param limit Number of slots, at least 1.
   * @param hasSeveralAgents Returns whether several agents may use the queue.
   */
  constructor(limit: number, hasSeveralAgents: () => boolean) {
    this.#limit = limit;
    this.#hasSeveralAgents = hasSeveralAgents;
  }

  /**
   * Waits for a slot. Each slot must be freed with `release`.
   *
   * @param agent Name of the agent.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if the agent may use a free slot: the call has it without waiting.
   */
  acquire(agent: string, signal: WaitSignal): Promise<void> | undefined {
    if (!this.#isAvailableTo(agent)) return this.#wait(agent, signal);
    this.#take(agent);
    return undefined;
  }

  /** Frees a slot of an agent, and admits waiting calls, as far as the shares of their agents allow. */
  release(agent: string): void {
    this.#usedCount--;
    const heldCount = this.#heldCountOf(agent) - 1;
    if (heldCount > 0) this.#heldCounts.set(agent, heldCount);
    else this.#heldCounts.delete(agent);
    while (this.#admitNext());
  }

  #heldCountOf(agent: string): number {
    return this.#heldCounts.get(agent) ?? 0;
  }

  #isAvailableTo(agent: string): boolean {
    const freeCount = this.#limit - this.#usedCount;
    return freeCount > 0 &&
      (!this.#hasSeveralAgents() || isWithinShare(this.#heldCountOf(agent), freeCount));
  }

  #take(agent: string): void {
    this.#usedCount++;
    this.#heldCounts.set(agent, this.#heldCountOf(agent) + 1);
  }

  /** Admits a waiting call; returns whether a call could be admitted. */
  #admitNext(): boolean {
    if (this.#usedCount === this.#limit) return false;
    for (const [agent, calls] of this.#queues) {
      const [first] = calls;
      if (first === undefined || !this.#isAvailableTo(agent)) continue;
      calls.delete(first);
      // Round robin: this agent is now last.
      this.#queues.delete(agent);
      if (calls.size > 0) this.#queues.set(agent, calls);
      this.#take(agent);
      first.admit();
      return true;
    }
    return false;
  }

  async #wait(agent: string, signal: WaitSignal): Promise<void> {
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
