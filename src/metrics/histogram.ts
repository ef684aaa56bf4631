/** Values up to this are told apart to the unit, larger ones to one part in this: better than 1 %. */
const EXACT = 128;

/** The largest value that is told apart. */
const MAX = 2 ** 31 - 1;

/** For each doubling of the value beyond the exact ones, as many places again. */
const PLACES = EXACT * (1 + Math.log2((MAX + 1) / EXACT));

/**
 * Counts whole numbers by their size, in 26 kB however many there are, and allocates nothing for
 * one. The histogram of Node is a call into native code each time (measured, the four of an
 * operation: 0.3 against 0.1 µs), and its layer costs 4 ms of the start.
 *
 * @see {@link https://hdrhistogram.github.io/HdrHistogram/} whose places these are
 */
export class Histogram {
  readonly #counts = new Float64Array(PLACES);
  #total = 0;

  /** Counts a value; what is less than 0 counts as 0, what is too large as the largest. */
  add(value: number): void {
    const whole = Math.min(Math.max(0, Math.round(value)), MAX);
    const doublings = whole < EXACT ? 0 : 25 - Math.clz32(whole);
    const place = doublings * EXACT + (doublings > 0 ? (whole >>> (doublings - 1)) - EXACT : whole);
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#total++;
  }

  /**
   * The value that a share of all stays within.
   *
   * @param percent The share, from 0 to 100.
   * @returns 0 where nothing was counted.
   */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil(this.#total * percent / 100));
    let seen = 0;
    for (let place = 0; place < PLACES; place++) {
      seen += this.#counts[place] ?? 0;
      if (seen >= wanted) return valueAt(place);
    }
    return 0;
  }
}

/** The middle of the values that are counted at a place. */
function valueAt(place: number): number {
  const doublings = Math.floor(place / EXACT);
  if (doublings === 0) return place;
  const width = 2 ** (doublings - 1);
  return (EXACT + place % EXACT) * width + Math.floor((width - 1) / 2);
}
