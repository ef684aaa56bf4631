import type { RateLimiterMemory } from "rate-limiter-flexible";

/** Length of the counting windows, in seconds. */
export const WINDOW_S = 60;

/** The count of a key in its window. */
export interface WindowCount {
  /** The count, including this event. */
  readonly count: number;
  /** Milliseconds until the window ends and the count returns to zero. */
  readonly resetMs: number;
}

/** Counts events per minute, by key; a key's minute starts with its first event. */
export interface MinuteCounter {
  increment(key: string): Promise<WindowCount>;
  close(): Promise<void>;
}

/** A limit that is never reached: callers check the count themselves, because a reload can change the limits. */
export const NO_LIMIT: number = Number.MAX_SAFE_INTEGER;

/** Opens a counter in this process. A key uses memory until its minute ends. */
export async function openMemoryCounter(): Promise<MinuteCounter> {
  // Only this file is imported, because the whole library takes 60 ms to load.
  const { default: Limiter } = await import("rate-limiter-flexible/lib/RateLimiterMemory.js") as {
    default: typeof RateLimiterMemory;
  };
  const limiter = new Limiter({ points: NO_LIMIT, duration: WINDOW_S, keyPrefix: "" });
  return {
    async increment(key) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key);
      // The library measures with the wall clock, which may have been set back meanwhile.
      return { count: consumedPoints, resetMs: Math.min(msBeforeNext, WINDOW_S * 1000) };
    },
    async close() {
      for (const { key } of limiter.dump().storage) await limiter.delete(key);
    },
  };
}
