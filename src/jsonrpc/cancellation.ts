/**
 * Says that something is not wanted any more. It is the part of `AbortSignal` that the router and
 * those who call it need, so that a signal of the platform does as well.
 */
export interface CancelSignal {
  /** Whether it is not wanted any more. */
  readonly aborted: boolean;
  /** Why. */
  readonly reason: unknown;
  /** Throws the reason where it is not wanted any more. */
  throwIfAborted(): void;
  /** Has something called when that happens, which must not throw; not where it has happened. */
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  /** Takes a listener back. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * A signal of our own: two `AbortController`s for each call, and who listens to them, took a seventh
 * of a call's processor time (measured, with simpler deadlines: 42 against 36 µs).
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

  /**
   * Tells all who listen, once. Called again, it does nothing.
   *
   * @param reason Why it is not wanted any more.
   */
  cancel(reason: unknown): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#reason = reason;
    // One by one, because a listener may take others back.
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) {
      next();
    }
  }
}
