import type { Budget } from "../../budget.ts";

/** Frees the memory of lists that are collected as garbage. */
const freeing = new FinalizationRegistry<ListMemory>((memory) => memory.free());

/**
 * The memory that a list takes from the share of its server. A list has no owner that could free it, because
 * sessions and calls use it at the same time. So its memory is freed when the list is collected as garbage.
 */
export class ListMemory {
  readonly #share: Budget | undefined;
  #bytes = 0;

  /**
   * Creates a memory of no bytes.
   *
   * @param share The share of the server; `undefined` for no limit.
   */
  constructor(share: Budget | undefined) {
    this.#share = share;
  }

  /** Takes bytes from the share; returns whether they fit. */
  take(bytes: number): boolean {
    if (this.#share?.isExceeded(bytes) === true) return false;
    this.#share?.add(bytes);
    this.#bytes += bytes;
    return true;
  }

  /** Frees all bytes when the owner is collected as garbage, unless `free` has done so before. */
  freeWith(owner: object): void {
    freeing.register(owner, this);
  }

  /** Frees all bytes. */
  free(): void {
    this.#share?.add(-this.#bytes);
    this.#bytes = 0;
  }
}
