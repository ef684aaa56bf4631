/**
 * The names of the suite's fixtures, in front of a gateway: the suite requests the tool `test_simple_text`, and
 * the gateway offers it as `fixtures__test_simple_text`. Nothing else of a message is changed.
 */
export class NameAdapter implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #prefix: string;
  readonly #ended = new AbortController();

  /**
   * @param gatewayUrl URL of the gateway's MCP endpoint.
   * @param server The name of the server with the fixtures.
   */
  constructor(gatewayUrl: string, server: string) {
    this.#prefix = `${server}__`;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#forward(request, gatewayUrl),
    );
  }

  /** URL of the MCP endpoint with the suite's names. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  async #forward(request: Request, gatewayUrl: string): Promise<Response> {
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "connection"]) headers.delete(name);
    const body = await request.text();
    const response = await fetch(gatewayUrl, {
      method: request.method,
      headers,
      signal: this.#ended.signal,
      ...(body === "" ? {} : { body: this.#addPrefix(body) }),
    });
    const responseHeaders = new Headers(response.headers);
    responseHeaders.delete("content-length");
    const stripped = response.body?.pipeThrough(new TextDecoderStream())
      .pipeThrough(this.#stripPrefix()).pipeThrough(new TextEncoderStream());
    return new Response(stripped ?? null, { status: response.status, headers: responseHeaders });
  }

  #addPrefix(body: string): string {
    const message = JSON.parse(body);
    const { method, params } = message;
    const named = method === "tools/call" || method === "prompts/get" ? params : params?.ref;
    if (/^(test|json_schema)_/.test(named?.name)) named.name = `${this.#prefix}${named.name}`;
    return JSON.stringify(message);
  }

  /** Removes the prefix from names in a stream; a name may be divided among chunks. */
  #stripPrefix(): TransformStream<string, string> {
    const name = `"name":"`;
    let kept = "";
    return new TransformStream({
      transform: (chunk, controller) => {
        const text = (kept + chunk).replaceAll(`${name}${this.#prefix}`, name);
        // An incomplete last line waits for its end.
        const end = text.lastIndexOf("\n") + 1;
        kept = text.slice(end);
        if (end > 0) controller.enqueue(text.slice(0, end));
      },
      flush: (controller) => {
        if (kept !== "") controller.enqueue(kept);
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.shutdown();
  }
}
