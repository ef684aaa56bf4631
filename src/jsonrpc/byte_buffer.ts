import type { Budget } from "../budget.ts";

/** Options of a buffer. */
export interface ByteBufferOptions {
  /** Maximum number of bytes. */
  readonly maxBytes: number;
  /** The budget that the buffer counts against. Default: no limit. */
  readonly memory?: Budget | undefined;
  /** Size up to which the buffer grows even if the budget has no room, in bytes. Default: 0. */
  readonly uncheckedBytes?: number;
}

/** A full buffer doubles up to this size, in bytes; a larger one grows by this size. */
const GROWTH_BYTES = 1024 * 1024;

/** Maximum size of a buffer, in bytes. */
const MAX_BYTES = 1024 * 1024 * 1024;

/** Collects bytes in one buffer. A large buffer grows in place, because copying 32 MB blocks the event loop for 30 ms. */
export class ByteBuffer {
  readonly #maxBytes: number;
  readonly #memory: Budget | undefined;
  readonly #uncheckedBytes: number;
  #buffer = new Uint8Array(0);
  #size = 0;

  /** Creates an empty buffer. */
  constructor({ maxBytes, memory, uncheckedBytes = 0 }: ByteBufferOptions) {
    this.#maxBytes = Math.min(maxBytes, MAX_BYTES);
    this.#memory = memory;
    this.#uncheckedBytes = uncheckedBytes;
  }

  /** Number of bytes. */
  get size(): number {
    return this.#size;
  }

  /** The bytes, which are valid until the next change. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Number of bytes that are allocated. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Adds bytes. Returns whether there is room for them; otherwise nothing changes. */
  append(part: Uint8Array): boolean {
    const size = this.#size + part.length;
    if (size > this.#maxBytes) return false;
    const growth = Math.min(this.capacity, GROWTH_BYTES);
    const capacity = Math.min(Math.max(size, this.capacity + growth), this.#maxBytes);
    if (size > this.capacity && !this.reserve(capacity)) return false;
    this.#buffer.set(part, this.#size);
    this.#size = size;
    return true;
  }

  /** Allocates memory for a number of bytes. Returns whether there is room for it; otherwise nothing changes. */
  reserve(capacity: number): boolean {
    const addedBytes = capacity - this.capacity;
    if (addedBytes <= 0) return true;
    const isChecked = capacity > this.#uncheckedBytes;
    if (isChecked && this.#memory?.hasRoom(addedBytes) === false) return false;
    this.#memory?.add(addedBytes);
    const { buffer } = this.#buffer;
    if (buffer.resizable) buffer.resize(capacity);
    else this.#replace(createBuffer(capacity, this.#maxBytes));
    return true;
  }

  /** Removes the bytes, but keeps the memory for later bytes. */
  clear(): void {
    this.#size = 0;
  }

  /** Removes the bytes and frees the memory. */
  release(): void {
    this.#size = 0;
    this.#memory?.add(-this.capacity);
    this.#replace(new Uint8Array(0));
  }

  #replace(buffer: Uint8Array<ArrayBuffer>): void {
    buffer.set(this.bytes);
    // Frees the old memory now: the garbage collector would leave it for a long time.
    this.#buffer.buffer.transfer(0);
    this.#buffer = buffer;
  }
}

/** Creates a buffer. If it is large, it can be resized, and the returned array grows with it. */
function createBuffer(capacity: number, maxBytes: number): Uint8Array<ArrayBuffer> {
  if (capacity <= GROWTH_BYTES) return new Uint8Array(capacity);
  const buffer = new ArrayBuffer(0, { maxByteLength: maxBytes });
  buffer.resize(capacity);
  return new Uint8Array(buffer);
}
