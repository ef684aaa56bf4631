import { type ByteReader, writeAll } from "../bytes.ts";
import { startTimer } from "../within.ts";

/** Size of a read, in bytes. */
const READ_BYTES = 64 * 1024;

const LINE_FEED = 10;

/** Time within which most first lines come, in milliseconds. */
const SOON_MS = 200;

/** The other side of a connection has sent no valid first line. */
export class FirstLineError extends Error {
  /** The name of the class. */
  override readonly name = "FirstLineError";
  /** Whether the connection ended before the line. */
  readonly connectionEnded: boolean;

  /** Creates the error. */
  constructor(message: string, connectionEnded = false) {
    super(message);
    this.connectionEnded = connectionEnded;
  }
}

/** A line without its delimiter, and the bytes after it that have been read with it. */
export interface FirstLine {
  /** The line. */
  readonly line: string;
  /** The bytes. */
  readonly extraBytes: Uint8Array;
}

/** Limits on a first line. */
export interface FirstLineLimits {
  /** Maximum size of the line with its delimiter, in bytes. */
  readonly maxBytes: number;
  /** Time for the line, in milliseconds. */
  readonly withinMs: number;
  /** Bytes that have been read already. */
  readonly extraBytes?: Uint8Array;
}

/**
 * Reads the first line of a connection. After an error, the connection is of no use.
 *
 * @throws {FirstLineError} If the line is too long or comes too late, or the connection ends before it.
 */
export async function readFirstLine(
  connection: Deno.Conn,
  { maxBytes, withinMs, extraBytes = new Uint8Array() }: FirstLineLimits,
): Promise<FirstLine> {
  const buffer = new Uint8Array(maxBytes);
  buffer.set(extraBytes);
  let isLate = false;
  let stopTimer = (): void => {};
  // The first `setTimeout` of a process takes 10 ms, which would delay the start of a relay.
  const soon = AbortSignal.timeout(SOON_MS);
  soon.onabort = () => {
    stopTimer = startTimer(withinMs - SOON_MS, () => {
      isLate = true;
      closeConnection(connection);
    });
  };
  try {
    let size = extraBytes.length;
    let end = buffer.indexOf(LINE_FEED);
    while (end < 0) {
      if (size === maxBytes) throw new FirstLineError("the first line is too long");
      const count = await connection.read(buffer.subarray(size));
      if (count === null) throw new FirstLineError("it ended before the first line", true);
      end = buffer.subarray(0, size + count).indexOf(LINE_FEED, size);
      size += count;
    }
    const line = new TextDecoder().decode(buffer.subarray(0, end));
    return { line, extraBytes: buffer.slice(end + 1, size) };
  } catch (error) {
    if (isLate) throw new FirstLineError(`no first line came within ${withinMs} ms`);
    throw error;
  } finally {
    soon.onabort = null;
    stopTimer();
  }
}

/** Writes a value as one line of JSON. */
export async function writeLine(connection: Deno.Conn, value: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  await writeAll(bytes, (part) => connection.write(part));
}

/** Reads a line of JSON; `undefined` if the line is not JSON. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Waits until the other side closes a connection, or it is closed here. */
export async function untilClosed(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // It is closed here, or was reset.
  }
}

/** Closes a connection, which may be closed already. */
export function closeConnection(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

/**
 * A connection as a source and a sink of bytes. Web streams are not used, because a relay would start more slowly with
 * them.
 */
export class SocketStream {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #extraBytes: Uint8Array | undefined;
  #isClosed = false;
  #stopReading = (): void => {};

  /**
   * Wraps a connection.
   *
   * @param extraBytes Bytes that have been read from it already.
   */
  constructor(connection: Deno.Conn, extraBytes: Uint8Array = new Uint8Array()) {
    this.#connection = connection;
    this.#extraBytes = extraBytes.length > 0 ? extraBytes : undefined;
  }

  /** Reads the next bytes, which are valid until the next call; the end of a broken connection is an end, too. */
  getReader(): ByteReader {
    return { read: () => this.#read(), cancel: () => this.#cancel() };
  }

  /** Returns the writer of the connection. */
  getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> } {
    return {
      write: (bytes) => writeAll(bytes, (part) => this.#connection.write(part)),
      close: () => this.endSending(),
    };
  }

  /**
   * Writes bytes.
   *
   * @returns Whether the other side can have received any of them.
   */
  async send(bytes: Uint8Array): Promise<boolean> {
    let isPartSent = false;
    try {
      await writeAll(bytes, async (part) => {
        const count = await this.#connection.write(part);
        isPartSent = true;
        return count;
      });
      return true;
    } catch {
      // The reader of the connection sees its end, too.
      return isPartSent;
    }
  }

  /** Ends writing: the other side sees the end of its input. */
  async endSending(): Promise<void> {
    await (this.#connection as Deno.TcpConn).closeWrite();
  }

  /** Closes both directions. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopReading();
    closeConnection(this.#connection);
  }

  #read(): Promise<{ done: false; value: Uint8Array } | { done: true }> {
    const extraBytes = this.#extraBytes;
    this.#extraBytes = undefined;
    if (extraBytes !== undefined) return Promise.resolve({ done: false, value: extraBytes });
    return new Promise((resolve) => {
      const stop = (): void => resolve({ done: true });
      this.#stopReading = stop;
      if (this.#isClosed) return stop();
      this.#connection.read(this.#buffer).then((count) => {
        if (count === null) stop();
        else resolve({ done: false, value: this.#buffer.subarray(0, count) });
      }, stop);
    });
  }

  #cancel(): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
