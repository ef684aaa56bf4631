import type { RateLimiterMemory } from "rate-limiter-flexible";

/** Length of the windows that calls are counted in, in seconds. */
export const WINDOW_S = 60;

/** How often something happened in its window. */
export interface Count {
  /** How often, this time included. */
  readonly count: number;
  /** Milliseconds until the window is over, and counting begins anew. */
  readonly resetMs: number;
}

/** Counts what happens within a minute, by key; a key's minute begins with its first count. */
export interface MinuteCounter {
  /** Counts once more. */
  count(key: string): Promise<Count>;
  /** Forgets everything. */
  close(): Promise<void>;
}

/** Above any limit: what is too much is for the one who asks, because limits change on a reload. */
export const NO_LIMIT: number = Number.MAX_SAFE_INTEGER;

/** Opens a counter in this process. A key takes memory until its minute is over. */
export async function openMemoryCounter(): Promise<MinuteCounter> {
  // One file of the library: all of it takes 60 ms to load.
  const { default: Limiter } = await import("rate-limiter-flexible/lib/RateLimiterMemory.js") as {
    default: typeof RateLimiterMemory;
  };
  const limiter = new Limiter({ points: NO_LIMIT, duration: WINDOW_S, keyPrefix: "" });
  return {
    async count(key) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key);
      return { count: consumedPoints, resetMs: msBeforeNext };
    },
    async close() {
      for (const { key } of limiter.dump().storage) await limiter.delete(key);
    },
  };
}
