/** The body of an HTTP request, in pieces; a piece may occur several times, so that a long body takes little memory. */
export type Pieces = readonly Uint8Array<ArrayBuffer>[];

/** Bytes of a response that are kept; the rest is read and dropped. */
const KEPT_BYTES = 16 * 1024;

/** Time after which a connection is closed in any case, in milliseconds. */
const MAX_CONNECTION_MS = 60_000;

const encoder = new TextEncoder();

/** Encodes texts as pieces of a body. */
export function encodePieces(...texts: string[]): Pieces {
  return texts.map((text) => encoder.encode(text));
}

/** Repeats a text until it has so many bytes, in pieces of at least 256 KB. */
export function repeatText(text: string, bytes: number): Pieces {
  const piece = encoder.encode(text.repeat(Math.ceil(256_000 / text.length)));
  return Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece);
}

/** A `tools/call` request without its beginning, which has the id. */
export type CallPieces = Pieces;

/** Returns a call of a gateway tool. */
export function gatewayCall(name: string, args: Readonly<Record<string, unknown>>): CallPieces {
  const params = JSON.stringify({ name, arguments: args, _meta: { progressToken: "p" } });
  return encodePieces(`"method":"tools/call","params":${params}}`);
}

/** Returns a call of a server's tool, with pieces of JSON as the value of an argument. */
export function serverCall(
  { server, tool, timeoutMs }: { server: string; tool: string; timeoutMs: number },
  value: Pieces = encodePieces("1"),
): CallPieces {
  const args = `{"server":"${server}","tool":"${tool}","timeout_ms":${timeoutMs},"args":{"value":`;
  const head = `"method":"tools/call","params":{"name":"execute_tool","arguments":${args}`;
  return [...encodePieces(head), ...value, ...encodePieces('}},"_meta":{"progressToken":"p"}}}')];
}

/** An agent that sends HTTP requests over plain sockets, and counts the answers. */
export class RawAgent {
  /** Number of answers by HTTP status or by code of a refusal, and of connections that ended early. */
  readonly counts: Record<string, number> = {};
  readonly #url: URL;
  readonly #token: string;
  readonly #revision: string;
  readonly #sessions = new Map<string, Promise<string>>();
  #callCount = 0;

  constructor(url: string, { token, revision }: { token: string; revision: string }) {
    this.#url = new URL(url);
    this.#token = token;
    this.#revision = revision;
  }

  /** Opens a session, unless one with this name is open. */
  async openSession(name: string): Promise<string> {
    const open = this.#sessions.get(name) ?? this.#initialize();
    this.#sessions.set(name, open);
    const session = await open;
    if (session === "") this.#sessions.delete(name);
    return session;
  }

