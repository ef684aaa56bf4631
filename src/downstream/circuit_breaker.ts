import { DownstreamError } from "../errors.ts";
import { NoRoom } from "./transports/mod.ts";

/** Failed starts in a row after which the circuit opens. */
const MAX_FAILURES = 5;

/** The pause while it is open, in milliseconds; it doubles from the first to the last. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** Pauses differ by up to this share, so that servers that failed together do not start together. */
const JITTER = 0.2;

/** A start was cancelled because its session was closed; it says nothing about the server. */
export class StartAbandoned extends Error {
  override readonly name = "StartAbandoned";
}

/**
 * Prevents a server that cannot start from being started once per call: five failures in a row open the
 * circuit, and after a pause one start at a time tries whether the server works again.
 */
export class CircuitBreaker {
  readonly #server: string;
  readonly #now: () => number;
  #failures = 0;
  #trial: Promise<void> | undefined;
  #triesAgainAt = 0;
  #lastFailure = "";

  /**
   * @param server Name of the server, for the error.
   * @param now Clock for the pauses, in milliseconds.
   */
  constructor(server: string, now: () => number = Date.now) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Runs a start, unless the circuit is open.
   *
   * @param start Connects and shakes hands.
   * @throws {DownstreamError} immediately while the circuit is open, otherwise the error of `start`.
   */
  async run<T>(start: () => Promise<T>): Promise<T> {
    while (this.#trial !== undefined) await this.#trial;
    if (!this.#isOpen) return await this.#try(start);
    if (this.#now() < this.#triesAgainAt) throw this.#refusal();
    const trial = this.#try(start);
    const settle = (): void => {
      this.#trial = undefined;
    };
    this.#trial = trial.then(settle, settle);
    return await trial;
  }

  get #isOpen(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  async #try<T>(start: () => Promise<T>): Promise<T> {
    const isTrial = this.#isOpen;
    try {
      const started = await start();
      this.#failures = 0;
      return started;
    } catch (error) {
      if (error instanceof Error) this.#lastFailure = error.message;
      this.#count(error, isTrial);
      throw error;
    }
  }

  #count(error: unknown, isTrial: boolean): void {
    // The server answers; it only needs a login.
    if (error instanceof DownstreamError && error.code === "AUTH_REQUIRED") {
      this.#failures = 0;
      return;
    }
    // Starts that began before the circuit opened do not lengthen the pause.
    if (!isTrial && this.#isOpen) return;
    // Neither says anything about the server. A trial that ends so has not succeeded, so it counts.
    if (!isTrial && (error instanceof StartAbandoned || error instanceof NoRoom)) return;
    this.#failures++;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - MAX_FAILURES), LAST_PAUSE_MS);
    this.#triesAgainAt = this.#now() + pauseMs * (1 + JITTER * Math.random());
  }

  #refusal(): DownstreamError {
    const seconds = Math.max(1, Math.ceil((this.#triesAgainAt - this.#now()) / 1000));
    const unavailable = `Server "${this.#server}" is not available: `;
    const message = `${unavailable}it failed to start several times in a row and is tried ` +
      `again in ${seconds} s. Last failure: ${this.#lastFailure.replace(unavailable, "")}`;
    return new DownstreamError("SERVER_UNAVAILABLE", this.#server, message);
  }
}
