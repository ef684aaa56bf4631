import { DownstreamError } from "../errors.ts";
import type { Deadlines, Due } from "./deadlines.ts";

/** Limits of one call, in milliseconds. */
export interface CallLimits {
  /** The call ends after this time without progress, counted from the first `restart`. */
  readonly idleMs: number;
  /** The call ends after this time whatever happens. */
  readonly hardMs: number;
}

/** What a call's clock works with. */
export interface CallClockOptions {
  /** Name of the server, for the error. */
  readonly server: string;
  /** When the call ends. */
  readonly limits: CallLimits;
  /** The caller's own signal. */
  readonly caller: AbortSignal;
  /** Wakes the clock. */
  readonly deadlines: Deadlines;
}

/**
 * Ends a call that takes too long, or that its caller cancels. Progress moves a number, not its
 * deadline, which is set again only when it comes early.
 */
export class CallClock implements Due {
  readonly #controller = new AbortController();
  readonly #server: string;
  readonly #limits: CallLimits;
  readonly #hardUntil: number;
  readonly #caller: AbortSignal;
  readonly #deadlines: Deadlines;
  readonly #onCancel: () => void;
  #idleUntil = Infinity;
  #armedUntil = Infinity;
  #tick = NaN;

  /**
   * Starts to run.
   *
   * @param options See there.
   */
  constructor({ server, limits, caller, deadlines }: CallClockOptions) {
    this.#server = server;
    this.#limits = limits;
    this.#caller = caller;
    this.#deadlines = deadlines;
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
    this.#deadlines.remove(this, this.#tick);
    this.#caller.removeEventListener("abort", this.#onCancel);
  }

  /** The deadline has come, which progress may have put off meanwhile. */
  expire(): void {
    const now = performance.now();
    const isHard = now >= this.#hardUntil;
    if (!isHard && now < this.#idleUntil) return this.#arm();
    this.stop();
    const message = isHard
      ? `Server "${this.#server}" did not finish the call within ${this.#limits.hardMs} ms; the call was cancelled`
      : `Server "${this.#server}" neither answered nor showed progress for ${this.#limits.idleMs} ms; the call was cancelled`;
    this.#controller.abort(new DownstreamError("TIMEOUT", this.#server, message));
  }

  #arm(): void {
    this.#deadlines.remove(this, this.#tick);
    this.#armedUntil = Math.min(this.#idleUntil, this.#hardUntil);
    this.#tick = this.#deadlines.add(this, this.#armedUntil);
  }
}
