/**
 * Waits, but not for ever. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * Waits for a promise, but not for ever. Leaves no timer behind.
 *
 * @param promise What to wait for; its failure counts as settled.
 * @param ms How long at most, in milliseconds.
 * @returns Whether it settled in time.
 */
export function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const settle = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    promise.then(settle, settle);
  });
}

/**
 * Runs something that listens to a signal, and aborts it when it takes too long.
 *
 * @param ms How long at most, in milliseconds.
 * @param run What to run; it should reject with the signal's reason, a `TimeoutError`.
 */
export async function withDeadline<T>(
  ms: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new DOMException(`Not done within ${ms} ms`, "TimeoutError"));
  }, ms);
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
