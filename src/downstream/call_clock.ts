import { DownstreamError } from "../errors.ts";

/** Limits of one call, in milliseconds. */
export interface CallLimits {
  /** The call ends after this time without progress, counted from the first `restart`. */
  readonly idleMs: number;
  /** The call ends after this time whatever happens. */
  readonly hardMs: number;
}

/**
 * Ends a call that takes too long, or that its caller cancels. Progress moves a number, not a timer:
 * the timer is set again only when it fires early.
 */
export class CallClock {
  readonly #controller = new AbortController();
  readonly #server: string;
  readonly #limits: CallLimits;
  readonly #hardUntil: number;
  readonly #caller: AbortSignal;
  readonly #onCancel: () => void;
  #idleUntil = Infinity;
  #armedUntil = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Starts to run.
   *
   * @param server Name of the server, for the error.
   * @param limits When the call ends.
   * @param caller The caller's own signal.
   */
  constructor(server: string, limits: CallLimits, caller: AbortSignal) {
    this.#server = server;
    this.#limits = limits;
    this.#caller = caller;
    this.#hardUntil = performance.now() + limits.hardMs;
    this.#onCancel = () => this.#controller.abort(caller.reason);
    if (caller.aborted) this.#onCancel();
    else caller.addEventListener("abort", this.#onCancel, { once: true });
    this.#arm();
  }

  /** Aborts with a `DownstreamError` of code `TIMEOUT`, or with the caller's reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The server was asked, or showed that it is at work. */
  restart(): void {
    this.#idleUntil = performance.now() + this.#limits.idleMs;
    if (this.#idleUntil < this.#armedUntil) this.#arm();
  }

  /** The call is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#onCancel);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#armedUntil = Math.min(this.#idleUntil, this.#hardUntil);
    const ms = Math.max(0, this.#armedUntil - performance.now());
    this.#timer = setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    const now = performance.now();
    const isHard = now >= this.#hardUntil;
    if (!isHard && now < this.#idleUntil) return this.#arm();
    this.stop();
    const message = isHard
      ? `Server "${this.#server}" did not finish the call within ${this.#limits.hardMs} ms; the call was cancelled`
      : `Server "${this.#server}" neither answered nor showed progress for ${this.#limits.idleMs} ms; the call was cancelled`;
    this.#controller.abort(new DownstreamError("TIMEOUT", this.#server, message));
  }
}
