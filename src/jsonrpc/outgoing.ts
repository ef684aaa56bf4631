import type { CancelSignal } from "./cancellation.ts";
import { IdTable } from "./id_table.ts";
import { type IdText, notificationText, type Payload, requestText } from "./message.ts";
import type { Reply } from "./reply.ts";

/** Options of a request. */
export interface RequestOptions {
  /** Aborting it cancels the request on the other side and rejects with the signal's reason. */
  readonly signal?: CancelSignal;
  /** Called with the parameters of each progress notification for this request. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Id of an earlier, answered request whose progress is passed to this one. MCP keeps the progress
   * token of a call that became a task until the task ends.
   */
  readonly continues?: number;
  /** The other side's request that this one belongs to; this one is sent in the reply to it. */
  readonly during?: { notify(text: string): void };
}

interface Pending {
  readonly id: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: unknown) => void;
  readonly options: RequestOptions;
  /** The listener on the signal of the options. */
  readonly cancel: (() => void) | undefined;
}

/** Number of cancelled requests that are remembered to recognize their late answers. */
const MAX_CANCELLED = 1000;

/** Our requests that wait for their answers. */
export class OutgoingRequests {
  readonly #send: (text: string) => void;
  readonly #pending = new IdTable<number, Pending>((id) => id);
  // Keyed by the id of an earlier request: the id of the request that continues it.
  readonly #continued = new Map<number, number>();
  // Their answers may still arrive, sent before the other side received the cancellation.
  readonly #cancelled = new Set<number>();
  // Ids start at 1: clients of the 1.x SDK ignore a cancellation of request 0.
  #nextId = 1;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Sends a request; see `Peer.request`. */
  request(
    { method, params }: {
      readonly method: string;
      readonly params: Payload | ((id: number) => Payload) | undefined;
    },
    options: RequestOptions,
  ): Promise<Reply> {
    const { signal, continues, during } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    // This may throw, so it comes before the request is registered as pending.
    const text = requestText(id, {
      method,
      params: typeof params === "function" ? params(id) : params,
    });
    return new Promise((resolve, reject) => {
      const cancel = signal && (() => this.#cancel(id));
      if (cancel !== undefined) signal?.addEventListener("abort", cancel, { once: true });
      this.#pending.set(id, { id, resolve, reject, options, cancel });
      if (continues !== undefined) this.#continued.set(continues, id);
      if (during === undefined) this.#send(text);
      else during.notify(text);
    });
  }

  /** Settles the request with this id; returns whether there is one. */
  resolve(id: IdText | undefined, reply: Reply): boolean {
    const pending = this.#take(Number(id));
    pending?.resolve(reply);
    return pending !== undefined;
  }

  /** Rejects the request with this id; returns whether there is one. */
  reject(id: IdText | undefined, cause: Error | (() => Error)): boolean {
    const pending = this.#take(Number(id));
    pending?.reject(typeof cause === "function" ? cause() : cause);
    return pending !== undefined;
  }

  rejectAll(cause: Error): void {
    for (const { id } of this.#pending.values()) this.#take(id)?.reject(cause);
  }

  /** Passes progress to the request that its token names; ignores unknown tokens. */
  progress(params: Readonly<Record<string, unknown>>): void {
    const { progressToken } = params;
    // Our tokens are numbers. Converting another value may throw (`{"valueOf": null}`) or name a
    // request by accident (`true`).
    if (typeof progressToken !== "number") return;
    const id = this.#continued.get(progressToken) ?? progressToken;
    this.#pending.get(id)?.options.onProgress?.(params);
  }

  /** Whether an answer belongs to a cancelled request; true only once per request. */
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
    else during.notify(text);
    reject(signal?.reason);
  }

  /** Removes a pending request; undefined if the id is not one of ours. */
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
