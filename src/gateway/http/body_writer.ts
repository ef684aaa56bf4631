import type { ServerResponse } from "node:http";
import type { Budget } from "../../budget.ts";
import { ByteBuffer } from "../../jsonrpc/mod.ts";
import type { HeldData, HeldDataLimit } from "./held_data.ts";
import type { HttpLimits } from "./limits.ts";

/** Maximum size of one write, in bytes; small enough to notice the progress of a slow client. */
const CHUNK_BYTES = 128 * 1024;

/** The context that all writers share. */
export interface WriterContext {
  /** Limits on the size and the age of a client's queued data. */
  readonly limits: Pick<HttpLimits, "queuedBytes" | "stalledMs">;
  /** The queued data of all clients, in bytes. */
  readonly heldData: HeldDataLimit;
}

/**
 * Writes the body of a response: chunks are queued until the client reads them. If too much is queued,
 * or the client reads nothing for long, the connection is closed.
 */
export class BodyWriter implements HeldData {
  /** The budget that the queued data counts against. Set before the first write. */
  memory: Budget;
  readonly #response: ServerResponse;
  readonly #context: WriterContext;
  // The queued bytes, in chunks; many short messages are joined into one. Empty unless writing is blocked.
  readonly #queue: Uint8Array[] = [];
  #lastChunk = new ByteBuffer({ maxBytes: CHUNK_BYTES });
  readonly #closeListeners: (() => void)[] = [];
  #queuedBytes = 0;
  #isBlocked = false;
  #isEnding = false;
  #isClosed = false;
  #lastProgressAt = performance.now();

  constructor(
    response: ServerResponse,
    { memory, ...context }: WriterContext & { readonly memory: Budget },
  ) {
    this.memory = memory;
    this.#response = response;
    this.#context = context;
    response.on("drain", () => {
      this.#lastProgressAt = performance.now();
      this.#isBlocked = false;
      this.#writeQueue();
    });
    response.on("error", () => this.#close());
    response.on("close", () => this.#close());
    if (response.destroyed) this.#close();
  }

  /** Whether so much is queued that unimportant data should be dropped, before the connection has to be closed. */
  get hasSlowReader(): boolean {
    return this.#queuedBytes > this.#context.limits.queuedBytes / 2;
  }

  /** Registers a listener for the end of the response, by the gateway or by the client. */
  onClose(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#closeListeners.push(listener);
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isEnding) return;
    // Only earlier messages count, so that a client that keeps up can receive a message of any length.
    if (this.#queuedBytes > this.#context.limits.queuedBytes) return this.destroy();
    if (this.#queuedBytes === 0) this.#lastProgressAt = performance.now();
    if (!this.#isBlocked && bytes.length <= CHUNK_BYTES) {
      this.#isBlocked = !this.#response.write(bytes);
      return;
    }
    if (!this.#lastChunk.append(bytes)) {
      this.#queueLastChunk();
      for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
        this.#queue.push(bytes.subarray(offset, offset + CHUNK_BYTES));
      }
    }
    this.#addQueuedBytes(bytes.length);
    this.#writeQueue();
  }

  /** Ends the response after the queued bytes. */
  end(): void {
    this.#isEnding = true;
    this.#writeQueue();
  }

  /** Closes the connection immediately. */
  destroy(): void {
    this.#close();
    this.#response.destroy();
  }

  release(): void {
    this.destroy();
  }

  /** Begins to measure anew: this process was stopped, and could not see that the client reads. */
  restartStallTime(): void {
    this.#lastProgressAt = performance.now();
  }

  /** Closes the connection if the client has read nothing for too long. */
  destroyIfStalled(): void {
    const isWaiting = this.#queuedBytes > 0 || this.#isEnding;
    const stalledMs = performance.now() - this.#lastProgressAt;
    if (isWaiting && stalledMs > this.#context.limits.stalledMs) this.destroy();
  }

  #writeQueue(): void {
    if (this.#isClosed) return;
    while (!this.#isBlocked) {
      if (this.#queue.length === 0) this.#queueLastChunk();
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#addQueuedBytes(-chunk.length);
      this.#isBlocked = !this.#response.write(chunk);
    }
    if (this.#isEnding && this.#queuedBytes === 0 && !this.#response.writableEnded) {
      this.#response.end();
    }
  }

  #queueLastChunk(): void {
    if (this.#lastChunk.size === 0) return;
    this.#queue.push(this.#lastChunk.bytes);
    this.#lastChunk = new ByteBuffer({ maxBytes: CHUNK_BYTES });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#lastChunk.release();
    this.#addQueuedBytes(-this.#queuedBytes);
    for (const listener of this.#closeListeners.splice(0)) listener();
  }

  #addQueuedBytes(change: number): void {
    this.#queuedBytes += change;
    this.#context.heldData.add(this, change);
  }
}
