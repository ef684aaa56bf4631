/** Byte streams in this process, in place of the pipes of a channel. */

/** A source of bytes that the test pushes. */
export class TestByteSource {
  readonly readable: ReadableStream<Uint8Array>;
  isCancelled = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.isCancelled = true;
      },
    });
  }

  /** Number of pushed chunks that are not read yet; only valid until the stream ends. */
  get unreadCount(): number {
    return 1 - (this.#controller?.desiredSize ?? 1);
  }

  push(bytes: Uint8Array | string): void {
    const chunk = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    if (chunk.length > 0) this.#controller?.enqueue(chunk);
  }

  end(): void {
    this.#controller?.close();
  }

  fail(cause: Error): void {
    this.#controller?.error(cause);
  }
}

/** A sink that keeps the bytes; it can fail like a broken pipe. */
export class TestByteSink {
  readonly writable: WritableStream<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #writeError: Error | undefined;
  isClosed = false;

  constructor() {
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => {
        if (this.#writeError !== undefined) throw this.#writeError;
        this.#chunks.push(chunk.slice());
      },
      close: () => {
        this.isClosed = true;
      },
    });
  }

  /** Makes all further writes fail. */
  break(): void {
    this.#writeError = new Error("Broken pipe");
  }

  bytes(): Uint8Array {
    return joinBytes(this.#chunks);
  }

  text(): string {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bytes());
  }

  /** Returns the written lines; the last one must be complete. */
  lines(): string[] {
    const lines = this.text().split("\n");
    const incompleteLine = lines.pop();
    if (incompleteLine !== "") throw new Error(`Incomplete line: ${incompleteLine}`);
    return lines;
  }
}

/** Creates a pipe: bytes written at one end can be read at the other. */
export function createPipe(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, controller) => controller.enqueue(chunk.slice()),
  });
}

export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * Waits for some ticks of the event loop. They are enough for a channel to process all of its input,
 * pauses included.
 */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  for (let tick = 0; tick < 3; tick++) await new Promise((resolve) => setImmediate(resolve));
}
