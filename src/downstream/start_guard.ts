import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
} from "cockatiel";
import { DownstreamError } from "../errors.ts";

/** Failed starts in a row after which a server is left alone for a while. */
const MAX_FAILURES = 5;

/** How long it is left alone, in milliseconds: doubling from the first to the last. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** Pauses differ by up to this share, so that servers that failed together do not start together. */
const JITTER = 0.2;

/** A start that ended because nobody wanted it any more; it says nothing about the server. */
export class StartAbandoned extends Error {
  override readonly name = "StartAbandoned";
}

/**
 * Keeps a server that cannot start from being started once per call: after five failures in a row
 * it is left alone, and then one start at a time finds out whether it works again.
 */
export class StartGuard {
  readonly #server: string;
  readonly #breaker: CircuitBreakerPolicy;
  #triesAgainAt = 0;
  #lastFailure = "";

  /**
   * Begins with trust.
   *
   * @param server Name of the server, for the error.
   * @param now Milliseconds of a clock.
   */
  constructor(server: string, now: () => number = Date.now) {
    this.#server = server;
    const counted = handleWhen((error) => !(error instanceof StartAbandoned));
    this.#breaker = circuitBreaker(counted, {
      breaker: new ConsecutiveBreaker(MAX_FAILURES),
      halfOpenAfter: new DelegateBackoff(({ attempt }) => {
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LAST_PAUSE_MS);
        const withJitter = pause * (1 + JITTER * Math.random());
        this.#triesAgainAt = now() + withJitter;
        return withJitter;
      }),
    });
  }

  /**
   * Runs a start, unless the server is left alone for now.
   *
   * @param start Connects and shakes hands.
   * @throws {DownstreamError} at once while the server is left alone, otherwise what `start` throws.
   */
  async run<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await this.#breaker.execute(start);
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) {
        if (error instanceof Error) this.#lastFailure = error.message;
        throw error;
      }
      const seconds = Math.max(1, Math.ceil((this.#triesAgainAt - Date.now()) / 1000));
      const message = `Server "${this.#server}" is not available: it failed to start several ` +
        `times in a row and is tried again in ${seconds} s. Last failure: ${this.#lastFailure}`;
      throw new DownstreamError("SERVER_UNAVAILABLE", this.#server, message, { cause: error });
    }
  }
}