  async #initialize(): Promise<string> {
    const params = {
      protocolVersion: this.#revision,
      capabilities: { elicitation: {}, roots: {}, sampling: {} },
      clientInfo: { name: "hostile", version: "1" },
    };
    const text = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    using connection = await RawConnection.open(this.#url);
    const body = encodePieces(text);
    const answer = await connection.exchange([this.#head(body, { session: "" }), ...body]);
    this.#count(answer, "initialize ");
    return /\r\nmcp-session-id: (\S+)/i.exec(answer)?.[1] ?? "";
  }

  /** Makes a call, reads the answer to its end, and counts it. */
  async call(call: CallPieces, sessionName = ""): Promise<void> {
    await this.post([this.#identify(call)], sessionName);
  }

  /** Makes calls over one connection without waiting for the answers, of which there may be 16. */
  async callAll(calls: readonly CallPieces[], sessionName = ""): Promise<void> {
    await this.post(calls.map((call) => this.#identify(call)), sessionName);
  }

  /** POSTs bodies over one connection without waiting for the answers. */
  async post(bodies: readonly Pieces[], sessionName = ""): Promise<void> {
    const session = await this.openSession(sessionName);
    using connection = await RawConnection.open(this.#url);
    const pieces = bodies.flatMap((body, index) => {
      return [this.#head(body, { session, isLast: index === bodies.length - 1 }), ...body];
    });
    const answer = await connection.exchange(pieces);
    this.#count(answer);
    if (/^HTTP\/1.1 404/.test(answer)) this.#sessions.delete(sessionName);
  }

  /** Requests a path without a token several times over one connection, without waiting for the answers. */
  async getAll(path: string, count: number): Promise<void> {
    using connection = await RawConnection.open(this.#url);
    const text = `GET ${path} HTTP/1.1\r\nHost: ${this.#url.host}\r\n`;
    const last = `${text}Connection: close\r\n\r\n`;
    this.#count(await connection.exchange(encodePieces(`${text}\r\n`.repeat(count - 1) + last)));
  }

  #identify(call: CallPieces): Pieces {
    return [encoder.encode(`{"jsonrpc":"2.0","id":${++this.#callCount},`), ...call];
  }

  /** Sends the same piece of a body again and again, as one endless body in chunks. */
  async postEndlessly(
    piece: Uint8Array<ArrayBuffer>,
    { pauseMs, times }: { pauseMs: number; times: number },
  ): Promise<void> {
    const session = await this.openSession("");
    using connection = await RawConnection.open(this.#url);
    const head = this.#headText(session, "Transfer-Encoding: chunked");
    const chunk = encoder.encode(`${piece.length.toString(16)}\r\n`);
    const end = encoder.encode("\r\n");
    async function* pieces() {
      yield encoder.encode(head);
      for (let count = 0; count < times; count++) {
        yield* [chunk, piece, end];
        if (pauseMs > 0) await sleep(pauseMs);
      }
    }
    this.#count(await connection.exchange(pieces()));
  }

  /** Makes a call, or opens a stream if there is no call, and reads nothing for a time. */
  async pause(
    pauseMs: number,
    { call, sessionName }: { call?: CallPieces; sessionName: string },
  ): Promise<void> {
    const session = await this.openSession(sessionName);
    using connection = await RawConnection.open(this.#url);
    const method = call === undefined ? "GET" : "POST";
    const body = call === undefined ? [] : this.#identify(call);
    await connection.write([this.#head(body, { session, method }), ...body]);
    await sleep(pauseMs);
    this.#count(await connection.exchange([]));
  }

  #head(
    body: Pieces,
    { session, method = "POST", isLast = true }: {
      session: string;
      method?: string;
      isLast?: boolean;
    },
  ): Uint8Array<ArrayBuffer> {
    const length = body.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const close = isLast && method === "POST" ? "\r\nConnection: close" : "";
    return encoder.encode(this.#headText(session, `Content-Length: ${length}${close}`, method));
  }

  #headText(session: string, header: string, method = "POST"): string {
    const lines = [
      `${method} ${this.#url.pathname} HTTP/1.1`,
      `Host: ${this.#url.host}`,
      `Authorization: Bearer ${this.#token}`,
      "Content-Type: application/json",
      "Accept: application/json, text/event-stream",
      ...(session === "" ? [] : [`Mcp-Session-Id: ${session}`]),
      header,
    ];
    return `${lines.join("\r\n")}\r\n\r\n`;
  }

  #count(answer: string, prefix = ""): void {
    const codes = answer.matchAll(/HTTP\/1\.1 (\d+)|\\"code\\":\\"([A-Z_]+)/g);
    const outcomes = [...codes].map(([, status, code]) => status ?? code ?? "");
    for (const outcome of outcomes.length === 0 ? ["no answer"] : outcomes) {
      this.counts[prefix + outcome] = (this.counts[prefix + outcome] ?? 0) + 1;
    }
  }
}

/** Waits for a time. */
export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** A TCP connection that is closed after a minute in any case. */
class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #timer: ReturnType<typeof setTimeout>;
  #hasEnded = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#timer = setTimeout(() => this.#close(), MAX_CONNECTION_MS);
  }

  static async open({ hostname, port }: URL): Promise<RawConnection> {
    return new RawConnection(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Writes until the other side closes the connection. */
  async write(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const piece of pieces) {
        for (let at = 0; at < piece.length && !this.#hasEnded;) {
          at += await this.#connection.write(piece.subarray(at));
        }
        if (this.#hasEnded) return;
      }
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
  }

  /** Writes, and reads until the other side closes the connection. Returns the beginning of what was read. */
  async exchange(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
    const [answer] = await Promise.all([this.#readToEnd(), this.write(pieces)]);
    return answer;
  }

  async #readToEnd(): Promise<string> {
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    let text = "";
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) return text;
        if (text.length < KEPT_BYTES) text += decoder.decode(buffer.subarray(0, count));
      }
    } catch (error) {
      if (!isClosed(error)) throw error;
      return text;
    } finally {
      this.#hasEnded = true;
    }
  }

  #close(): void {
    clearTimeout(this.#timer);
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/** Whether an error says that one side has closed a connection. */
function isClosed(error: unknown): boolean {
  return [
    Deno.errors.BadResource,
    Deno.errors.BrokenPipe,
    Deno.errors.ConnectionReset,
    Deno.errors.Interrupted,
    Deno.errors.NotConnected,
  ].some((kind) => error instanceof kind);
}
