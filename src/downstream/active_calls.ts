import { Cancellation, type CancelSignal, type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";
import type { Pausable } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import { within } from "../within.ts";

/** A call that waits for the server's answer. The object identifies the call: a client may have several. */
export interface ActiveCall extends Indexed {
  readonly channel: ClientChannel;
  readonly clock: Pausable;
  /** The server's requests for input during the call; most calls have none. */
  pendingInputs: Set<PendingInput> | undefined;
}

/**
 * A request of a server that waits for the client's answer. The protocol does not say which call the
 * request belongs to, so it belongs to all calls that were active when it arrived. Their clocks are paused
 * until the client answers. Once all these calls have ended, the request is cancelled.
 */
export class PendingInput {
  readonly #calls: Set<ActiveCall>;
  readonly #graceMs: number;
  readonly #requestSignal: CancelSignal;
  readonly #cancellation = new Cancellation();
  readonly #closed = Promise.withResolvers<void>();
  readonly #onCancel: () => void;

  constructor(
    calls: readonly ActiveCall[],
    { requestSignal, graceMs }: { readonly requestSignal: CancelSignal; readonly graceMs: number },
  ) {
    this.#calls = new Set(calls);
    this.#requestSignal = requestSignal;
    this.#graceMs = graceMs;
    this.#onCancel = () => this.#cancellation.cancel(requestSignal.reason);
    requestSignal.addEventListener("abort", this.#onCancel);
    for (const call of calls) {
      (call.pendingInputs ??= new Set()).add(this);
      call.clock.pause();
    }
  }

  /** Aborts when the server cancels the request, or after the calls that it belongs to have ended. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** Removes a call that has ended. */
  removeCall(call: ActiveCall): void {
    if (!this.#calls.delete(call)) return;
    // The call may be sent again on another session, with the same clock.
    call.clock.resume();
    if (this.#calls.size > 0) return;
    if (this.#graceMs === 0) return this.#cancel();
    void within(this.#closed.promise, this.#graceMs).then((isClosed) => {
      if (!isClosed) this.#cancel();
    });
  }

  /** Closes the request, once the client has answered or can no longer answer. */
  close(): void {
    this.#closed.resolve();
    this.#requestSignal.removeEventListener("abort", this.#onCancel);
    for (const call of this.#calls) {
      call.pendingInputs?.delete(this);
      call.clock.resume();
    }
    this.#calls.clear();
  }

  #cancel(): void {
    this.#cancellation.cancel("The call that the request belongs to has ended");
  }
}

/** The active calls of a session. */
export class ActiveCalls {
  readonly #calls = new SwapRemoveSet<ActiveCall>();

  /** Number of active calls. */
  get count(): number {
    return this.#calls.size;
  }

  /**
   * The channel to the client of the only active call; `undefined` if there are none or several. The
   * protocol does not say which call a request or a log message of the server belongs to.
   */
  get onlyChannel(): ClientChannel | undefined {
    return this.#calls.size === 1 ? this.#calls.any?.channel : undefined;
  }

  /** Adds a call. Pass the returned object to `end`. */
  begin(channel: ClientChannel, clock: Pausable): ActiveCall {
    const call: ActiveCall = { channel, clock, pendingInputs: undefined, indexInSet: -1 };
    this.#calls.add(call);
    return call;
  }

  /** Removes a call that has ended. */
  end(call: ActiveCall): void {
    this.#calls.delete(call);
    if (call.pendingInputs === undefined) return;
    for (const input of [...call.pendingInputs]) input.removeCall(call);
  }

  /**
   * Adds a request of the server to the client. Call `close` on the result once the client has answered or
   * can no longer answer.
   *
   * @param requestSignal Aborts when the server cancels the request, or when the server's connection has ended.
   * @param graceMs Time for the answer after the end of the calls, in milliseconds.
   */
  beginInput(requestSignal: CancelSignal, graceMs: number): PendingInput {
    return new PendingInput(this.#calls.all(), { requestSignal, graceMs });
  }
}
