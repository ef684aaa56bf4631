/** Default maximum time to wait, in milliseconds; far more than any condition takes, even on a busy machine. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Polls until a condition holds, and returns the condition's value.
 *
 * @param description Describes the condition in the error message.
 * @param condition Holds once it returns a value other than `false` and `undefined`.
 * @param pollMs Time between two polls, in milliseconds.
 */
export async function waitUntil<T>(
  description: string,
  condition: () => T | Promise<T>,
  withinMs: number = DEFAULT_TIMEOUT_MS,
  pollMs = 10,
): Promise<Exclude<T, false | undefined>> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    if (performance.now() > deadlineMs) {
      throw new Error(`Not within ${withinMs} ms: ${description}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Waits for a promise; throws an error with the description if it does not settle within the time. */
export async function withTimeout<T>(
  description: string,
  promise: Promise<T>,
  withinMs: number = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Not within ${withinMs} ms: ${description}`)),
      withinMs,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
