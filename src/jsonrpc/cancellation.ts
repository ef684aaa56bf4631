/**
 * The part of `AbortSignal` that peers and their callers need. An `AbortSignal` can be passed, too.
 */
export interface CancelSignal {
  /** Whether the operation was cancelled. */
  readonly aborted: boolean;
  /** The reason of the cancellation. */
  readonly reason: unknown;
  /** Throws the reason if the operation was cancelled. */
  throwIfAborted(): void;
  /** Adds a listener, which must not throw. A listener that is added after the cancellation is not called. */
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  /** Removes a listener. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * A lightweight `AbortController`. Two real `AbortController`s per call, with their listeners, took a
 * seventh of the processor time of a call (measured: 42 µs per call instead of 36).
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
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  /** Cancels and calls the listeners. Does nothing after the first call. */
  cancel(reason: unknown): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#reason = reason;
    // The listeners are removed one by one, because a listener may remove others.
    for (;;) {
      const listener = this.#listeners.shift();
      if (listener === undefined) return;
      listener();
    }
  }
}
