/** Maximum time for something that happens soon, in milliseconds; far more than it takes. */
const SOON_MS = 15_000;

/**
 * A queue of received items, each taken once; `take` waits for an item that has not arrived yet.
 */
export class Seen<T> {
  /** All items, taken or not. */
  readonly all: T[] = [];
  readonly #what: string;
  readonly #untaken: T[] = [];
  readonly #waiting: { fits: (item: T) => boolean; resolve: (item: T) => void }[] = [];

  /** @param what Names the items in error messages. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Adds an item. */
  add(item: T): void {
    this.all.push(item);
    const at = this.#waiting.findIndex(({ fits }) => fits(item));
    if (at < 0) this.#untaken.push(item);
    else this.#waiting.splice(at, 1)[0]?.resolve(item);
  }

  /** Takes the first matching item; throws if none arrives soon. */
  async take(fits: (item: T) => boolean = () => true): Promise<T> {
    const at = this.#untaken.findIndex(fits);
    const [item] = at < 0 ? [] : this.#untaken.splice(at, 1);
    if (item !== undefined) return item;
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#waiting.push({ fits, resolve });
    return await soon(`${this.#what} that fits ${fits}`, promise);
  }
}

/** Waits for a promise; throws with its name if it takes too long. */
export async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It did not come: ${what}`)), SOON_MS);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until a condition holds; throws if it does not hold soon. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + SOON_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`It did not come to hold: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
