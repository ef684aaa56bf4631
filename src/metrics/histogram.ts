/** Smaller values are exact; larger ones are exact to one part in this number: better than 1 %. */
const EXACT = 128;

/** The largest value; larger ones count as this one. */
const MAX = 2 ** 31 - 1;

/**
 * A histogram of whole numbers. It takes 1 kB for each doubling of the value that occurs, at most
 * 25 kB, and allocates nothing per value. Node's histogram calls native code for each value (measured
 * for the four of an operation: 0.3 against 0.1 µs), and its layer takes 4 ms to load.
 *
 * @see {@link https://hdrhistogram.github.io/HdrHistogram/} uses the same buckets
 */
export class Histogram {
  // Indexed by the doublings beyond the exact values; those that do not occur take no memory.
  readonly #counts: (Float64Array | undefined)[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Counts a value; a negative one counts as 0, and a too large one as the largest. */
  add(value: number): void {
    const whole = Math.min(Math.max(0, Math.round(value)), MAX);
    const doublings = whole < EXACT ? 0 : 25 - Math.clz32(whole);
    const bucket = doublings === 0 ? whole : (whole >>> (doublings - 1)) - EXACT;
    const counts = this.#counts[doublings] ??= new Float64Array(EXACT);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#total++;
  }

  /**
   * Returns a percentile of the values; 0 if there are none.
   *
   * @param percent From 0 to 100.
   */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil(this.#total * percent / 100));
    let seen = 0;
    for (const [doublings, counts] of this.#counts.entries()) {
      for (const [bucket, count] of counts?.entries() ?? []) {
        seen += count;
        if (seen >= wanted) return valueAt(doublings, bucket);
      }
    }
    return 0;
  }

  /**
   * Returns for each bound how many values are no larger, with the precision of the histogram.
   *
   * @param bounds In ascending order.
   */
  countUpTo(bounds: readonly number[]): number[] {
    const found: number[] = [];
    let seen = 0;
    for (let doublings = 0; doublings < this.#counts.length; doublings++) {
      const counts = this.#counts[doublings];
      for (let bucket = 0; counts !== undefined && bucket < EXACT; bucket++) {
        const least = leastAt(doublings, bucket);
        while (least > (bounds[found.length] ?? Infinity)) found.push(seen);
        seen += counts[bucket] ?? 0;
      }
    }
    return bounds.map((_, index) => found[index] ?? seen);
  }
}

function valueAt(doublings: number, bucket: number): number {
  const width = doublings === 0 ? 1 : 2 ** (doublings - 1);
  return leastAt(doublings, bucket) + Math.floor((width - 1) / 2);
}

function leastAt(doublings: number, bucket: number): number {
  return doublings === 0 ? bucket : (EXACT + bucket) * 2 ** (doublings - 1);
}
