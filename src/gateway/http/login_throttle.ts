import type { RateLimiterMemory } from "rate-limiter-flexible";

/** Different tokens that may fail in a minute from one address, and times that one may. */
const MAX_FAILURES = 20;

/** Length of the windows, in seconds. */
const WINDOW_S = 60;

// Counts are kept in a fixed number of places, so that no crowd of addresses fills the memory. Two
// addresses meet in one place seldom, and none can be aimed at: the places are shuffled at the start.
const ADDRESSES = 2 ** 14;
const TOKENS = 2 ** 16;

/** Good credentials that are remembered. */
const MAX_KNOWN = 10_000;

/** A login that failed. */
export interface Failure {
  /** Milliseconds to wait, where there were too many. */
  readonly waitMs?: number;
  /** Whether the address has just become one that has to wait. */
  readonly isFirst: boolean;
}

/**
 * Slows down whoever guesses tokens. A client that sends the same bad token again and again holds up
 * itself only, not those who share its address, as all behind one proxy do: different tokens are
 * what guessing takes. And who has logged in once from an address goes on to do so.
 */
export class LoginThrottle {
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  readonly #known = new Set<string>();
  #limiter: Promise<RateLimiterMemory> | undefined;

  /** Notes a token that was not accepted. */
  async fail(address: string, token: string): Promise<Failure> {
    const limiter = await (this.#limiter ??= openLimiter());
    const place = this.#placeOf(address);
    const pair = `t${this.#place(`${networkOf(address)} ${token}`, TOKENS)}`;
    const repeated = await limiter.penalty(pair);
    const different = repeated.consumedPoints === 1
      ? await limiter.penalty(place)
      : await limiter.get(place);
    const count = different?.consumedPoints ?? 0;
    const waits = [
      ...(repeated.consumedPoints > MAX_FAILURES ? [repeated.msBeforeNext] : []),
      ...(count > MAX_FAILURES ? [different?.msBeforeNext ?? 0] : []),
    ];
    if (waits.length === 0) return { isFirst: false };
    const isFirst = repeated.consumedPoints === 1 && count === MAX_FAILURES + 1;
    return { waitMs: Math.max(...waits), isFirst };
  }

  /**
   * Notes a token that is good, unless its address has to wait.
   *
   * @returns Milliseconds to wait, where it has to; a good guess must not be told from others.
   */
  async pass(address: string, token: string): Promise<number | undefined> {
    const key = `${networkOf(address)} ${token}`;
    if (!this.#known.delete(key)) {
      const limiter = await this.#limiter;
      const count = await limiter?.get(this.#placeOf(address));
      if (count && count.consumedPoints > MAX_FAILURES) return count.msBeforeNext;
    }
    // The last that came is the last to be forgotten.
    this.#known.add(key);
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    return undefined;
  }

  /** Forgets everything. */
  async close(): Promise<void> {
    const limiter = await this.#limiter;
    for (const { key } of limiter?.dump().storage ?? []) await limiter?.delete(key);
    this.#known.clear();
  }

  /** How many counts are kept. */
  async size(): Promise<number> {
    return (await this.#limiter)?.dump().storage.length ?? 0;
  }

  #placeOf(address: string): string {
    return `a${this.#place(networkOf(address), ADDRESSES)}`;
  }

  /** FNV-1a with a start that nobody else knows. */
  #place(text: string, places: number): number {
    let hash = this.#seed;
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
    return ((hash ^ (hash >>> 16)) >>> 0) % places;
  }
}

/** Who has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - after.length) }, () => "0");
  return [...groups, ...(tail === undefined ? [] : zeros), ...after].slice(0, 4).join(":");
}

async function openLimiter(): Promise<RateLimiterMemory> {
  // One file of the library: all of it takes 60 ms to load.
  const { default: Limiter } = await import("rate-limiter-flexible/lib/RateLimiterMemory.js") as {
    default: typeof RateLimiterMemory;
  };
  return new Limiter({ points: Number.MAX_SAFE_INTEGER, duration: WINDOW_S, keyPrefix: "" });
}
