import type { CancelSignal } from "../jsonrpc/mod.ts";

/**
 * Waits for a promise until a signal aborts.
 *
 * @param promise The promise; if the signal aborts first, a rejection of the promise is ignored.
 * @param signal Its reason is thrown if it aborts first.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: CancelSignal): Promise<T> {
  promise.catch(() => {});
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
