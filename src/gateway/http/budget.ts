/** A shared limit: on the total size of request bodies, kept events, or queued responses. */
export class Budget {
  used = 0;
  readonly #most: number;

  /** @param most The maximum of `used`. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether `used` exceeds the maximum, or would with `more`. */
  isExceeded(more: number = 0): boolean {
    return this.used + more > this.#most;
  }
}
