import { DownstreamError } from "../errors.ts";
import { sleepWatch } from "../sleep_watch.ts";
import { ProcessLimitReached } from "./transports/mod.ts";

/** Failed starts in a row after which the circuit opens. */
const MAX_FAILURES = 5;

/** The pauses between starts while the circuit is open, in milliseconds; each is twice the one before it. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** Maximum random share that is added to a pause, so that servers that failed together do not start together. */
const JITTER = 0.2;

/** A start was cancelled because its session was closed; the server did not fail. */
export class StartAbandoned extends Error {
  override readonly name = "StartAbandoned";
}

/**
 * The circuit breakers of one server: one for each agent and each set of capabilities, because an agent may
 * make the starts of its own sessions fail. The failures of an agent must neither refuse the starts of other
 * agents nor be quoted to them.
 */
export class CircuitBreakers {
  readonly #create: () => CircuitBreaker;
  // At most one for each agent in the rules and each set of capabilities.
  readonly #byStarter = new Map<string, CircuitBreaker>();

  /**
   * @param server Name of the server, for the error.
   * @param now Clock for the pauses, in milliseconds.
   */
  constructor(server: string, now?: () => number) {
    this.#create = () => new CircuitBreaker(server, now);
  }

  /** Returns the breaker for the sessions of an agent; without an agent, for sessions that agents share. */
  of({ agent = "", capabilitiesKey }: Starter): CircuitBreaker {
    return this.#byStarter.getOrInsertComputed(`${agent} ${capabilitiesKey}`, this.#create);
  }
}

/** The agent and the capabilities that a session is started for. */
interface Starter {
  readonly agent: string | undefined;
  readonly capabilitiesKey: string;
}

/**
 * Prevents a server that cannot start from being started for every call: five failures in a row open the
 * circuit, and the server is not started until a pause has ended. Then a single start, the trial, finds out
 * whether the server works again.
 */
export class CircuitBreaker {
  readonly #server: string;
  readonly #now: () => number;
  #failures = 0;
  #trial: Promise<void> | undefined;
  #retryAt = 0;
  #lastFailure = "";
  #sleepCount = 0;

  /**
   * @param server Name of the server, for the error.
   * @param now Clock for the pauses, in milliseconds. The default clock cannot be set back.
   */
  constructor(server: string, now: () => number = () => performance.now()) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Runs a start, unless the circuit is open.
   *
   * @param start Connects and completes the handshake.
   * @throws {DownstreamError} immediately while the circuit is open, otherwise the error of `start`.
   */
  async run<T>(start: () => Promise<T>): Promise<T> {
    while (this.#trial !== undefined) await this.#trial;
    if (!this.#isOpen) return await this.#try(start);
    // The failures before a sleep of the machine, such as those without a network, say nothing about now.
    const hasSlept = sleepWatch.countSleeps() !== this.#sleepCount;
    if (!hasSlept && this.#now() < this.#retryAt) throw this.#createRefusal();
    const trial = this.#try(start);
    const endTrial = (): void => {
      this.#trial = undefined;
    };
    this.#trial = trial.then(endTrial, endTrial);
    return await trial;
  }

  get #isOpen(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  async #try<T>(start: () => Promise<T>): Promise<T> {
    const isTrial = this.#isOpen;
    try {
      const result = await start();
      this.#failures = 0;
      return result;
    } catch (error) {
      if (error instanceof Error) this.#lastFailure = error.message;
      this.#countFailure(error, isTrial);
      throw error;
    }
  }

  #countFailure(error: unknown, isTrial: boolean): void {
    // The server works; it only needs a login.
    if (error instanceof DownstreamError && error.code === "AUTH_REQUIRED") {
      this.#failures = 0;
      return;
    }
    // Starts that began before the circuit opened do not lengthen the pause.
    if (!isTrial && this.#isOpen) return;
    // These errors are not the server's fault. They count only in a trial, which must succeed to close the
    // circuit.
    if (!isTrial && (error instanceof StartAbandoned || error instanceof ProcessLimitReached)) {
      return;
    }
    this.#failures++;
    this.#sleepCount = sleepWatch.countSleeps();
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - MAX_FAILURES), LAST_PAUSE_MS);
    this.#retryAt = this.#now() + pauseMs * (1 + JITTER * Math.random());
  }

  #createRefusal(): DownstreamError {
    const seconds = Math.max(1, Math.ceil((this.#retryAt - this.#now()) / 1000));
    const prefix = `Server "${this.#server}" is not available: `;
    const message = `${prefix}it failed to start several times in a row and is tried ` +
      `again in ${seconds} s. Last failure: ${this.#lastFailure.replace(prefix, "")}`;
    return new DownstreamError("SERVER_UNAVAILABLE", this.#server, message);
  }
}
