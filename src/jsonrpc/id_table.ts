/** Places of a new table; always a power of two. */
const PLACES = 16;

/**
 * What is under way, by id. A `Map` would do, but for one thing: it moves to a new table every so
 * many entries, and V8 has the old table point to the new one. Once an old table has reached the old
 * generation, all that follow are kept until that is swept, and all that ever stood in them: nearly
 * every object of nearly every call (measured at 64 calls in flight: 2.9 kB of each outlived its
 * call, and collecting them took an eighth of the processor's time). This table moves only to grow.
 */
export class IdTable<Id extends string | number, Value> {
  readonly #hash: (id: Id) => number;
  #ids: (Id | undefined)[] = new Array(PLACES).fill(undefined);
  #values: (Value | undefined)[] = new Array(PLACES).fill(undefined);
  // Kept, because an id may be long, and is looked at again when its neighbours go.
  #hashes: number[] = new Array(PLACES).fill(0);
  #size = 0;

  /** @param hash Spreads ids over whole numbers. */
  constructor(hash: (id: Id) => number) {
    this.#hash = hash;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** What stands under an id. */
  get(id: Id): Value | undefined {
    return this.#values[this.#find(id)];
  }

  /** All that stand in it, in no particular order. */
  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** Puts something under an id. */
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

  /** Takes an id out, with what stands under it. */
  delete(id: Id): void {
    const mask = this.#ids.length - 1;
    let free = this.#find(id);
    if (this.#ids[free] === undefined) return;
    this.#size--;
    // What stands behind it, and was put there because this place was taken, moves up.
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

  /** Where an id stands, or would. */
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

// So that nobody can simply choose ids that all want the same place.
const SEED = Math.floor(Math.random() * 0x7fffffff);

/** Spreads texts over whole numbers. */
export function hashText(text: string): number {
  let hash = SEED;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
