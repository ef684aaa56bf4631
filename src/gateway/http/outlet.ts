import type { ServerResponse } from "node:http";
import type { Limits } from "./limits.ts";

/** What one write takes at the most, in bytes, so that a slow client is seen to take something. */
const PIECE_BYTES = 128 * 1024;

/**
 * The way to a client: what is written waits in line until the client takes it. A client that lets
 * too much wait, or takes nothing for long, is cut off.
 */
export class Outlet {
  readonly #response: ServerResponse;
  readonly #limits: Limits;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #isBlocked = false;
  #isEnding = false;
  #isOver = false;
  #onOver: (() => void)[] = [];
  #movedAt = performance.now();

  /**
   * @param response Whose body is written.
   * @param limits How much may wait, and for how long.
   */
  constructor(response: ServerResponse, limits: Limits) {
    this.#response = response;
    this.#limits = limits;
    response.on("drain", () => {
      this.#movedAt = performance.now();
      this.#isBlocked = false;
      this.#pump();
    });
    const over = (): void => {
      this.#isOver = true;
      this.#queue.length = 0;
      for (const tell of this.#onOver.splice(0)) tell();
    };
    response.on("error", over);
    response.on("close", over);
    if (response.destroyed) over();
  }

  /** Whether nothing can be written any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Has something called when the client is gone or has everything. */
  whenOver(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#onOver.push(listener);
  }

  /** Writes a text. */
  write(text: string): void {
    this.writeBytes(new TextEncoder().encode(text));
  }

  /** Writes bytes. */
  writeBytes(bytes: Uint8Array): void {
    if (this.#isOver || this.#isEnding) return;
    // However long one message is, a client that keeps up gets it.
    if (this.#queued > this.#limits.unread) return this.cut();
    if (this.#queued === 0) this.#movedAt = performance.now();
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#queue.push(bytes.subarray(at, at + PIECE_BYTES));
    }
    this.#queued += bytes.length;
    this.#pump();
  }

  /** Ends the answer after what waits. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /** Closes the connection at once. */
  cut(): void {
    this.#response.destroy();
  }

  /** Cuts off a client that has taken nothing for too long. */
  cutIfStalled(): void {
    const isWaiting = this.#queued > 0 || this.#isEnding;
    if (isWaiting && performance.now() - this.#movedAt > this.#limits.stalledMs) this.cut();
  }

  #pump(): void {
    if (this.#isOver) return;
    while (!this.#isBlocked) {
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#queued -= piece.length;
      this.#isBlocked = !this.#response.write(piece);
    }
    if (this.#isEnding && this.#queue.length === 0 && !this.#response.writableEnded) {
      this.#response.end();
    }
  }
}
