/**
 * Reads and writes streams of bytes, and joins chunks of bytes. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Minimum and maximum size of the read buffer, in bytes. The buffer grows while reads fill it. */
const MIN_READ_BYTES = 4 * 1024;
const MAX_READ_BYTES = 64 * 1024;

/** The reader of a stream of bytes. */
export interface ByteReader {
  /** Reads the next bytes, which are valid until the next call. */
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: unknown }>;
  /** Ends reading: a pending read resolves as done. */
  cancel(reason?: unknown): Promise<void>;
}

const EMPTY_READER: ByteReader = {
  read: () => Promise.resolve({ done: true }),
  cancel: () => Promise.resolve(),
};

/**
 * Returns a reader that reuses its buffer; Deno's default reader allocates 64 KiB for each read.
 *
 * @param stream A readable byte stream, such as a pipe or the body of a response; `null` counts as empty.
 */
export function createByteReader(stream: ReadableStream<Uint8Array> | null): ByteReader {
  if (stream === null) return EMPTY_READER;
  const reader = stream.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(MIN_READ_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return { done };
      const isFull = value.length === value.buffer.byteLength;
      buffer = isFull && value.length < MAX_READ_BYTES
        ? new ArrayBuffer(value.length * 4)
        : value.buffer;
      return { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** Delay before a write that would have blocked is retried, in milliseconds. */
const RETRY_MS = 20;

/**
 * Writes all bytes.
 *
 * @param write Writes some of the bytes and returns how many.
 */
export async function writeAll(
  bytes: Uint8Array,
  write: (bytes: Uint8Array) => Promise<number>,
): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += await write(bytes.subarray(offset));
    } catch (error) {
      // Another process that shares the pipe has made it non-blocking.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Returns the total number of bytes in chunks. */
export function totalLength(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** Joins chunks of bytes. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(totalLength(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

/**
 * Reads a stream to its end, into one buffer of `maxBytes`: a list of chunks would take much more memory if the
 * stream arrives byte by byte.
 *
 * @param maxBytes Maximum size; a larger stream is cancelled.
 * @returns The bytes; `undefined` if the stream is larger.
 */
export async function readBytes(
  reader: ByteReader,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = new Uint8Array(maxBytes);
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytes.slice(0, size);
    if (size + value.length > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    bytes.set(value, size);
    size += value.length;
  }
}
