import type { Budget } from "../budget.ts";

/** Options of a buffer. */
export interface ByteBufferOptions {
  /** Maximum number of bytes. */
  readonly maxBytes: number;
  /** The memory in which the buffer counts. Default: no limit. */
  readonly memory?: Budget | undefined;
  /** Size up to which the buffer grows even if the memory has no room, in bytes. Default: 0. */
  readonly uncheckedBytes?: number;
}

/** Collects bytes in one piece of memory, which doubles when it is full. */
export class ByteBuffer {
  readonly #maxBytes: number;
  readonly #memory: Budget | undefined;
  readonly #uncheckedBytes: number;
  #buffer = new Uint8Array(0);
  #size = 0;

  /** Creates an empty buffer. */
  constructor({ maxBytes, memory, uncheckedBytes = 0 }: ByteBufferOptions) {
    this.#maxBytes = maxBytes;
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

  /** Number of bytes for which the buffer has memory. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** Adds bytes. Returns whether there is room for them; otherwise nothing changes. */
  append(part: Uint8Array): boolean {
    const size = this.#size + part.length;
    if (size > this.#maxBytes) return false;
    const capacity = Math.min(Math.max(size, 2 * this.capacity), this.#maxBytes);
    if (size > this.capacity && !this.reserve(capacity)) return false;
    this.#buffer.set(part, this.#size);
    this.#size = size;
    return true;
  }

  /** Takes memory for a number of bytes. Returns whether there is room for it; otherwise nothing changes. */
  reserve(capacity: number): boolean {
    const more = capacity - this.capacity;
    if (more <= 0) return true;
    const isChecked = capacity > this.#uncheckedBytes;
    if (isChecked && this.#memory?.hasRoom(more) === false) return false;
    const buffer = new Uint8Array(capacity);
    buffer.set(this.bytes);
    this.#replace(buffer);
    return true;
  }

  /** Removes the bytes but keeps the memory for others. */
  clear(): void {
    this.#size = 0;
  }

  /** Removes the bytes and frees the memory. */
  release(): void {
    this.#size = 0;
    this.#replace(new Uint8Array(0));
  }

  #replace(buffer: Uint8Array<ArrayBuffer>): void {
    this.#memory?.add(buffer.length - this.capacity);
    // Frees the memory now and not at the next garbage collection, which does not hurry for it.
    this.#buffer.buffer.transfer(0);
    this.#buffer = buffer;
  }
}
