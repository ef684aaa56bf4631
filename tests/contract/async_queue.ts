import { withTimeout } from "../e2e/wait.ts";

/**
 * A queue of received items. Each item can be taken once; a consumer can wait for an item that has
 * not arrived yet.
 */
export class AsyncQueue<T> {
  /** All items, taken or not. */
  readonly all: T[] = [];
  readonly #itemName: string;
  readonly #untaken: T[] = [];
  readonly #consumers: { matches: (item: T) => boolean; resolve: (item: T) => void }[] = [];

  /** @param itemName Names the items in error messages. */
  constructor(itemName: string) {
    this.#itemName = itemName;
  }

  /** Adds an item. */
  add(item: T): void {
    this.all.push(item);
    const index = this.#consumers.findIndex(({ matches }) => matches(item));
    if (index < 0) this.#untaken.push(item);
    else this.#consumers.splice(index, 1)[0]?.resolve(item);
  }

  /** Takes the first matching item; throws if none arrives within the default timeout of tests. */
  async take(matches: (item: T) => boolean = () => true): Promise<T> {
    const index = this.#untaken.findIndex(matches);
    const [item] = index < 0 ? [] : this.#untaken.splice(index, 1);
    if (item !== undefined) return item;
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#consumers.push({ matches, resolve });
    return await withTimeout(`${this.#itemName} that matches ${matches}`, promise);
  }
}
