import assert from "node:assert/strict";
import { claim, EarlierClient, STATELESS_REVISION, StatelessClient } from "./eras_clients.ts";
import { describeStdioServer, type EraServer } from "./eras_servers.ts";
import {
  executeToolParams,
  type Fields,
  misbehavingServer,
  type RunningGateway,
  startGateway,
  type TransportKind,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const KEY = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";

function start(
  transport: TransportKind,
  servers: Fields = { odd: misbehavingServer() },
  args: readonly string[] = [],
): Promise<RunningGateway> {
  return startGateway({
    transport,
    servers,
    initialize: false,
    args: ["--agent", "tester", ...args],
  });
}

/** A server in a temporary folder. */
class JournalFixture implements Disposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly server: EraServer = describeStdioServer("earlier", this.#folder);

  get servers(): Fields {
    return { [this.server.name]: this.server.entry };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`[eras.discover][eras.revisions] the gateway describes itself, and starts no server, over ${transport}`, async () => {
    using fixture = new JournalFixture();
    // Over HTTP, the gateway itself starts servers that it does not know, before any client connects.
    const args = transport === "http" ? ["--init-strategy", "lazy"] : [];
    await using gateway = await start(transport, fixture.servers, args);
    const client = StatelessClient.connect(gateway);
    for (let count = 0; count < 3; count++) {
      const { message: { result } } = await client.send("server/discover", {});
      assert.equal(result?.resultType, "complete");
      assert.deepEqual(result?.supportedVersions, [STATELESS_REVISION]);
      assert.equal(result?.cacheScope, "private");
      assert.ok(Number(result?.ttlMs) >= 0);
      assert.match(String(result?.instructions), /list_servers/);
      const { tools, resources, prompts, completions } = result?.capabilities as Fields;
      assert.ok(tools);
      assert.deepEqual((resources as Fields).subscribe, true);
      assert.ok(prompts);
      assert.ok(completions);
      const info = (result?._meta as Fields)["io.modelcontextprotocol/serverInfo"] as Fields;
      assert.equal(info.name, "agent-mcp-gateway");
      assert.equal(result?.serverInfo, undefined);
    }
    assert.deepEqual(fixture.server.readJournal(), [""]);
    const call = executeToolParams(fixture.server.name, "plain", { id: "x" });
    await client.request(transport === "http" ? "tools/call" : "tools/list", call);
    await waitUntil("the server starts", () => fixture.server.readJournal().length > 1);
  });

  Deno.test(`[eras.classified] each message is served as its own revision says, over ${transport}`, async () => {
    using fixture = new JournalFixture();
    await using gateway = await start(transport, fixture.servers);
    const stateless = StatelessClient.connect(gateway);
    await stateless.send("server/discover", {});
    const earlier = await EarlierClient.connect(gateway);
    const call = executeToolParams(fixture.server.name, "plain", { id: "x" });
    for (let count = 0; count < 5; count++) {
      const [one, two, three] = await Promise.all([
        stateless.request("tools/call", call),
        earlier.request("tools/call", call),
        stateless.request("tools/list", {}),
      ]);
      assert.equal(one.result?.resultType, "complete");
      assert.deepEqual(Object.keys(two.result ?? {}), ["content"]);
      assert.equal((three.result?.tools as Fields[]).length, 3);
    }
    // Over HTTP, a claim also counts in a request that names a session.
    const { message: { result } } = await stateless.send("tools/list", {});
    assert.equal(result?.resultType, "complete");
    assert.deepEqual((await earlier.request("ping", {})).result, {});
  });

  Deno.test(`[eras.claim][eras.revisions] invalid claims are refused, over ${transport}`, async () => {
    await using gateway = await start(transport);
    const client = StatelessClient.connect(gateway);
    const refuse = async (method: string, meta: Fields, code: number) => {
      const { message: { error } } = await client.send(method, {}, { meta });
      assert.equal(error?.code, code, `${method} ${JSON.stringify(meta)}: ${error?.message}`);
      return error;
    };
    if (transport === "stdio") {
      for (const version of ["2099-01-01", "2025-11-25", ""]) {
        const error = await refuse("tools/list", { [KEY]: version }, -32022);
        assert.deepEqual(error?.data, { supported: [STATELESS_REVISION], requested: version });
      }
      for (const version of [1, null, {}]) await refuse("tools/list", { [KEY]: version }, -32602);
    }
    for (const capabilities of [undefined, null, 1, "x", []]) {
      const error = await refuse("tools/list", { [CAPABILITIES_KEY]: capabilities }, -32602);
      assert.match(String(error?.message), /clientCapabilities/);
    }
    for (
      const method of [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "nothing/known",
      ]
    ) await refuse(method, {}, -32601);
    assert.equal((await client.send("tools/list", {})).message.error, undefined);
  });
}

Deno.test("[eras.revisions] initialize for revision 2026-07-28 agrees on an earlier one, and discover without a claim is unknown", async () => {
  await using gateway = await start("stdio");
  const { client } = gateway;
  const unknown = await client.request("server/discover", {});
  assert.equal(unknown.error?.code, -32601);
  const { result } = await client.initialize({ protocolVersion: STATELESS_REVISION });
  assert.equal(result?.protocolVersion, "2025-11-25");
});

Deno.test("[eras.classified] a client that initializes right behind its probe gets both answers", async () => {
  await using gateway = await start("stdio");
  const { client } = gateway;
  const discover = {
    jsonrpc: "2.0",
    id: "d",
    method: "server/discover",
    params: { _meta: claim() },
  };
  const clientInfo = { name: "copilot", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const initialize = { jsonrpc: "2.0", id: "i", method: "initialize", params };
  const answers = ["d", "i"].map((id) => client.waitForAnswer(id));
  await client.sendLine(`${JSON.stringify(discover)}\n${JSON.stringify(initialize)}`);
  const [described, initialized] = await Promise.all(answers);
  assert.deepEqual(described?.message.result?.supportedVersions, [STATELESS_REVISION]);
  assert.equal(initialized?.message.result?.protocolVersion, "2025-11-25");
  await client.notify("notifications/initialized");
  assert.equal(await gateway.callServerToolForText("odd", "pid").then(Number) > 0, true);
});

Deno.test("[eras.meta] a client of the earlier revisions passes no reserved keys to a server", async () => {
  using fixture = new JournalFixture();
  await using gateway = await start("stdio", fixture.servers);
  const client = await EarlierClient.connect(gateway);
  const meta = {
    "io.modelcontextprotocol/clientInfo": { name: "x", version: "1" },
    "io.modelcontextprotocol/logLevel": "debug",
    "io.modelcontextprotocol/subscriptionId": 1,
    "example.com/own": true,
  };
  await client.request("tools/call", executeToolParams(fixture.server.name, "plain"), { meta });
  const line = fixture.server.readJournal().findLast((line) => line.includes('"tools/call"')) ?? "";
  assert.match(line, /example\.com\/own/);
  assert.doesNotMatch(line, /io\.modelcontextprotocol/);
});
