/** A connection between a client and the server behind the proxy. */
interface Pair {
  readonly client: Deno.Conn;
  readonly server: Deno.Conn | undefined;
  isSilent: boolean;
}

/**
 * A TCP proxy on loopback whose connections can die in silence, as they do while a laptop sleeps: nothing is passed on
 * any more, and no end is closed.
 */
export class SilentProxy implements AsyncDisposable {
  /** Whether new connections are accepted but lead nowhere. Default: no. */
  swallowsNew = false;
  readonly #target: URL;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #pairs = new Set<Pair>();
  readonly #connections = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #isClosed = false;

  /** @param target The URL of the server. */
  constructor(target: string) {
    this.#target = new URL(target);
    this.#running = this.#accept();
  }

  /** The URL of the server through the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.port = String(this.#listener.addr.port);
    return url.href;
  }

  /** Lets all open connections die, without closing them. */
  fallSilent(): void {
    for (const pair of this.#pairs) pair.isSilent = true;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const connection = this.#connect(client).finally(() => this.#connections.delete(connection));
      this.#connections.add(connection);
    }
  }

  async #connect(client: Deno.Conn): Promise<void> {
    const { hostname, port } = this.#target;
    const server = this.swallowsNew
      ? undefined
      : await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
    const pair = { client, server, isSilent: this.swallowsNew };
    this.#pairs.add(pair);
    if (this.#isClosed) return this.#close(pair);
    if (server === undefined) return;
    await Promise.all([this.#pass(pair, client, server), this.#pass(pair, server, client)]);
    if (!pair.isSilent) this.#close(pair);
  }

  async #pass(pair: Pair, from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const length = await from.read(buffer);
        if (pair.isSilent) return;
        if (length === null) return void await to.closeWrite();
        for (let start = 0; start < length;) {
          start += await to.write(buffer.subarray(start, length));
        }
      }
    } catch {
      if (!pair.isSilent) this.#close(pair);
    }
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    for (const connection of [pair.client, pair.server]) {
      try {
        connection?.close();
      } catch {
        // It has been closed by the other end.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#listener.close();
    for (const pair of this.#pairs) this.#close(pair);
    await Promise.all([this.#running, ...this.#connections]);
  }
}
