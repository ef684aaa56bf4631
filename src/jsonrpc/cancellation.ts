/**
 * Signals a cancellation. This is the part of `AbortSignal` that peers and their callers need, so
 * an `AbortSignal` of the platform fits too.
 */
export interface CancelSignal {
  /** Whether the operation was cancelled. */
  readonly aborted: boolean;
  /** The reason of the cancellation. */
  readonly reason: unknown;
  /** Throws the reason if the operation was cancelled. */
  throwIfAborted(): void;
  /** Adds a listener, which must not throw. Does nothing after the cancellation. */
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  /** Removes a listener. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * A lightweight `AbortController`. Two real ones per call, with their listeners, took a seventh of a
 * call's processor time (measured, with simpler deadlines: 42 against 36 µs).
 */
export class Cancellation implements CancelSignal {
  #isCancelled = false;
  #reason: unknown;
  #listeners: (() => void)[] = [];

  get aborted(): boolean {
    return this.#isCancelled;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#isCancelled) throw this.#reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (!this.#isCancelled) this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  /** Cancels and calls the listeners. Does nothing after the first call. */
  cancel(reason: unknown): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#reason = reason;
    // One by one, because a listener may remove others.
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) {
      next();
    }
  }
}
