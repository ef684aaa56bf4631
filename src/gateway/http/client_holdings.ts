import { Budget } from "../../budget.ts";

/** Data that is held in memory for one client, such as the answers that it has not read. */
export interface Holding {
  /** The memory of the client's agent. */
  readonly memory: Budget;
  /** Frees the oldest part of the holding, or all of it. */
  release(): void;
}

/** The holdings of one agent's clients. */
interface AgentHoldings {
  /** The size of each holding, in the order in which they began. */
  readonly sizes: Map<Holding, number>;
  totalSize: number;
}

/**
 * Counts holdings of one kind, in the memory of their agents and against a common limit. An agent
 * that exceeds its memory loses its oldest holdings, except for the last one. Above the common limit, the agent for
 * which the most is held loses its oldest holdings.
 */
export class ClientHoldings {
  readonly #limit: Budget;
  readonly #byMemory = new Map<Budget, AgentHoldings>();

  /** @param max The common limit, in the unit of `add`. */
  constructor(max: number) {
    this.#limit = new Budget(max);
  }

  /** Adds to the size of a holding; a negative number frees. */
  add(holding: Holding, change: number): void {
    if (change === 0) return;
    const { memory } = holding;
    memory.add(change);
    this.#limit.add(change);
    const holdings = this.#byMemory.get(memory) ?? { sizes: new Map(), totalSize: 0 };
    const size = (holdings.sizes.get(holding) ?? 0) + change;
    if (size === 0) holdings.sizes.delete(holding);
    else holdings.sizes.set(holding, size);
    holdings.totalSize += change;
    if (holdings.sizes.size === 0) this.#byMemory.delete(memory);
    else this.#byMemory.set(memory, holdings);
    if (change < 0) return;
    while (memory.isExceeded() && holdings.sizes.size > 1) releaseOldest(holdings);
    while (this.#limit.isExceeded()) releaseOldest(this.#findLargest());
  }

  #findLargest(): AgentHoldings | undefined {
    let largest: AgentHoldings | undefined;
    for (const holdings of this.#byMemory.values()) {
      if (holdings.totalSize > (largest?.totalSize ?? 0)) largest = holdings;
    }
    return largest;
  }
}

function releaseOldest(holdings: AgentHoldings | undefined): void {
  for (const holding of holdings?.sizes.keys().take(1) ?? []) holding.release();
}
