/** A size that many share: of bodies that are read, events that are kept, answers that wait. */
export class Budget {
  /** How much is taken. */
  used = 0;
  readonly #most: number;

  /** @param most How much may be taken, in the same unit. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether more is taken than there is, or would be. */
  isExceeded(more: number = 0): boolean {
    return this.used + more > this.#most;
  }
}
