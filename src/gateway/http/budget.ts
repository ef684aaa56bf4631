/** A shared limit, such as on the total size of all request bodies. */
export class Budget {
  /** The amount in use; its users add to it and subtract from it. */
  used = 0;
  readonly #max: number;

  /** @param max The maximum of `used`. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Whether `used` exceeds the maximum, or would exceed it with `more`. */
  isExceeded(more: number = 0): boolean {
    return this.used + more > this.#max;
  }
}
