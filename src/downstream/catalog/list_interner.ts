import { sha256 } from "../../sha256.ts";
import type { ItemList } from "./item_list.ts";

/** Number of lists above which unused ones are removed. */
const SWEEP_SIZE = 64;

/** Keeps equal lists once: sessions of one server mostly list the same items. */
export class ListInterner {
  readonly #byHash = new Map<string, WeakRef<ItemList>>();
  readonly #hashes = new WeakMap<ItemList, string>();

  /** Returns an equal list if one is in use, and frees this one; otherwise keeps and returns this one. */
  async keep(list: ItemList): Promise<ItemList> {
    const hash = await hashList(list);
    const equalList = this.#byHash.get(hash)?.deref();
    if (equalList !== undefined) {
      list.free();
      return equalList;
    }
    this.#byHash.set(hash, new WeakRef(list));
    this.#hashes.set(list, hash);
    if (this.#byHash.size > SWEEP_SIZE) this.#sweep();
    return list;
  }

  /** Returns the hash of a list that is kept. */
  hashOf(list: ItemList): string | undefined {
    return this.#hashes.get(list);
  }

  #sweep(): void {
    for (const [hash, list] of this.#byHash) {
      if (list.deref() === undefined) this.#byHash.delete(hash);
    }
  }
}

async function hashList(list: ItemList): Promise<string> {
  const { items, incompleteReason = "", completeness, leftOut } = list;
  const texts = [
    completeness,
    incompleteReason,
    ...leftOut,
    ...items.map(({ text }) => text.json),
  ];
  return await sha256(texts.join("\n"));
}
