/** A shared limit: on the total size of request bodies, kept events, or queued responses. */
export class Budget {
  used = 0;
  readonly #max: number;

  /** @param most The maximum of `used`. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether `used` exceeds the maximum, or would with `more`. */
  isExceeded(more: number = 0): boolean {
    return this.used + more > this.#max;
  }
}
