import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { Cancellation, type CancelSignal } from "../jsonrpc/mod.ts";
import type { Pausable } from "../within.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";
import type { CallOptions } from "./invocation.ts";

/**
 * Starts the clock of a call.
 *
 * @param call The call.
 * @param context The server's entry, the deadlines, and the call's permit.
 */
export function startCallClock(
  { timeoutMs, signal }: CallOptions,
  { config: { name, options }, ...context }: Pick<CallClockOptions, "deadlines" | "permit"> & {
    readonly config: ServerConfig;
  },
): CallClock {
  const { callTimeoutMs, maxCallMs } = options;
  return new CallClock({
    ...context,
    server: name,
    timeouts: timeoutMs === undefined
      ? { idleMs: callTimeoutMs, hardMs: maxCallMs }
      : { idleMs: Infinity, hardMs: Math.min(timeoutMs, maxCallMs) },
    callerSignal: signal,
  });
}

/** Timeouts of one call. */
export interface CallTimeouts {
  /** The call ends after this time without progress. The time begins when the call is sent. */
  readonly idleMs: number;
  /** The call ends after this time, with or without progress. */
  readonly hardMs: number;
}

/** Options of a call's clock. */
export interface CallClockOptions {
  /** Name of the server, for the error. */
  readonly server: string;
  /** The timeouts of the call. */
  readonly timeouts: CallTimeouts;
  readonly callerSignal: CancelSignal;
  /** Calls `expire` at the deadline. */
  readonly deadlines: Deadlines;
  /** The call's permit, which is paused with the clock. */
  readonly permit: Pausable | undefined;
}

/**
 * Ends a call that takes too long, or that its caller cancels. Progress sets no timer, only a number,
 * because servers may report progress often. While the call waits for a person, only the hard limit
 * applies, and the call's permit is paused.
 */
export class CallClock implements Deadline, Pausable {
  /** Aborts with a `DownstreamError` of code `TIMEOUT`, or with the caller's reason. */
  readonly signal: CancelSignal;
  /** Index of the clock in `Deadlines`; see `Indexed`. */
  indexInSet = -1;
  readonly #cancellation = new Cancellation();
  readonly #server: string;
  readonly #timeouts: CallTimeouts;
  readonly #hardDeadline: number;
  readonly #callerSignal: CancelSignal;
  readonly #deadlines: Deadlines;
  readonly #permit: Pausable | undefined;
  readonly #onCancel: () => void;
  #idleDeadline = Infinity;
  #pauseCount = 0;

  /** Starts the clock. */
  constructor({ server, timeouts, callerSignal, deadlines, permit }: CallClockOptions) {
    this.signal = this.#cancellation;
    this.#server = server;
    this.#timeouts = timeouts;
    this.#callerSignal = callerSignal;
    this.#deadlines = deadlines;
    this.#permit = permit;
    this.#hardDeadline = performance.now() + timeouts.hardMs;
    this.#onCancel = () => this.#cancellation.cancel(callerSignal.reason);
    if (callerSignal.aborted) this.#onCancel();
    else callerSignal.addEventListener("abort", this.#onCancel, { once: true });
    deadlines.add(this);
  }

  /** The time at which the call ends unless progress arrives, on the clock of `performance.now()`. */
  get dueAt(): number {
    return this.#pauseCount > 0
      ? this.#hardDeadline
      : Math.min(this.#idleDeadline, this.#hardDeadline);
  }

  /** Restarts the idle timeout when the call is sent or progress arrives. Returns `performance.now()`. */
  restart(): number {
    const now = performance.now();
    this.#idleDeadline = now + this.#timeouts.idleMs;
    this.#deadlines.add(this);
    return now;
  }

  /** Pauses the idle timeout and the permit. Each `pause` needs its own `resume`. */
  pause(): void {
    this.#pauseCount++;
    this.#permit?.pause();
  }

  /** Ends one pause. The end of the last pause restarts the idle timeout in full. */
  resume(): void {
    this.#pauseCount--;
    this.#permit?.resume();
    // The idle timeout is not restarted for a call that has ended or has not been sent.
    const isRunning = this.indexInSet >= 0 && this.#idleDeadline < Infinity;
    if (this.#pauseCount === 0 && isRunning) this.restart();
  }

  /** Stops the clock when the call has ended. */
  stop(): void {
    this.#deadlines.remove(this);
    this.#callerSignal.removeEventListener("abort", this.#onCancel);
  }

  /** Cancels the call at its deadline. */
  expire(): void {
    this.stop();
    const message = `Server "${this.#server}" ${this.#reason()}; the call was cancelled`;
    this.#cancellation.cancel(new DownstreamError("TIMEOUT", this.#server, message));
  }

  #reason(): string {
    const { hardMs, idleMs } = this.#timeouts;
    if (performance.now() < this.#hardDeadline) {
      return `neither answered nor showed progress for ${idleMs} ms`;
    }
    return this.#pauseCount === 0
      ? `did not finish the call within ${hardMs} ms`
      : `did not finish the call within ${hardMs} ms: it was waiting for the client or a person`;
  }
}
