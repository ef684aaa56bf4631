import type { ServerResponse } from "node:http";
import type { Budget } from "./budget.ts";
import type { HttpLimits } from "./limits.ts";

/** What one write takes at the most, in bytes, so that a slow client is seen to take something. */
const PIECE_BYTES = 128 * 1024;

/** What writers share. */
export interface WriterContext {
  /** How much may wait for a client, and for how long. */
  readonly limits: Pick<HttpLimits, "unread" | "stalledMs">;
  /** What waits for all clients together, in bytes. */
  readonly budget: Budget;
  /** The writers for which something waits, in the order in which that began. */
  readonly waiting: Set<ResponseWriter>;
}

/**
 * Writes the body of a response: pieces wait in line until the client takes them. The connection of a
 * client that lets too much wait, or takes nothing for long, is closed.
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

  /**
   * Begins to watch the connection.
   *
   * @param response Whose body is written.
   * @param context What it shares with other writers.
   */
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

  /** Has something called when the client is gone or has everything. */
  whenClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#listeners.push(listener);
  }

  /** Writes bytes. */
  write(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isEnding) return;
    // However long one message is, a client that keeps up gets it.
    if (this.#queuedBytes > this.#context.limits.unread) return this.destroy();
    if (this.#queuedBytes === 0) this.#movedAt = performance.now();
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#queue.push(bytes.subarray(at, at + PIECE_BYTES));
    }
    this.#count(bytes.length);
    this.#pump();
  }

  /** Ends the response after what waits. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /** Closes the connection at once. */
  destroy(): void {
    this.#close();
    this.#response.destroy();
  }

  /** Closes the connection if the client has taken nothing for too long. */
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

  /** Counts what waits; where that is too much for all together, the longest waiting client goes. */
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
