import type { ServerResponse } from "node:http";
import type { Budget } from "./budget.ts";
import type { HttpLimits } from "./limits.ts";

/** Maximum size of one write, in bytes, so that the progress of a slow client is noticed. */
const PIECE_BYTES = 128 * 1024;

/** The shared context of the writers. */
export interface WriterContext {
  /** Limits on the size and the age of a client's queued data. */
  readonly limits: Pick<HttpLimits, "unread" | "stalledMs">;
  /** The shared limit on the queued data of all clients, in bytes. */
  readonly budget: Budget;
  /** The writers with queued data, in the order in which they started to queue. */
  readonly waiting: Set<ResponseWriter>;
}

/**
 * Writes the body of a response: chunks are queued until the client reads them. If too much is queued,
 * or the client reads nothing for long, the connection is closed.
 */
export class ResponseWriter {
  readonly #response: ServerResponse;
  readonly #context: WriterContext;
  readonly #queue: Uint8Array[] = [];
  readonly #listeners: (() => void)[] = [];
  #queuedBytes = 0;
  #isBlocked = false;
  #isEnding = false;
  #isClosed = false;
  #movedAt = performance.now();

  constructor(response: ServerResponse, context: WriterContext) {
    this.#response = response;
    this.#context = context;
    response.on("drain", () => {
      this.#movedAt = performance.now();
      this.#isBlocked = false;
      this.#pump();
    });
    response.on("error", () => this.#close());
    response.on("close", () => this.#close());
    if (response.destroyed) this.#close();
  }

  /** Registers a listener for the end of the response or of the client. */
  whenClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#listeners.push(listener);
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isEnding) return;
    // The limit applies before the message is added, so a client that keeps up gets one of any length.
    if (this.#queuedBytes > this.#context.limits.unread) return this.destroy();
    if (this.#queuedBytes === 0) this.#movedAt = performance.now();
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#queue.push(bytes.subarray(at, at + PIECE_BYTES));
    }
    this.#count(bytes.length);
    this.#pump();
  }

  /** Ends the response after the queued bytes. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /** Closes the connection immediately. */
  destroy(): void {
    this.#close();
    this.#response.destroy();
  }

  /** Closes the connection if the client has read nothing for too long. */
  destroyIfStalled(): void {
    const isWaiting = this.#queuedBytes > 0 || this.#isEnding;
    const stalledMs = performance.now() - this.#movedAt;
    if (isWaiting && stalledMs > this.#context.limits.stalledMs) this.destroy();
  }

  #pump(): void {
    if (this.#isClosed) return;
    while (!this.#isBlocked) {
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#count(-piece.length);
      this.#isBlocked = !this.#response.write(piece);
    }
    if (this.#isEnding && this.#queue.length === 0 && !this.#response.writableEnded) {
      this.#response.end();
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#count(-this.#queuedBytes);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** Counts queued bytes; above the shared limit, disconnects the client that has queued the longest. */
  #count(moreBytes: number): void {
    const { budget, waiting } = this.#context;
    this.#queuedBytes += moreBytes;
    budget.used += moreBytes;
    if (this.#queuedBytes === 0) waiting.delete(this);
    else waiting.add(this);
    for (const longest of waiting) {
      if (!budget.isExceeded()) break;
      longest.destroy();
    }
  }
}
