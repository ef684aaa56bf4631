/**
 * Waits for a duration, or for work with a time limit. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Lateness of a timer, in milliseconds, that shows that this process was stopped or the machine slept. */
export const LATE_MS: number = 1000;

/** Time to read what arrived while nothing was read, in milliseconds, before a late timer takes effect. */
export const GRACE_MS: number = 2000;

/**
 * Calls a function at the end of a duration. If the timer comes late, the awaited data may have arrived meanwhile without
 * being read, so the function is called a moment later.
 *
 * @param ms The duration in milliseconds.
 * @param expire The function.
 * @returns Stops the timer.
 */
export function startTimer(ms: number, expire: () => void): () => void {
  const dueAt = performance.now() + ms;
  let timer = setTimeout(() => {
    if (performance.now() - dueAt < LATE_MS) expire();
    else timer = setTimeout(expire, GRACE_MS);
  }, ms);
  return () => clearTimeout(timer);
}

/**
 * Waits for a promise up to a time limit.
 *
 * @param promise The promise; a rejection counts as settled.
 * @param ms The time limit in milliseconds.
 * @returns Whether the promise settled in time.
 */
export function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = startTimer(ms, () => resolve(false));
    const settle = (): void => {
      stop();
      resolve(true);
    };
    promise.then(settle, settle);
  });
}

/**
 * Runs an abortable function, and aborts it at the time limit.
 *
 * @param ms The time limit in milliseconds.
 * @param run The function; when the signal aborts, it should reject with its reason, a `TimeoutError`.
 */
export async function withDeadline<T>(
  ms: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = startTimer(ms, () => {
    controller.abort(new DOMException(`Not finished within ${ms} ms`, "TimeoutError"));
  });
  try {
    return await run(controller.signal);
  } finally {
    stop();
  }
}

/** The part of an `AbortSignal` that a wait needs. */
export interface WaitSignal {
  /** The reason of the abort. */
  readonly reason: unknown;
  /** Throws the reason if the signal has aborted. */
  throwIfAborted(): void;
  /** Adds a listener. */
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  /** Removes a listener. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A clock or a permit that is paused while a call waits for a person. */
export interface Pausable {
  /** Pauses it. Each `pause` needs its own `resume`. */
  pause(): void;
  /** Ends one pause, after the person's answer or when no answer is needed any more. */
  resume(): void;
}

/**
 * Waits for a duration. Unlike `setTimeout` of `node:timers/promises`, it rejects with the signal's own reason.
 *
 * @param ms The time in milliseconds.
 * @param signal Aborts the wait.
 */
export function wait(ms: number, signal?: WaitSignal): Promise<void> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
