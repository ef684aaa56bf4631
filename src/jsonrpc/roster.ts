/** Something that can stand in a roster, in one at a time. */
export interface Listed {
  /** Its place; kept by the roster, -1 where it stands in none. */
  listedAt: number;
}

/**
 * Who is there now, in no particular order. A `Set` would do, but not for what comes and goes with
 * every call; see `IdTable`.
 */
export class Roster<Item extends Listed> {
  readonly #items: Item[] = [];

  /** How many there are. */
  get size(): number {
    return this.#items.length;
  }

  /** One of them. */
  get any(): Item | undefined {
    return this.#items[0];
  }

  /** All of them, as they are now. */
  all(): Item[] {
    return [...this.#items];
  }

  /** Adds one that is not there; one that is stays. */
  add(item: Item): void {
    if (item.listedAt >= 0) return;
    item.listedAt = this.#items.push(item) - 1;
  }

  /** Takes one out. */
  delete(item: Item): void {
    const { listedAt: at } = item;
    if (at < 0) return;
    item.listedAt = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[at] = last;
    last.listedAt = at;
  }

  /** Takes all out. */
  clear(): void {
    for (const item of this.#items.splice(0)) item.listedAt = -1;
  }
}
