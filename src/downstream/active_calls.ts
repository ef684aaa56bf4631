import { Cancellation, type CancelSignal, type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";
import type { Pausable } from "../within.ts";
import type { Caller } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";
import { within } from "../within.ts";

/** A call that waits for the server's answer. The object identifies the call: a client may have several. */
export interface ActiveCall extends Indexed {
  readonly caller: Pick<Caller, "channel" | "connectionId" | "agent">;
  /** Number of calls of the session that began before. */
  readonly number: number;
  readonly clock: Pausable;
  /** The server's pending requests for input during the call; `undefined` if there was none, as for most calls. */
  pendingInputs: Set<PendingInput> | undefined;
}

/**
 * A request of a server that waits for the client's answer. The protocol does not say which call the
 * request belongs to, so it may belong to all calls that were active when it arrived. Their clocks are paused
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
  #begunCount = 0;

  /** Number of active calls. */
  get count(): number {
    return this.#calls.size;
  }

  /**
   * The channel to the client that a request or a log message of the server is for; `undefined` if that is unknown.
   */
  get channel(): ClientChannel | undefined {
    return this.#findCall()?.caller.channel;
  }

  /** Adds a call. Pass the returned object to `end`. */
  begin(caller: ActiveCall["caller"], clock: Pausable): ActiveCall {
    const number = this.#begunCount++;
    const call: ActiveCall = { caller, number, clock, pendingInputs: undefined, indexInSet: -1 };
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
    const call = this.#findCall();
    const calls = call === undefined ? this.#calls.all() : [call];
    return new PendingInput(calls, { requestSignal, graceMs });
  }

  /**
   * Returns the call that a message of the server belongs to; `undefined` if that is unknown. The protocol does not say
   * it. A single active call is the only candidate. Several calls are told apart only if all are of one agent, whose
   * client gives input only with a new request: then the latest call that waits for no input is the likeliest.
   */
  #findCall(): ActiveCall | undefined {
    const { any, size } = this.#calls;
    if (size <= 1 || any === undefined || !any.caller.channel.relaysInput) {
      return size === 1 ? any : undefined;
    }
    const calls = this.#calls.all();
    const { connectionId, agent } = any.caller;
    const areOfOneAgent = calls.every(({ caller }) =>
      caller.channel.relaysInput && caller.connectionId === connectionId && caller.agent === agent
    );
    if (!areOfOneAgent) return undefined;
    const withoutInput = calls.filter(({ pendingInputs }) => (pendingInputs?.size ?? 0) === 0);
    const candidates = withoutInput.length > 0 ? withoutInput : calls;
    return candidates.reduce((latest, call) => {
      return call.number > latest.number ? call : latest;
    });
  }
}
