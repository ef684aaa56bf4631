import { DownstreamError } from "../errors.ts";
import { NoRoom } from "./processes.ts";

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

/** What counts failed starts. */
interface Breaker {
  /** Whether the server may be started as often as it is asked for. */
  isClosed(): boolean;
  /** Starts it, and counts. */
  execute<T>(start: () => Promise<T>): Promise<T>;
}

/**
 * Keeps a server that cannot start from being started once per call: after five failures in a row
 * it is left alone, and then one start at a time finds out whether it works again.
 */
export class StartGuard {
  readonly #server: string;
  readonly #now: () => number;
  #breaker: Promise<Breaker> | undefined;
  #probe: Promise<void> | undefined;
  #triesAgainAt = 0;
  #lastFailure = "";

  /**
   * Begins with trust.
   *
   * @param server Name of the server, for the error.
   * @param now Milliseconds of the clock that pauses are measured by.
   */
  constructor(server: string, now: () => number = Date.now) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Runs a start, unless the server is left alone for now.
   *
   * @param start Connects and shakes hands.
   * @throws {DownstreamError} at once while the server is left alone, otherwise what `start` throws.
   */
  async run<T>(start: () => Promise<T>): Promise<T> {
    const breaker = await (this.#breaker ??= this.#makeBreaker());
    while (this.#probe !== undefined) await this.#probe;
    if (breaker.isClosed()) return await this.#try(breaker, start);
    if (this.#now() < this.#triesAgainAt) throw this.#refusal();
    const trial = this.#try(breaker, start);
    const settle = (): void => {
      this.#probe = undefined;
    };
    this.#probe = trial.then(settle, settle);
    return await trial;
  }

  /** Loaded with the first server that is started, while the client has its handshake already. */
  async #makeBreaker(): Promise<Breaker> {
    const { circuitBreaker, CircuitState, ConsecutiveBreaker, DelegateBackoff, handleWhen } =
      await import("cockatiel");
    const counted = handleWhen((error) => {
      // The server answers; it only wants somebody to log in.
      if (error instanceof DownstreamError && error.code === "AUTH_REQUIRED") return false;
      // What does not count would pass for a success while the server is on trial.
      return breaker.state === CircuitState.HalfOpen ||
        !(error instanceof StartAbandoned || error instanceof NoRoom);
    });
    const breaker = circuitBreaker(counted, {
      breaker: new ConsecutiveBreaker(MAX_FAILURES),
      halfOpenAfter: new DelegateBackoff(({ attempt }) => {
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LAST_PAUSE_MS);
        this.#triesAgainAt = this.#now() + pause * (1 + JITTER * Math.random());
        // The breaker knows only the system's clock, so the pause is kept here.
        return 0;
      }),
    });
    return {
      isClosed: () => breaker.state === CircuitState.Closed,
      execute: (start) => breaker.execute(start),
    };
  }

  async #try<T>(breaker: Breaker, start: () => Promise<T>): Promise<T> {
    try {
      return await breaker.execute(start);
    } catch (error) {
      if (error instanceof Error) this.#lastFailure = error.message;
      throw error;
    }
  }

  #refusal(): DownstreamError {
    const seconds = Math.max(1, Math.ceil((this.#triesAgainAt - this.#now()) / 1000));
    const unavailable = `Server "${this.#server}" is not available: `;
    const message = `${unavailable}it failed to start several times in a row and is tried ` +
      `again in ${seconds} s. Last failure: ${this.#lastFailure.replace(unavailable, "")}`;
    return new DownstreamError("SERVER_UNAVAILABLE", this.#server, message);
  }
}
