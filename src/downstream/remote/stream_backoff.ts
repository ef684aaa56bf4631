/** The first and the longest pause before a stream is opened again, in milliseconds; each pause is doubled. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;

/** Time after which an open stream counts as steady, in milliseconds; the pauses then start anew. */
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

  /** Sets the pause that the server has asked for; the later pauses are at least as long. */
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
   * @param isBroken Whether the connection broke. The first attempt after a steady stream then follows
   * immediately, to find out whether the server still runs.
   */
  recordEnd(isBroken: boolean): void {
    const openedAt = this.#openedAt;
    const wasOpen = openedAt !== undefined;
    const wasSteady = wasOpen && performance.now() - openedAt > STEADY_STREAM_MS;
    if (wasSteady) this.#backoffMs = FIRST_PAUSE_MS;
    this.#openedAt = undefined;
    const isFirst = this.#backoffMs === FIRST_PAUSE_MS;
    this.#pauseMs = isBroken && wasOpen && isFirst ? 0 : Math.max(this.#backoffMs, this.#retryMs);
    this.#backoffMs = Math.min(2 * this.#backoffMs, MAX_PAUSE_MS);
  }
}
