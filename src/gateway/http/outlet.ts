import type { ServerResponse } from "node:http";
import type { Limits } from "./limits.ts";

/** What one write takes at the most, in bytes, so that a slow client is seen to take something. */
const PIECE_BYTES = 128 * 1024;

/** What waits for all clients together. */
export class UnreadBudget {
  /** How much it is, in bytes. */
  used = 0;
  readonly #most: number;
  // In the order in which they began to wait for their clients.
  readonly #waiting = new Set<Outlet>();

  /** @param most How much it may be, in bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Notes how much waits for a client now, and how much that is more than before. */
  note(outlet: Outlet, { queued, more }: { readonly queued: number; readonly more: number }): void {
    this.used += more;
    if (queued === 0) this.#waiting.delete(outlet);
    else this.#waiting.add(outlet);
    for (const longest of this.#waiting) {
      if (this.used <= this.#most) break;
      longest.cut();
    }
  }
}

/**
 * The way to a client: what is written waits in line until the client takes it. A client that lets
 * too much wait, or takes nothing for long, is cut off.
 */
export class Outlet {
  readonly #response: ServerResponse;
  readonly #limits: Limits;
  readonly #unread: UnreadBudget;
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
   * @param unread What waits for all clients.
   */
  constructor(response: ServerResponse, limits: Limits, unread: UnreadBudget) {
    this.#response = response;
    this.#limits = limits;
    this.#unread = unread;
    response.on("drain", () => {
      this.#movedAt = performance.now();
      this.#isBlocked = false;
      this.#pump();
    });
    response.on("error", () => this.#over());
    response.on("close", () => this.#over());
    if (response.destroyed) this.#over();
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
    this.#note(bytes.length);
    this.#pump();
  }

  /** Ends the answer after what waits. */
  end(): void {
    this.#isEnding = true;
    this.#pump();
  }

  /** Closes the connection at once. */
  cut(): void {
    this.#over();
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
      this.#note(-piece.length);
      this.#isBlocked = !this.#response.write(piece);
    }
    if (this.#isEnding && this.#queue.length === 0 && !this.#response.writableEnded) {
      this.#response.end();
    }
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue.length = 0;
    this.#note(-this.#queued);
    for (const tell of this.#onOver.splice(0)) tell();
  }

  #note(more: number): void {
    this.#queued += more;
    this.#unread.note(this, { queued: this.#queued, more });
  }
}
