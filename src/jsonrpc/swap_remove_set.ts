/** An item that can be in one set at a time. */
export interface Indexed {
  /** The item's index in the set, which assigns it; -1 if the item is in no set. */
  indexInSet: number;
}

/**
 * An unordered set that removes an item by moving the last item to its index. If items come and go with every
 * call, a `Set` would keep garbage alive; see `IdTable`.
 */
export class SwapRemoveSet<Item extends Indexed> {
  readonly #items: Item[] = [];

  /** Number of items. */
  get size(): number {
    return this.#items.length;
  }

  /** Any item; `undefined` if there is none. */
  get any(): Item | undefined {
    return this.#items[0];
  }

  /** Returns a copy of the items. */
  all(): Item[] {
    return [...this.#items];
  }

  /** Adds an item if it is not in the set. */
  add(item: Item): void {
    if (item.indexInSet >= 0) return;
    item.indexInSet = this.#items.push(item) - 1;
  }

  /** Removes an item. */
  delete(item: Item): void {
    const { indexInSet: index } = item;
    if (index < 0) return;
    item.indexInSet = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[index] = last;
    last.indexInSet = index;
  }

  /** Removes all items. */
  clear(): void {
    for (const item of this.#items.splice(0)) item.indexInSet = -1;
  }
}
