import { hashText, makeSeed } from "./hash.ts";

/** Slots of a new table. The number of slots is always a power of two. */
const SLOTS = 16;

/**
 * A hash table of pending requests by id. A `Map` reallocates its table every so many entries, and
 * V8 links the old table to the new one. Once an old table has reached the old generation, all later
 * tables live until that is collected, with everything they ever contained: nearly every object of
 * nearly every call (measured at 64 calls in flight: 2.9 kB of each call outlived it, and collecting
 * them took an eighth of the processor's time). This table reallocates only to grow.
 */
export class IdTable<Id extends string | number, Value> {
  readonly #hash: (id: Id) => number;
  #ids: (Id | undefined)[] = new Array(SLOTS).fill(undefined);
  #values: (Value | undefined)[] = new Array(SLOTS).fill(undefined);
  // Cached, because an id may be long, and its hash is needed again when a neighbor is deleted.
  #hashes: number[] = new Array(SLOTS).fill(0);
  #size = 0;

  /** @param hash Maps an id to a whole number. */
  constructor(hash: (id: Id) => number) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  get(id: Id): Value | undefined {
    return this.#values[this.#find(id)];
  }

  /** Returns the values in no particular order. */
  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }

  set(id: Id, value: Value): void {
    const hash = this.#hash(id);
    let at = this.#find(id, hash);
    if (this.#ids[at] === undefined) {
      if (2 * ++this.#size > this.#ids.length) {
        this.#grow();
        at = this.#find(id, hash);
      }
      this.#ids[at] = id;
      this.#hashes[at] = hash;
    }
    this.#values[at] = value;
  }

  delete(id: Id): void {
    const mask = this.#ids.length - 1;
    let free = this.#find(id);
    if (this.#ids[free] === undefined) return;
    this.#size--;
    // Move up the entries after it that are displaced because this slot was taken.
    for (let at = free;;) {
      at = (at + 1) & mask;
      const next = this.#ids[at];
      if (next === undefined) break;
      const hash = this.#hashes[at] ?? 0;
      const wanted = hash & mask;
      if (((at - wanted) & mask) < ((at - free) & mask)) continue;
      this.#ids[free] = next;
      this.#values[free] = this.#values[at];
      this.#hashes[free] = hash;
      free = at;
    }
    this.#ids[free] = undefined;
    this.#values[free] = undefined;
  }

  /** Returns the slot of an id, or the free slot for it. */
  #find(id: Id, hash = this.#hash(id)): number {
    const mask = this.#ids.length - 1;
    let at = hash & mask;
    while (this.#ids[at] !== undefined && this.#ids[at] !== id) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const [ids, values, hashes] = [this.#ids, this.#values, this.#hashes];
    this.#ids = new Array(2 * ids.length).fill(undefined);
    this.#values = new Array(2 * ids.length).fill(undefined);
    this.#hashes = new Array(2 * ids.length).fill(0);
    ids.forEach((id, old) => {
      if (id === undefined) return;
      const hash = hashes[old] ?? 0;
      const at = this.#find(id, hash);
      this.#ids[at] = id;
      this.#values[at] = values[old];
      this.#hashes[at] = hash;
    });
  }
}

// A random seed, so that a peer cannot choose ids that all hash to the same slot.
const SEED = makeSeed();

/** Hashes an id. */
export function hashId(id: string): number {
  const hash = hashText(id, SEED);
  return hash ^ (hash >>> 15);
}
