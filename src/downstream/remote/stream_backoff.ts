/** The pauses before a stream is opened again, in milliseconds; each is twice the one before it. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** A stream that was open for longer than this, in milliseconds, resets the pauses. */
const STEADY_STREAM_MS = 30_000;

/**
 * Determines the pause before the standalone stream is opened again. Servers and proxies may end the
 * stream at any time, and some of them end it immediately each time.
 */
export class StreamBackoff {
  #openedAt: number | undefined;
  #pauseMs = 0;
  #backoffMs = FIRST_PAUSE_MS;
  #retryMs = 0;

  /** The pause before the next attempt, in milliseconds. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Sets the minimum pause, which the server has asked for. */
  setRetry(retryMs: number): void {
    this.#retryMs = retryMs;
  }

  /** Records that the stream is open. */
  recordOpen(): void {
    this.#openedAt = performance.now();
  }

  /**
   * Records that the stream has ended, or could not be opened.
   *
   * @param isBroken Whether the connection broke. The next attempt then follows immediately, to find out
   * whether the server still runs.
   */
  recordEnd(isBroken: boolean): void {
    const wasOpen = this.#openedAt !== undefined;
    if (wasOpen && performance.now() - Number(this.#openedAt) > STEADY_STREAM_MS) {
      this.#backoffMs = FIRST_PAUSE_MS;
    }
    this.#openedAt = undefined;
    const isFirst = this.#backoffMs === FIRST_PAUSE_MS;
    this.#pauseMs = isBroken && wasOpen && isFirst ? 0 : Math.max(this.#backoffMs, this.#retryMs);
    this.#backoffMs = Math.min(2 * this.#backoffMs, LAST_PAUSE_MS);
  }
}
