import type { ResponseWriter } from "./channel.ts";
import { IncomingRequest, type RequestOrigin } from "./incoming.ts";
import { type RequestMessage, RPC_CODES } from "./message.ts";
import type { PeerHandler } from "./peer.ts";

/**
 * Requests that share no connection, so that their ids may be equal: each one is answered to its own sender. A `Peer`
 * handles the requests of a connection.
 */
export class IndependentRequests {
  readonly #handler: Pick<PeerHandler, "request" | "unexpected">;
  readonly #active = new Set<IncomingRequest>();
  #onAnswered: (() => void)[] = [];

  /**
   * Creates an empty set of requests.
   *
   * @param handler Handles the requests, and receives its own failures for the log.
   */
  constructor(handler: Pick<PeerHandler, "request" | "unexpected">) {
    this.#handler = handler;
  }

  /** Number of requests that are not answered yet. */
  get count(): number {
    return this.#active.size;
  }

  /**
   * Receives a request.
   *
   * @param replyTo Replies to its sender.
   * @returns The request, to cancel it when its sender is gone.
   */
  receive(message: RequestMessage, replyTo: ResponseWriter): IncomingRequest {
    const request = new IncomingRequest(message, { replyTo, onEnd: this.#onRequestEnd });
    this.#active.add(request);
    try {
      const result = this.#handler.request(request);
      if (result instanceof Promise) result.catch((cause) => this.#failRequest(request, cause));
    } catch (cause) {
      this.#failRequest(request, cause);
    }
    return request;
  }

  /** Resolves when every request has been answered. */
  allAnswered(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onAnswered.push(resolve));
  }

  /** Cancels the requests that are not answered yet. */
  cancelAll(reason: string): void {
    for (const request of [...this.#active]) request.cancel(reason);
  }

  readonly #onRequestEnd: RequestOrigin["onEnd"] = (request, answer) => {
    const { id, replyTo } = request;
    this.#active.delete(request);
    if (typeof answer === "string") replyTo.answer(answer, id);
    else if (answer !== undefined) replyTo.answer(answer.join(""), id);
    replyTo.end();
    if (this.#active.size === 0) this.#onAnswered.splice(0).forEach((resolve) => resolve());
  };

  #failRequest(request: IncomingRequest, cause: unknown): void {
    request.fail({ code: RPC_CODES.internalError, message: "Internal error" });
    const description = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    const { text } = request;
    this.#handler.unexpected(`A handler threw: ${description}`, text, text.length);
  }
}
