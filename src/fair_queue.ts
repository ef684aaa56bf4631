/**
 * Limits the number of concurrent calls, with fair turns for agents and their connections. A leaf: imports other leaves only.
 *
 * @module
 */

import { isWithinShare } from "./fair_share.ts";
import type { WaitSignal } from "./within.ts";

/** A call that waits for a slot. */
interface WaitingCall {
  readonly admit: () => void;
}

/** The caller whose turn a call waits for. */
interface CallerKey {
  readonly agent: string;
  readonly connection: string;
}

/**
 * Limits the number of concurrent calls; further calls wait for a slot. Agents take turns, and so do the connections of
 * one agent, so that a thousand calls do not starve a single one. If several agents may use the queue, no agent gets more
 * than its share, so that long calls of one agent do not hold all slots.
 */
export class FairQueue {
  readonly #limit: number;
  readonly #hasSeveralAgents: () => boolean;
  #usedCount = 0;
  readonly #heldCounts = new Map<string, number>();
  // The waiting calls by agent and connection; those whose turn is next are first. The calls are in sets, because
  // thousands of calls may be cancelled at the same time.
  readonly #queues = new Map<string, Map<string, Set<WaitingCall>>>();

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
   * @param connection Id of the connection that calls. Default: all calls are of one.
   * @returns `undefined` if the agent may use a free slot: the call has it without waiting.
   */
  acquire(agent: string, signal: WaitSignal, connection = ""): Promise<void> | undefined {
    if (!this.#isAvailableTo(agent)) return this.#wait({ agent, connection }, signal);
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
    for (const [agent, connections] of this.#queues) {
      if (!this.#isAvailableTo(agent)) continue;
      for (const [connection, [first]] of connections) {
        if (first === undefined) continue;
        this.#remove({ agent, connection }, first);
        // Round robin: the connection and the agent are now last.
        moveToEnd(connections, connection);
        moveToEnd(this.#queues, agent);
        this.#take(agent);
        first.admit();
        return true;
      }
    }
    return false;
  }

  async #wait(caller: CallerKey, signal: WaitSignal): Promise<void> {
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
      const { agent, connection } = caller;
      const connections = this.#queues.get(agent) ?? new Map<string, Set<WaitingCall>>();
      const calls = connections.get(connection) ?? new Set();
      this.#queues.set(agent, connections.set(connection, calls.add(call)));
    });
  }

  #remove({ agent, connection }: CallerKey, call: WaitingCall): void {
    const connections = this.#queues.get(agent);
    const calls = connections?.get(connection);
    calls?.delete(call);
    if (calls?.size === 0) connections?.delete(connection);
    if (connections?.size === 0) this.#queues.delete(agent);
  }
}

/** Moves an entry, if there is one, to the end of a map. */
function moveToEnd<Value>(map: Map<string, Value>, key: string): void {
  const value = map.get(key);
  if (value === undefined || !map.delete(key)) return;
  map.set(key, value);
}
