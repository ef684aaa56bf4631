/**
 * A client that makes many calls over HTTP. Each call in flight has its own connection, which is kept open.
 * Like `LoadClient`, it writes requests as text and reads only the head and the size of answers.
 */

import { INITIALIZE, type LoadOptions, type LoadResult, summarizeTimes } from "./load.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A gateway process that serves over HTTP, and the client that makes calls through it. */
export class HttpGateway implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #stderr: ReadableStreamDefaultReader<Uint8Array>;
  readonly #connections: Connection[] = [];
  #stderrEnd: Promise<void> | undefined;
  #port = 0;
  #headers: Readonly<Record<string, string>> = {};

  private constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const [file = "", ...args] = command;
    this.#child = new Deno.Command(file, {
      args: [...args, "--transport", "http", "--port", "0"],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#stderr = this.#child.stderr.getReader();
  }

  /** Starts a gateway and opens a session. */
  static async open(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<HttpGateway> {
    const gateway = await HttpGateway.openStateless(command, env, {});
    await gateway.#openSession();
    return gateway;
  }

  /** Starts a gateway whose client sends headers in place of a session. */
  static async openStateless(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<HttpGateway> {
    const gateway = new HttpGateway(command, env);
    await gateway.#findPort();
    gateway.#headers = headers;
    return gateway;
  }

  async load({ count, inFlight, call, minBytes }: LoadOptions): Promise<LoadResult> {
    while (this.#connections.length < inFlight) {
      this.#connections.push(await Connection.open(this.#port));
    }
    const times = new Float64Array(count);
    let sent = 0;
    const started = performance.now();
    await Promise.all(
      this.#connections.slice(0, inFlight).map(async (connection) => {
        while (sent < count) {
          const number = sent++;
          const sentAt = performance.now();
          const { bytes } = await connection.post(this.#formatRequest(`"id":${number},${call}`));
          times[number] = performance.now() - sentAt;
          if (bytes < minBytes) throw new Error(`Unexpected answer of ${bytes} bytes`);
        }
      }),
    );
    return summarizeTimes(times, performance.now() - started);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    this.#child.kill("SIGTERM");
    await Promise.all([this.#child.status, this.#stderrEnd]);
  }

  async #findPort(): Promise<void> {
    let text = "";
    for (;;) {
      const { value, done } = await this.#stderr.read();
      if (done) throw new Error(`The gateway does not listen:\n${text}`);
      text += decoder.decode(value);
      const match = /Listening on http:\/\/[^:]+:(\d+)/.exec(text);
      if (match === null) continue;
      this.#port = Number(match[1]);
      break;
    }
    this.#stderrEnd = this.#discardStderr();
  }

  async #discardStderr(): Promise<void> {
    while (!(await this.#stderr.read()).done);
  }

  async #openSession(): Promise<void> {
    using connection = await Connection.open(this.#port);
    const { head } = await connection.post(this.#formatRequest(`"id":0,${INITIALIZE}`));
    const session = /mcp-session-id: *(\S+)/i.exec(head)?.[1] ?? "";
    this.#headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-06-18" };
    await connection.post(this.#formatRequest('"method":"notifications/initialized"'));
  }

  #formatRequest(members: string): Uint8Array {
    const body = `{"jsonrpc":"2.0",${members}}`;
    const headers = Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return encoder.encode(
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${this.#port}\r\ncontent-type: application/json\r\n` +
        `accept: application/json, text/event-stream\r\n${headers.join("")}` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
  }
}

/** A connection to the gateway that sends one request at a time. */
class Connection implements Disposable {
  readonly #socket: Deno.TcpConn;
  readonly #buffer = new Uint8Array(256 * 1024);

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  static async open(port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends a request, reads the whole answer, and returns its head and the size of its body. */
  async post(request: Uint8Array): Promise<{ head: string; bytes: number }> {
    for (let at = 0; at < request.length;) at += await this.#socket.write(request.subarray(at));
    let text = "";
    for (;;) {
      text += await this.#read();
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) continue;
      const head = text.slice(0, end);
      const length = /content-length: *(\d+)/i.exec(head)?.[1];
      const isChunked = /transfer-encoding: *chunked/i.test(head);
      let bytes = text.length - end - 4;
      let tail = text.slice(-8);
      const isComplete = (): boolean =>
        isChunked ? tail.endsWith("0\r\n\r\n") : bytes >= Number(length ?? 0);
      while (!isComplete()) {
        const chunk = await this.#read();
        bytes += chunk.length;
        tail = (tail + chunk).slice(-8);
      }
      return { head, bytes };
    }
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #read(): Promise<string> {
    const count = await this.#socket.read(this.#buffer);
    if (count === null) throw new Error("The gateway closed a connection");
    return decoder.decode(this.#buffer.subarray(0, count));
  }
}
