/** The pause before a stream is opened again, in milliseconds: doubling from the first to the last. */
const FIRST_MS = 1000;
const LAST_MS = 60_000;

/** A stream that was open for this long was no failed attempt, in milliseconds. */
const STEADY_MS = 30_000;

/**
 * How soon the stream on which a server speaks unasked is opened again: servers and proxies end it
 * whenever they like, and some at once each time.
 */
export class ListeningPace {
  #openedAt: number | undefined;
  #pauseMs = 0;
  #backoffMs = FIRST_MS;
  #retryMs = 0;

  /** How long to wait before the next attempt, in milliseconds. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** The server asks for a pause. */
  ask(retryMs: number): void {
    this.#retryMs = retryMs;
  }

  /** It is open. */
  opened(): void {
    this.#openedAt = performance.now();
  }

  /**
   * It has ended, or could not be opened.
   *
   * @param isBroken Whether the connection broke: then it is worth a look at once whether the server
   * is still there.
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
