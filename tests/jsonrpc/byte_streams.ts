/** Byte streams within the process, in place of the pipes that a channel is used with. */

/** Bytes that the test gives to whoever reads. */
export class ByteSource {
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

  /** What was pushed and is not read yet, in chunks; not to be asked after the end. */
  get unread(): number {
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

/** Takes bytes and keeps them; can be made to fail as a broken pipe does. */
export class ByteSink {
  readonly writable: WritableStream<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #broken: Error | undefined;
  isClosed = false;

  constructor() {
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => {
        if (this.#broken !== undefined) throw this.#broken;
        this.#chunks.push(chunk.slice());
      },
      close: () => {
        this.isClosed = true;
      },
    });
  }

  /** Writes fail from now on. */
  break(): void {
    this.#broken = new Error("Broken pipe");
  }

  bytes(): Uint8Array {
    return joinBytes(this.#chunks);
  }

  text(): string {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bytes());
  }

  /** What was written, in lines; each must have ended. */
  lines(): string[] {
    const lines = this.text().split("\n");
    const rest = lines.pop();
    if (rest !== "") throw new Error(`A line without its end: ${rest}`);
    return lines;
  }
}

/** A pipe: what is written at one end can be read at the other. */
export function createPipe(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, controller) => controller.enqueue(chunk.slice()),
  });
}

export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

/**
 * Some turns of the event loop: all that can happen without anything new from outside has happened,
 * the pauses too that a channel makes to let others run.
 */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
