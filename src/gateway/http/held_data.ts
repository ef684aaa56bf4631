import { Budget } from "../../budget.ts";

/** Data that is held in memory for one client, such as the answers that it has not read. */
export interface HeldData {
  /** The memory budget of the client's agent. */
  readonly memory: Budget;
  /** Frees the oldest part of the data, or all of it. */
  release(): void;
}

/** The data that is held for one agent's clients. */
interface AgentHeldData {
  /** The size of the data of each client, in the order in which it began to be held. */
  readonly sizes: Map<HeldData, number>;
  totalSize: number;
}

/**
 * Limits data of one kind that is held for clients. The data counts against the budget of the client's agent, and
 * against a common limit. If an agent exceeds its budget, the data of its clients is freed, the oldest first, until one
 * client is left. If the common limit is exceeded, the oldest data of the agent with the most data is freed.
 */
export class HeldDataLimit {
  readonly #limit: Budget;
  readonly #byBudget = new Map<Budget, AgentHeldData>();

  /** @param max The common limit, in the unit of `add`. */
  constructor(max: number) {
    this.#limit = new Budget(max);
  }

  /** Adds to the size of the data; a negative number frees. */
  add(data: HeldData, change: number): void {
    if (change === 0) return;
    const { memory } = data;
    memory.add(change);
    this.#limit.add(change);
    const agentData = this.#byBudget.get(memory) ?? { sizes: new Map(), totalSize: 0 };
    const size = (agentData.sizes.get(data) ?? 0) + change;
    if (size === 0) agentData.sizes.delete(data);
    else agentData.sizes.set(data, size);
    agentData.totalSize += change;
    if (agentData.sizes.size === 0) this.#byBudget.delete(memory);
    else this.#byBudget.set(memory, agentData);
    if (change < 0) return;
    while (memory.isExceeded() && agentData.sizes.size > 1) releaseOldest(agentData);
    while (this.#limit.isExceeded()) releaseOldest(this.#findLargest());
  }

  #findLargest(): AgentHeldData | undefined {
    let largest: AgentHeldData | undefined;
    for (const agentData of this.#byBudget.values()) {
      if (agentData.totalSize > (largest?.totalSize ?? 0)) largest = agentData;
    }
    return largest;
  }
}

function releaseOldest(agentData: AgentHeldData | undefined): void {
  for (const data of agentData?.sizes.keys().take(1) ?? []) data.release();
}
