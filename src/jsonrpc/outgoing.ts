import type { CancelSignal } from "./cancellation.ts";
import { IdTable } from "./id_table.ts";
import { type IdText, notificationText, type Payload, requestText } from "./message.ts";
import type { Reply } from "./reply.ts";

/** How a request is sent. */
export interface RequestOptions {
  /** Aborting it cancels the request on the other side and rejects with the signal's reason. */
  readonly signal?: CancelSignal;
  /** Takes the parameters of each progress notification for this request. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Id of an earlier request, answered since, whose progress token lives on: its progress counts as
   * this request's. MCP keeps the token of a call that became a task until the task ends.
   */
  readonly continues?: number;
  /** The other side's request that ours belongs to; ours takes its way, where there are several. */
  readonly during?: { tell(text: string): void };
}

/** What waits for an answer. */
interface Pending {
  readonly id: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: unknown) => void;
  readonly options: RequestOptions;
  /** What listens to the signal of the options. */
  readonly cancel: (() => void) | undefined;
}

/** How many cancelled requests are remembered, for their late answers. */
const MAX_CANCELLED = 1000;

/** The requests of ours that wait for their answers, each under an id of its own. */
export class OutgoingRequests {
  readonly #send: (text: string) => void;
  readonly #pending = new IdTable<number, Pending>((id) => id);
  // By the id of an earlier request, the id of the one that continues it.
  readonly #continued = new Map<number, number>();
  // Answers may still come, for the other side had not heard of the cancellation.
  readonly #cancelled = new Set<number>();
  // Ids start at 1: clients of the 1.x SDK take a cancellation of request 0 for none.
  #nextId = 1;

  /** @param send Sends the text of a message. */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** How many wait. */
  get count(): number {
    return this.#pending.size;
  }

  /** Sends a request, as `Peer.request` has it. */
  request(
    method: string,
    params: Payload | ((id: number) => Payload) | undefined,
    options: RequestOptions,
  ): Promise<Reply> {
    const { signal, continues, during } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    // Made first, because it may throw: nothing must wait for what was never sent.
    const text = requestText(id, method, typeof params === "function" ? params(id) : params);
    return new Promise((resolve, reject) => {
      const cancel = signal && (() => this.#cancel(id));
      if (cancel !== undefined) signal?.addEventListener("abort", cancel, { once: true });
      this.#pending.set(id, { id, resolve, reject, options, cancel });
      if (continues !== undefined) this.#continued.set(continues, id);
      if (during === undefined) this.#send(text);
      else during.tell(text);
    });
  }

  /** Settles the request of this id; whether there is one. */
  resolve(id: IdText | undefined, reply: Reply): boolean {
    const pending = this.#take(Number(id));
    pending?.resolve(reply);
    return pending !== undefined;
  }

  /** Rejects the request of this id; whether there is one. */
  reject(id: IdText | undefined, cause: Error | (() => Error)): boolean {
    const pending = this.#take(Number(id));
    pending?.reject(typeof cause === "function" ? cause() : cause);
    return pending !== undefined;
  }

  /** Rejects all. */
  rejectAll(cause: Error): void {
    for (const { id } of this.#pending.values()) this.#take(id)?.reject(cause);
  }

  /** Hands progress to the request that it names; to none where the token is not one of ours. */
  progress(params: Readonly<Record<string, unknown>>): void {
    const { progressToken } = params;
    // Our tokens are numbers. To turn anything else into one may throw (`{"valueOf": null}`), or
    // find a request that was not meant (`true`).
    if (typeof progressToken !== "number") return;
    const id = this.#continued.get(progressToken) ?? progressToken;
    this.#pending.get(id)?.options.onProgress?.(params);
  }

  /** Whether an answer is that to a request that was cancelled; each is asked for once. */
  isLate(id: IdText | undefined): boolean {
    return this.#cancelled.delete(Number(id));
  }

  #cancel(id: number): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    this.#cancelled.add(id);
    if (this.#cancelled.size > MAX_CANCELLED) {
      const [oldest = id] = this.#cancelled;
      this.#cancelled.delete(oldest);
    }
    const { reject, options: { signal, during } } = pending;
    const reason = describeReason(signal?.reason);
    const text = notificationText("notifications/cancelled", { requestId: id, reason });
    if (during === undefined) this.#send(text);
    else during.tell(text);
    reject(signal?.reason);
  }

  /** Takes a request out; an id that is none of ours finds none. */
  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    const { options: { signal, continues }, cancel } = pending;
    if (cancel !== undefined) signal?.removeEventListener("abort", cancel);
    if (continues !== undefined) this.#continued.delete(continues);
    return pending;
  }
}

function describeReason(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  return typeof reason === "string" ? reason : "cancelled";
}
