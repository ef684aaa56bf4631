import assert from "node:assert/strict";
import { createMcpHandler, Server } from "@modelcontextprotocol/server";
import { readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const AUTO = { options: { protocol: "auto" } } as const;

/** A schema with a header for each type of argument. */
const inputSchema = {
  type: "object" as const,
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    count: { type: "integer", "x-mcp-header": "Count" },
    dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
    where: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
  },
};

/** A server with version 2 of the SDK, which checks the headers of every request. */
class SdkHandler implements AsyncDisposable {
  /** The methods that have been received. */
  readonly methods: string[] = [];
  /** Called with the signal of each call of the tool `held`, which never ends by itself. */
  onHeld: (signal: AbortSignal) => void = () => {};
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ended = new AbortController();

  /** @param legacy Whether earlier revisions are served, too. */
  constructor(legacy: "reject" | "stateless") {
    const handler = createMcpHandler(() => this.#createServer(), { legacy, keepAliveMs: 0 });
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, signal: this.#ended.signal, onListen: () => {} },
      async (request) => {
        const { url, method, headers, signal } = request;
        const body = await request.text();
        if (body !== "") this.methods.push(JSON.parse(body).method);
        return await handler.fetch(
          new Request(url, { method, headers, signal, ...(body === "" ? {} : { body }) }),
        );
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  #createServer(): Server {
    const server = new Server({ name: "sdk", version: "1" }, { capabilities: { tools: {} } });
    const tools = ["größe", "held"].map((name) => ({ name, inputSchema }));
    server.setRequestHandler("tools/list", () => ({ tools }));
    server.setRequestHandler("tools/call", async ({ params }, { mcpReq: { signal } }) => {
      if (params.name === "held") {
        this.onHeld(signal);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      return { content: [], structuredContent: params.arguments };
    });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.finished;
  }
}

Deno.test("[remote.stateless-arguments] a server with the SDK accepts the headers of every kind of argument", async () => {
  await using server = new SdkHandler("reject");
  await using fixture = createRemoteFixture(server.url, AUTO);
  const cases: readonly unknown[] = [
    {},
    { region: "us-west1", count: 42, dry: false, where: { city: "Lyon" } },
    { region: "Zürich", count: -7, dry: true, where: { city: " padded " } },
    { region: "", count: 0, where: { city: "=?base64?literal?=" } },
    { region: "a\r\nb: c", count: 9007199254740991, where: {} },
    { region: null, count: null, dry: null, where: null },
    { region: "tab\tinside", where: { city: "line1\nline2" } },
  ];
  for (const args of cases) {
    const text = readResultJson(await fixture.call("größe", { args: JSON.stringify(args) }));
    assert.deepEqual(JSON.parse(text).structuredContent, args);
  }
  assert.equal(server.methods.filter((method) => method === "tools/list").length, 1);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[remote.stateless] a server that speaks all revisions is spoken to without a session", async () => {
  await using server = new SdkHandler("stateless");
  await using fixture = createRemoteFixture(server.url, AUTO);
  readResultJson(await fixture.call("größe"));
  assert.deepEqual(server.methods, ["server/discover", "tools/list", "tools/call"]);
});

Deno.test("[remote.stateless-cancel] a server with the SDK learns that its call is cancelled", async () => {
  await using server = new SdkHandler("reject");
  await using fixture = createRemoteFixture(server.url, AUTO);
  let signal: AbortSignal | undefined;
  server.onHeld = (held) => signal = held;
  const controller = new AbortController();
  const call = fixture.call("held", { signal: controller.signal });
  call.catch(() => {});
  await waitUntil("the call runs", () => signal !== undefined);
  controller.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  await waitUntil("the call is cancelled", () => signal?.aborted === true);
});
