/**
 * Joins chunks of bytes, and reads bodies of a bounded size. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Minimum and maximum size of the memory for one read, in bytes. */
const MIN_READ = 4 * 1024;
const MAX_READ = 64 * 1024;

/** The reader of a stream of bytes. */
export interface ByteReader {
  /** Reads the next bytes, which are valid until the next call. */
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: unknown }>;
  /** Ends reading: a pending read resolves as done. */
  cancel(reason?: unknown): Promise<void>;
}

/**
 * Returns a reader that reads into the same memory each time; Deno's default one allocates 64 KiB for each
 * read. The memory grows when a read fills it.
 *
 * @param stream A readable byte stream, such as a pipe or the body of a response.
 */
export function reusingReader(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(MIN_READ);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return { done };
      const isFull = value.length === value.buffer.byteLength;
      buffer = isFull && value.length < MAX_READ ? new ArrayBuffer(value.length * 4) : value.buffer;
      return { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** Joins chunks of bytes. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/**
 * Returns a chunk that can be kept. Data that `fetch` decompresses arrives as 4 KiB at the beginning of a
 * buffer of 64 KiB: without a copy, a body of 64 MiB would hold 1 GiB.
 */
export function compactBytes(chunk: Uint8Array): Uint8Array {
  return chunk.length < chunk.buffer.byteLength / 2 ? chunk.slice() : chunk;
}

/**
 * Reads a body to its end.
 *
 * @param body The body; null means an empty one.
 * @param maxBytes Maximum size; reading stops beyond it.
 * @returns `undefined` if the body is larger.
 */
export async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(compactBytes(chunk));
  }
  return joinBytes(chunks);
}
