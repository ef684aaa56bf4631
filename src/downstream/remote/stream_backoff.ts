/** The pause before a stream is opened again, in milliseconds; it doubles from the first to the last. */
const FIRST_MS = 1000;
const LAST_MS = 60_000;

/** A stream that was open for longer than this, in milliseconds, was no failed attempt. */
const STEADY_MS = 30_000;

/**
 * The wait before the standalone stream is opened again: servers and proxies end it whenever
 * they like, some of them immediately each time.
 */
export class StreamBackoff {
  #openedAt: number | undefined;
  #pauseMs = 0;
  #backoffMs = FIRST_MS;
  #retryMs = 0;

  /** Wait before the next attempt, in milliseconds. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Sets the pause that the server asks for. */
  ask(retryMs: number): void {
    this.#retryMs = retryMs;
  }

  /** The stream is open. */
  opened(): void {
    this.#openedAt = performance.now();
  }

  /**
   * The stream has ended, or could not be opened.
   *
   * @param isBroken Whether the connection broke. The next attempt then follows at once, to find out
   * whether the server is still there.
   */
  ended(isBroken: boolean): void {
    const wasOpen = this.#openedAt !== undefined;
    if (wasOpen && performance.now() - Number(this.#openedAt) > STEADY_MS) {
      this.#backoffMs = FIRST_MS;
    }
    this.#openedAt = undefined;
    const isFirst = this.#backoffMs === FIRST_MS;
    this.#pauseMs = isBroken && wasOpen && isFirst ? 0 : Math.max(this.#backoffMs, this.#retryMs);
    this.#backoffMs = Math.min(2 * this.#backoffMs, LAST_MS);
  }
}
