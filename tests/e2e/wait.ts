/** Maximum time for a condition that holds soon, in milliseconds; far more than it takes. */
export const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * Polls until a condition holds.
 *
 * @param what Names the condition in the error message.
 * @param condition Returns a value other than `false` and `undefined` once it holds.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  withinMs: number = DEFAULT_TIMEOUT_MS,
): Promise<Exclude<T, false | undefined>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits for a promise; throws with its name if it takes too long. */
export async function withTimeout<T>(
  what: string,
  promise: Promise<T>,
  withinMs: number = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${withinMs} ms: ${what}`)), withinMs);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
