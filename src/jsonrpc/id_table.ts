import { fnv1a, makeSeed } from "./hash.ts";

/** Number of slots of a new table; in every table it is a power of two. */
const INITIAL_SLOTS = 16;

/**
 * A hash table of pending requests by id. It reallocates only to grow. A `Map` also reallocates when
 * entries are deleted and added, and V8 links each old table to the next one. So a single old table in the
 * old generation of the heap keeps all later tables alive, and with them the objects of their calls. At 64
 * concurrent calls, 2.9 kB of each call outlived it, and collecting them took an eighth of the processor
 * time (measured).
 */
export class IdTable<Id extends string | number, Value> {
  readonly #hash: (id: Id) => number;
  #ids: (Id | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined);
  #values: (Value | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined);
  // Cached, because an id may be long, and its hash is needed again when a neighbor is deleted.
  #hashes: number[] = new Array(INITIAL_SLOTS).fill(0);
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
    let slot = this.#find(id, hash);
    if (this.#ids[slot] === undefined) {
      if (2 * ++this.#size > this.#ids.length) {
        this.#grow();
        slot = this.#find(id, hash);
      }
      this.#ids[slot] = id;
      this.#hashes[slot] = hash;
    }
    this.#values[slot] = value;
  }

  delete(id: Id): void {
    const mask = this.#ids.length - 1;
    let freeSlot = this.#find(id);
    if (this.#ids[freeSlot] === undefined) return;
    this.#size--;
    // Move up the following entries that were displaced because this slot was occupied.
    for (let slot = freeSlot;;) {
      slot = (slot + 1) & mask;
      const next = this.#ids[slot];
      if (next === undefined) break;
      const hash = this.#hashes[slot] ?? 0;
      const homeSlot = hash & mask;
      if (((slot - homeSlot) & mask) < ((slot - freeSlot) & mask)) continue;
      this.#ids[freeSlot] = next;
      this.#values[freeSlot] = this.#values[slot];
      this.#hashes[freeSlot] = hash;
      freeSlot = slot;
    }
    this.#ids[freeSlot] = undefined;
    this.#values[freeSlot] = undefined;
  }

  /** Returns the slot of an id, or the free slot for it. */
  #find(id: Id, hash = this.#hash(id)): number {
    const mask = this.#ids.length - 1;
    let slot = hash & mask;
    while (this.#ids[slot] !== undefined && this.#ids[slot] !== id) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [ids, values, hashes] = [this.#ids, this.#values, this.#hashes];
    this.#ids = new Array(2 * ids.length).fill(undefined);
    this.#values = new Array(2 * ids.length).fill(undefined);
    this.#hashes = new Array(2 * ids.length).fill(0);
    ids.forEach((id, oldSlot) => {
      if (id === undefined) return;
      const hash = hashes[oldSlot] ?? 0;
      const slot = this.#find(id, hash);
      this.#ids[slot] = id;
      this.#values[slot] = values[oldSlot];
      this.#hashes[slot] = hash;
    });
  }
}

// Random, so that a peer cannot choose ids that all hash to the same slot.
const SEED = makeSeed();

/** Hashes an id. The lower bits, which select the slot, depend on all bits. */
export function hashId(id: string): number {
  const hash = fnv1a(id, SEED);
  return hash ^ (hash >>> 15);
}

/**
 * Hashes the number of a request. Without this, consecutive numbers would fill consecutive slots, and every
 * deletion would look at all of them.
 */
export function hashNumber(id: number): number {
  // 2^32 divided by the golden ratio scatters consecutive numbers over the slots.
  return Math.imul(id, 0x9e3779b1);
}
