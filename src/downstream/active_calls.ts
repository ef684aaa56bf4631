import { Cancellation, type CancelSignal, type Indexed, SwapRemoveSet } from "../jsonrpc/mod.ts";
import type { ClientChannel } from "./caller.ts";
import { within } from "../within.ts";

/** The clock of a call, which is paused while the server waits for the client. */
export interface StoppableClock {
  /** The server asked the client something. */
  pause(): void;
  /** The client answered, or need not answer any more. */
  resume(): void;
}

/** A call that is under way. There is one object for each call, because a client may have many. */
export interface ActiveCall extends Indexed {
  readonly link: ClientChannel;
  readonly clock: StoppableClock;
  /** Requests of the server to the client meanwhile; most calls have none. */
  questions: Set<ServerRequest> | undefined;
}

/**
 * A request of a server that is on its way to the client. It belongs to the calls that were under
 * way when it came: the protocol does not say to which of them. Their clocks stand still until the
 * client answers, and once all of them have ended nobody needs the answer any more.
 */
export class ServerRequest {
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
      (call.questions ??= new Set()).add(this);
      call.clock.pause();
    }
  }

  /** Aborts when the server takes the request back, or when the calls it belongs to have ended. */
  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** A call that it belongs to has ended. */
  leave(call: ActiveCall): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0) return;
    if (this.#graceMs === 0) return this.#cancel();
    void within(this.#closed.promise, this.#graceMs).then((isClosed) => {
      if (!isClosed) this.#cancel();
    });
  }

  /** The client has answered, or never will. */
  close(): void {
    this.#closed.resolve();
    this.#request.removeEventListener("abort", this.#onCancel);
    for (const call of this.#calls) {
      call.questions?.delete(this);
      call.clock.resume();
    }
    this.#calls.clear();
  }

  #cancel(): void {
    this.#cancellation.cancel("The call that this belongs to has ended");
  }
}

/** The calls under way on a session. */
export class ActiveCalls {
  readonly #entries = new SwapRemoveSet<ActiveCall>();

  /** How many there are. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * The client of the only call there is. The protocol does not say which call a request or a log
   * message of the server belongs to, so that is known only while there is one.
   */
  get onlyLink(): ClientChannel | undefined {
    return this.#entries.size === 1 ? this.#entries.any?.link : undefined;
  }

  /** A call begins; gives what ends it. */
  begin(link: ClientChannel, clock: StoppableClock): ActiveCall {
    const entry: ActiveCall = { link, clock, questions: undefined, listedAt: -1 };
    this.#entries.add(entry);
    return entry;
  }

  /** A call is over. */
  end(entry: ActiveCall): void {
    this.#entries.delete(entry);
    if (entry.questions === undefined) return;
    for (const question of [...entry.questions]) question.leave(entry);
  }

  /**
   * The server asks the client something. To be closed when there is an answer.
   *
   * @param request Aborts when the server takes it back, or is gone.
   * @param graceMs How long the answer may take after the end of the calls, in milliseconds.
   */
  ask(request: CancelSignal, graceMs: number): ServerRequest {
    return new ServerRequest(this.#entries.all(), { request, graceMs });
  }
}
