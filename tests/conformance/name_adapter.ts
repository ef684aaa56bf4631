/** Matches the names of the suite's fixtures. */
const IS_FIXTURE = /^(test|json_schema)_/;

/** The key that the suite expects of a question. */
const SUITE_KEY = "user_name";

/**
 * The names of the suite's fixtures, in front of a gateway: the suite requests the tool `test_simple_text`, and
 * the gateway offers it as `fixtures__test_simple_text`. Nothing else of a message is changed, except the key of a
 * question.
 */
export class NameAdapter implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #prefix: string;
  readonly #questionKey: string | undefined;
  readonly #ended = new AbortController();

  /**
   * @param gatewayUrl URL of the gateway's MCP endpoint.
   * @param options `server`: the name of the server with the fixtures. `questionKey`: the key under which the gateway
   * asks the questions of a server that has no keys; the suite expects `user_name`.
   */
  constructor(
    gatewayUrl: string,
    { server, questionKey }: { readonly server: string; readonly questionKey?: string },
  ) {
    this.#prefix = `${server}__`;
    this.#questionKey = questionKey;
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
    const name = headers.get("mcp-name");
    if (name !== null && IS_FIXTURE.test(name)) headers.set("mcp-name", `${this.#prefix}${name}`);
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
    if (IS_FIXTURE.test(named?.name)) named.name = `${this.#prefix}${named.name}`;
    const { [SUITE_KEY]: response, ...others } = params?.inputResponses ?? {};
    if (this.#questionKey !== undefined && response !== undefined) {
      params.inputResponses = { ...others, [this.#questionKey]: response };
    }
    return JSON.stringify(message);
  }

  /** Removes the prefix from names in a stream, and renames questions; a name may be divided among chunks. */
  #stripPrefix(): TransformStream<string, string> {
    const name = `"name":"`;
    let kept = "";
    return new TransformStream({
      transform: (chunk, controller) => {
        const text = (kept + chunk).replaceAll(`${name}${this.#prefix}`, name)
          .replaceAll(`"${this.#questionKey}":{"method"`, `"${SUITE_KEY}":{"method"`);
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
