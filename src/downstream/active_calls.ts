import { Cancellation, type CancelSignal, type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";
import type { Pausable } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import { within } from "../within.ts";

/** An active call. Each call has its own object, because a client may have many. */
export interface ActiveCall extends Indexed {
  readonly channel: ClientChannel;
  readonly clock: Pausable;
  /** Requests for input during the call; most calls have none. */
  inputs: Set<PendingInput> | undefined;
}

/**
 * A request of a server that is waiting for the client. It belongs to all calls that were active when
 * it arrived, because the protocol does not say to which of them. Their clocks are paused until the
 * client answers. Once all of them have ended, the request is cancelled.
 */
export class PendingInput {
  readonly #calls: Set<ActiveCall>;
  readonly #graceMs: number;
  readonly #request: CancelSignal;
  readonly #cancellation = new Cancellation();
  readonly #closed = Promise.withResolvers<void>();
  readonly #onCancel: () => void;

  constructor(
    calls: readonly ActiveCall[],
    { request, graceMs }: { readonly request: CancelSignal; readonly graceMs: number },
  ) {
    this.#calls = new Set(calls);
    this.#request = request;
    this.#graceMs = graceMs;
    this.#onCancel = () => this.#cancellation.cancel(request.reason);
    request.addEventListener("abort", this.#onCancel);
    for (const call of calls) {
      (call.inputs ??= new Set()).add(this);
      call.clock.pause();
    }
  }

  /** Aborts when the server cancels the request, or when the calls that it belongs to have ended. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** Removes a call that has ended. */
  leave(call: ActiveCall): void {
    if (!this.#calls.delete(call)) return;
    // It may run again, on another session.
    call.clock.resume();
    if (this.#calls.size > 0) return;
    if (this.#graceMs === 0) return this.#cancel();
    void within(this.#closed.promise, this.#graceMs).then((isClosed) => {
      if (!isClosed) this.#cancel();
    });
  }

  /** Closes the request: the client has answered, or never will. */
  close(): void {
    this.#closed.resolve();
    this.#request.removeEventListener("abort", this.#onCancel);
    for (const call of this.#calls) {
      call.inputs?.delete(this);
      call.clock.resume();
    }
    this.#calls.clear();
  }

  #cancel(): void {
    this.#cancellation.cancel("The call that this belongs to has ended");
  }
}

/** The active calls of a session. */
export class ActiveCalls {
  readonly #entries = new SwapRemoveSet<ActiveCall>();

  /** Number of active calls. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * The client of the only active call; `undefined` if there are several. The protocol does not say
   * which call a request or a log message of the server belongs to.
   */
  get onlyChannel(): ClientChannel | undefined {
    return this.#entries.size === 1 ? this.#entries.any?.channel : undefined;
  }

  /** Adds a call. Pass the result to `end`. */
  begin(channel: ClientChannel, clock: Pausable): ActiveCall {
    const entry: ActiveCall = { channel, clock, inputs: undefined, indexInSet: -1 };
    this.#entries.add(entry);
    return entry;
  }

  /** Removes a call that has ended. */
  end(entry: ActiveCall): void {
    this.#entries.delete(entry);
    if (entry.inputs === undefined) return;
    for (const input of [...entry.inputs]) input.leave(entry);
  }

  /**
   * Adds a request of the server to the client. Close it when there is an answer.
   *
   * @param request Aborts when the server cancels the request, or is gone.
   * @param graceMs Time for the answer after the end of the calls, in milliseconds.
   */
  beginInput(request: CancelSignal, graceMs: number): PendingInput {
    return new PendingInput(this.#entries.all(), { request, graceMs });
  }
}
