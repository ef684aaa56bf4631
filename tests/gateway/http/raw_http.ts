import { withTimeout } from "../../e2e/wait.ts";

/** The text received on a connection, and the status of its first answer. */
export interface RawAnswer {
  /** HTTP status of the first answer; 0 if there is no answer. */
  readonly status: number;
  /** All received text, heads and bodies. */
  readonly text: string;
}

/** A connection to a listener, on which a test can send any bytes, even invalid HTTP. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  #text = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string | Uint8Array): Promise<void> {
    let bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#connection.write(bytes));
  }

  /** Reads until a condition holds or the other side closes; returns whether it holds. */
  async readUntil(condition: (text: string) => boolean): Promise<boolean> {
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    while (!condition(this.#text)) {
      const count = await withTimeout("bytes arrive", this.#connection.read(buffer)).catch(
        (error) => {
          if (error instanceof Deno.errors.ConnectionReset) return null;
          throw error;
        },
      );
      if (count === null) return false;
      this.#text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    return true;
  }

  /** Reads until the other side closes. */
  async readAll(): Promise<RawAnswer> {
    await this.readUntil(() => false);
    return this.answer;
  }

  /** The answer received so far. */
  get answer(): RawAnswer {
    const [, status = "0"] = /^HTTP\/1\.1 (\d{3})/.exec(this.#text) ?? [];
    return { status: Number(status), text: this.#text };
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/**
 * Returns the text of a request that POSTs a body to `/mcp`, or the beginning of it.
 *
 * @param port The port of the listener.
 * @param options `missingBytes`: number of bytes at the end of the body that the text does not contain.
 */
export function postText(
  port: number,
  { headers, body, missingBytes = 0 }: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly missingBytes?: number;
  },
): string {
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    "content-type": "application/json",
    "content-length": body.length + missingBytes,
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /mcp HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** Sends a text on a new connection, and reads until it is closed. */
export async function sendRaw(port: number, text: string | Uint8Array): Promise<RawAnswer> {
  using connection = await RawConnection.open(port);
  await connection.send(text).catch((error) => {
    // The listener may close the connection before the whole text is sent.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  });
  return await connection.readAll();
}
