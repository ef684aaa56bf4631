/** Maximum size of a share, as a fraction of its budget. */
const SHARE_FRACTION = 1 / 4;

/** Number of shares at which adding another first removes those that are unused. */
const CLEANUP_SHARE_COUNT = 1000;

/**
 * A limit on the bytes held in memory. Budgets form a tree: the gateway's budget has a child for each agent
 * and each server (its share), and children for single purposes. Bytes that count against a child also count
 * against its parent. A leaf: imports nothing of the project.
 */
export class Budget {
  /** The name of the agent or the server, with a prefix for its kind; `all` for the root. */
  readonly name: string;
  readonly #max: number;
  readonly #parent: Budget | undefined;
  readonly #shares = new Map<string, Budget>();
  #used = 0;

  /**
   * Creates an unused budget.
   *
   * @param max The maximum, in bytes.
   * @param parent The budget that the new budget is part of, if any.
   * @param name The name of the agent or the server, with a prefix for its kind.
   */
  constructor(max: number, parent?: Budget, name: string = "all") {
    this.name = name;
    this.#max = max;
    this.#parent = parent;
  }

  /** The bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** The maximum, in bytes. */
  get max(): number {
    return this.#max;
  }

  /** Adds to the bytes in use, here and in the parent; a negative number frees bytes. */
  add(bytes: number): void {
    this.#used += bytes;
    this.#parent?.add(bytes);
  }

  /** Whether the bytes in use and `more` bytes exceed the maximum of this budget; the parent is not considered. */
  isExceeded(more: number = 0): boolean {
    return this.#used + more > this.#max;
  }

  /**
   * Whether `bytes` more fit, here and in the parent. While a child is unused, its own maximum is ignored, so
   * that it can always hold one message.
   */
  hasRoom(bytes: number): boolean {
    if (this.#parent === undefined) return !this.isExceeded(bytes);
    return (this.#used === 0 || !this.isExceeded(bytes)) && this.#parent.hasRoom(bytes);
  }

  /**
   * Returns the share of an agent or a server.
   *
   * @param name A name from the configuration, with a prefix for its kind.
   * @param fraction Maximum size of the share, as a fraction of this budget; default: a quarter.
   */
  share(name: string, fraction: number = SHARE_FRACTION): Budget {
    let share = this.#shares.get(name);
    if (share === undefined) {
      if (this.#shares.size >= CLEANUP_SHARE_COUNT) this.#removeUnusedShares();
      share = new Budget(this.#max * fraction, this, name);
      this.#shares.set(name, share);
    }
    return share;
  }

  #removeUnusedShares(): void {
    for (const [name, { used }] of this.#shares) {
      if (used === 0) this.#shares.delete(name);
    }
  }
}
