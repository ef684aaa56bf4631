import { type IdText, notificationText, type Payload, requestText } from "./message.ts";
import type { Reply } from "./reply.ts";

/** How a request is sent. */
export interface RequestOptions {
  /** Aborting it cancels the request on the other side and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Takes the parameters of each progress notification for this request. */
  readonly onProgress?: (params: Readonly<Record<string, unknown>>) => void;
  /**
   * Id of an earlier request, answered since, whose progress token lives on: its progress counts as
   * this request's. MCP keeps the token of a call that became a task until the task ends.
   */
  readonly continues?: number;
  /** The other side's request that ours belongs to; ours takes its way, where there are several. */
  readonly during?: { tell(text: string): void };
}

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: unknown) => void;
  readonly onProgress: RequestOptions["onProgress"];
  readonly continues: number | undefined;
}

/** The requests of ours that wait for their answers, each under an id of its own. */
export class OutgoingRequests {
  readonly #send: (text: string) => void;
  readonly #pending = new Map<number, Pending>();
  // By the id of an earlier request, the id of the one that continues it.
  readonly #continued = new Map<number, number>();
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
    { signal, onProgress, continues, during }: RequestOptions,
  ): Promise<Reply> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    // Made first, because it may throw: nothing must wait for what was never sent.
    const text = requestText(id, method, typeof params === "function" ? params(id) : params);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const send = during === undefined ? this.#send : (text: string) => during.tell(text);
    if (signal === undefined) {
      this.#pending.set(id, { resolve, reject, onProgress, continues });
    } else {
      const cancel = (): void => {
        this.#take(String(id));
        const reason = describeReason(signal.reason);
        send(notificationText("notifications/cancelled", { requestId: id, reason }));
        reject(signal.reason);
      };
      signal.addEventListener("abort", cancel, { once: true });
      const forget = (): void => signal.removeEventListener("abort", cancel);
      this.#pending.set(id, {
        resolve: (reply) => (forget(), resolve(reply)),
        reject: (cause) => (forget(), reject(cause)),
        onProgress,
        continues,
      });
    }
    if (continues !== undefined) this.#continued.set(continues, id);
    send(text);
    return promise;
  }

  /** Settles the request of this id; whether there is one. */
  resolve(id: IdText | undefined, reply: Reply): boolean {
    const pending = this.#take(id);
    pending?.resolve(reply);
    return pending !== undefined;
  }

  /** Rejects the request of this id; whether there is one. */
  reject(id: IdText | undefined, cause: Error): boolean {
    const pending = this.#take(id);
    pending?.reject(cause);
    return pending !== undefined;
  }

  /** Rejects all. */
  rejectAll(cause: Error): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#continued.clear();
    for (const { reject } of pending) reject(cause);
  }

  /** Hands progress to the request that it names; to none where the token is not one of ours. */
  progress(params: Readonly<Record<string, unknown>>): void {
    const { progressToken } = params;
    // Our tokens are numbers. To turn anything else into one may throw (`{"valueOf": null}`), or
    // find a request that was not meant (`true`).
    if (typeof progressToken !== "number") return;
    const id = this.#continued.get(progressToken) ?? progressToken;
    this.#pending.get(id)?.onProgress?.(params);
  }

  #take(id: IdText | undefined): Pending | undefined {
    if (id === undefined) return undefined;
    const key = Number(id);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    if (pending?.continues !== undefined) this.#continued.delete(pending.continues);
    return pending;
  }
}

function describeReason(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  return typeof reason === "string" ? reason : "cancelled";
}
