import type { Budget } from "../budget.ts";
import type { CancelSignal } from "./cancellation.ts";
import type { Channel, QueuedMessage } from "./channel.ts";
import { hashNumber, IdTable } from "./id_table.ts";
import {
  type IdText,
  MIN_PARTS_LENGTH,
  type Payload,
  serializeNotification,
  serializeRequest,
} from "./message.ts";
import type { Reply } from "./reply.ts";
import { shortenText } from "../text.ts";

/** Options of a request. */
export interface RequestOptions {
  /** Cancels the request on the other side; the request then rejects with the reason of the signal. */
  readonly signal?: CancelSignal;
  /** Called with the parameters of each progress notification for this request. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Id of an earlier, answered request whose further progress belongs to this one: in MCP, the progress
   * token of a call that became a task stays valid until the task ends.
   */
  readonly continuedRequestId?: number;
  /**
   * The request of the other side that the new request belongs to. Over HTTP, the new request is sent in the
   * response to it.
   */
  readonly duringRequest?: { notify(text: string): void };
  /** HTTP headers of the request; ignored by channels that do not use HTTP. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The budget that the request counts against until it has been written; default: that of the other side. */
  readonly memory?: Budget | undefined;
}

interface PendingRequest {
  readonly id: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (cause: unknown) => void;
  readonly options: RequestOptions;
  /** The request in the queue of the channel. */
  queuedMessage: QueuedMessage | void;
  /** The listener on the signal of the options. */
  readonly onAbort: (() => void) | undefined;
}

/** Number of cancelled requests that are remembered to recognize their late answers. */
const MAX_CANCELLED = 1000;

/** Maximum length of the reason in a cancellation, in UTF-16 code units. */
const MAX_REASON_LENGTH = 200;

/** Our requests that wait for their answers. */
export class OutgoingRequests {
  readonly #channel: Pick<Channel, "send" | "sendParts" | "withdraw" | "requestAnswered">;
  readonly #pending = new IdTable<number, PendingRequest>(hashNumber);
  // By the id of an earlier request: the id of the request that continues it.
  readonly #continuedBy = new Map<number, number>();
  // Ids of cancelled requests. The other side may have answered before it received the cancellation.
  readonly #cancelledIds = new Set<number>();
  #nextId: number;

  /** Ids start at 1 by default: clients of the 1.x SDK ignore a cancellation of request 0. */
  constructor(
    channel: Pick<Channel, "send" | "sendParts" | "withdraw" | "requestAnswered">,
    firstId: number = 1,
  ) {
    this.#channel = channel;
    this.#nextId = firstId;
  }

  get size(): number {
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
    const { signal, continuedRequestId, duringRequest } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    // Serializing may throw, so it comes before the request is registered as pending.
    const parts = serializeRequest(id, {
      method,
      params: typeof params === "function" ? params(id) : params,
    });
    return new Promise((resolve, reject) => {
      const onAbort = signal && (() => this.#cancel(id));
      if (onAbort !== undefined) signal?.addEventListener("abort", onAbort, { once: true });
      const queuedMessage = undefined;
      const pending: PendingRequest = { id, resolve, reject, options, queuedMessage, onAbort };
      this.#pending.set(id, pending);
      if (continuedRequestId !== undefined) this.#continuedBy.set(continuedRequestId, id);
      if (duringRequest === undefined) pending.queuedMessage = this.#send(parts, options);
      else duringRequest.notify(parts.join(""));
    });
  }

  #send(
    parts: readonly string[],
    { memory, headers }: Pick<RequestOptions, "memory" | "headers">,
  ): QueuedMessage | void {
    const isLong = parts.some(({ length }) => length >= MIN_PARTS_LENGTH);
    return isLong && this.#channel.sendParts !== undefined
      ? this.#channel.sendParts(parts, memory)
      : this.#channel.send(parts.join(""), memory, headers);
  }

  /** Settles the request with this id; returns whether there is one. */
  resolve(id: IdText | undefined, reply: Reply): boolean {
    const pending = this.#remove(Number(id));
    if (pending === undefined) return false;
    this.#channel.requestAnswered?.(String(pending.id));
    pending.resolve(reply);
    return true;
  }

  /** Rejects the request with this id; returns whether there is one. */
  reject(id: IdText | undefined, cause: Error | (() => Error)): boolean {
    const pending = this.#remove(Number(id));
    pending?.reject(typeof cause === "function" ? cause() : cause);
    return pending !== undefined;
  }

  rejectAll(cause: Error): void {
    for (const { id } of this.#pending.values()) this.#remove(id)?.reject(cause);
  }

  /** Passes progress to the request that its token names; ignores unknown tokens. */
  receiveProgress(params: Readonly<Record<string, unknown>>): void {
    const { progressToken } = params;
    // The tokens of this peer are numbers. Converting another value to a number may throw
    // (`{"valueOf": null}`) or accidentally give the id of a request (`true`).
    if (typeof progressToken !== "number") return;
    const id = this.#continuedBy.get(progressToken) ?? progressToken;
    this.#pending.get(id)?.options.onProgress?.(params);
  }

  /** Whether an answer belongs to a cancelled request; forgets the request. */
  takeCancelled(id: IdText | undefined): boolean {
    return this.#cancelledIds.delete(Number(id));
  }

  #cancel(id: number): void {
    const pending = this.#remove(id);
    if (pending === undefined) return;
    const { queuedMessage, reject, options: { signal, duringRequest } } = pending;
    // The other side does not know a request that has not left the queue, so it gets no cancellation.
    if (queuedMessage && this.#channel.withdraw?.(queuedMessage) === true) {
      return reject(signal?.reason);
    }
    this.#cancelledIds.add(id);
    if (this.#cancelledIds.size > MAX_CANCELLED) {
      const [oldest = id] = this.#cancelledIds;
      this.#cancelledIds.delete(oldest);
    }
    const reason = describeReason(signal?.reason);
    const text = serializeNotification("notifications/cancelled", { requestId: id, reason });
    if (duringRequest === undefined) this.#channel.send(text);
    else duringRequest.notify(text);
    reject(signal?.reason);
  }

  /** Removes a pending request; returns `undefined` if there is none with this id. */
  #remove(id: number): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    const { options: { signal, continuedRequestId }, onAbort } = pending;
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
    if (continuedRequestId !== undefined) this.#continuedBy.delete(continuedRequestId);
    return pending;
  }
}

function describeReason(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : reason;
  return typeof text === "string" ? shortenText(text, MAX_REASON_LENGTH) : "cancelled";
}
