import { DownstreamError } from "../errors.ts";
import { Cancellation, type CancelSignal } from "../jsonrpc/mod.ts";
import type { CallPermit } from "./caller.ts";
import type { Deadlines, Due } from "./deadlines.ts";

/** Timeouts of one call. */
export interface CallTimeouts {
  /** The call ends after this time without progress, counted from the first `restart`. */
  readonly idleMs: number;
  /** The call ends after this time whatever happens. */
  readonly hardMs: number;
}

/** Options of a call's clock. */
export interface CallClockOptions {
  /** Name of the server, for the error. */
  readonly server: string;
  /** When the call ends. */
  readonly timeouts: CallTimeouts;
  /** The caller's own signal. */
  readonly caller: CancelSignal;
  /** Wakes the clock. */
  readonly deadlines: Deadlines;
  /** The call's permit, which is paused with the clock. */
  readonly permit: CallPermit | undefined;
}

/**
 * Ends a call that takes too long, or that its caller cancels. Progress only moves a number. While
 * the client is asked something for the call, only the hard limit runs: the server waits for us.
 */
export class CallClock implements Due {
  /** Aborts with a `DownstreamError` of code `TIMEOUT`, or with the caller's reason. */
  readonly signal: CancelSignal;
  /** See `Indexed`. */
  listedAt = -1;
  readonly #cancellation = new Cancellation();
  readonly #server: string;
  readonly #timeouts: CallTimeouts;
  readonly #hardUntil: number;
  readonly #caller: CancelSignal;
  readonly #deadlines: Deadlines;
  readonly #permit: CallPermit | undefined;
  readonly #onCancel: () => void;
  #idleUntil = Infinity;
  #questions = 0;

  /**
   * Starts to run.
   *
   * @param options The timeouts, and the signal of the caller.
   */
  constructor({ server, timeouts, caller, deadlines, permit }: CallClockOptions) {
    this.signal = this.#cancellation;
    this.#server = server;
    this.#timeouts = timeouts;
    this.#caller = caller;
    this.#deadlines = deadlines;
    this.#permit = permit;
    this.#hardUntil = performance.now() + timeouts.hardMs;
    this.#onCancel = () => this.#cancellation.cancel(caller.reason);
    if (caller.aborted) this.#onCancel();
    else caller.addEventListener("abort", this.#onCancel, { once: true });
    deadlines.add(this);
  }

  /** When it ends the call as things stand, on the clock of `performance.now()`. */
  get dueAt(): number {
    return this.#questions > 0 ? this.#hardUntil : Math.min(this.#idleUntil, this.#hardUntil);
  }

  /** The server is asked, or shows that it is at work; gives the time, by `performance.now()`. */
  restart(): number {
    const now = performance.now();
    this.#idleUntil = now + this.#timeouts.idleMs;
    this.#deadlines.add(this);
    return now;
  }

  /** The client is asked something for the call; `resume` follows once for each time. */
  pause(): void {
    if (++this.#questions === 1) this.#permit?.pause();
  }

  /** The client has answered, so the server gets its whole time again. */
  resume(): void {
    // A call that has ended is watched no more.
    if (--this.#questions > 0 || this.listedAt < 0) return;
    this.#permit?.resume();
    this.restart();
  }

  /** The call is over. */
  stop(): void {
    this.#deadlines.remove(this);
    this.#caller.removeEventListener("abort", this.#onCancel);
  }

  /** The deadline has come. */
  expire(): void {
    this.stop();
    const message = `Server "${this.#server}" ${this.#reason()}; the call was cancelled`;
    this.#cancellation.cancel(new DownstreamError("TIMEOUT", this.#server, message));
  }

  #reason(): string {
    const { hardMs, idleMs } = this.#timeouts;
    if (performance.now() < this.#hardUntil) {
      return `neither answered nor showed progress for ${idleMs} ms`;
    }
    return this.#questions === 0
      ? `did not finish the call within ${hardMs} ms`
      : `did not finish the call within ${hardMs} ms: it asked the client something and was waiting ` +
        "for the answer";
  }
}
