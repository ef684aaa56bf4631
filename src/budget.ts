/** Maximum size of a share, as a fraction of its budget. */
const SHARE_FRACTION = 1 / 4;

/** Number of shares at which unused shares are removed, before another share is added. */
const CLEANUP_SHARE_COUNT = 1000;

/**
 * Counts bytes that are held in memory for agents and servers, against a limit. The budget of the gateway
 * has parts: a share for each agent and each server, and limits for single purposes. The bytes of a part
 * count in the whole, too. A leaf: imports nothing of the project.
 */
export class Budget {
  /** The name of the agent or the server, with a prefix for its kind; `all` for the whole budget. */
  readonly name: string;
  readonly #max: number;
  readonly #whole: Budget | undefined;
  readonly #shares = new Map<string, Budget>();
  #used = 0;

  /**
   * Creates a budget of which nothing is used.
   *
   * @param max The maximum, in bytes.
   * @param whole The budget that the new budget is a part of, if any.
   * @param name The name of the part.
   */
  constructor(max: number, whole?: Budget, name: string = "all") {
    this.name = name;
    this.#max = max;
    this.#whole = whole;
  }

  /** The bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** The maximum, in bytes. */
  get max(): number {
    return this.#max;
  }

  /** Adds to the bytes in use, here and in the whole; a negative number frees bytes. */
  add(bytes: number): void {
    this.#used += bytes;
    this.#whole?.add(bytes);
  }

  /** Whether the bytes in use and `more` bytes exceed the maximum of this budget; the whole is not considered. */
  isExceeded(more: number = 0): boolean {
    return this.#used + more > this.#max;
  }

  /**
   * Whether `bytes` more fit, here and in the whole. The maximum of an unused part does not count, so that
   * the part can always hold one message.
   */
  hasRoom(bytes: number): boolean {
    if (this.#whole === undefined) return !this.isExceeded(bytes);
    return (this.#used === 0 || !this.isExceeded(bytes)) && this.#whole.hasRoom(bytes);
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
