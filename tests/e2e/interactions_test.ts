import assert from "node:assert/strict";
import { join } from "node:path";
import { StatelessClient } from "./eras_clients.ts";
import { describeStdioServer, type Era, type EraServer, readEffects } from "./eras_servers.ts";
import { executeToolParams, type RunningGateway, startGateway } from "./gateway.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

const ACCEPTED = { action: "accept", content: { name: "Ada" } };

/** A folder for the journals of servers. */
class Journals implements Disposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly auditLog = join(this.#folder, "audit.jsonl");

  describe(era: Era, name: string = era): EraServer {
    return describeStdioServer(era, this.#folder, { name });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function startFor(
  server: EraServer,
  options: { readonly transport?: "stdio" | "http"; readonly env?: Record<string, string> } = {},
): Promise<RunningGateway> {
  return startGateway({
    servers: { [server.name]: server.entry },
    initialize: false,
    args: ["--agent", "tester"],
    ...options,
  });
}

/** A call of a server's tool, whose requests the test sends one by one. */
class Call {
  readonly #client: StatelessClient;
  readonly #params: Fields;

  constructor(gateway: RunningGateway, server: EraServer, [tool, args]: [string, Fields]) {
    this.#client = StatelessClient.connect(gateway);
    this.#params = executeToolParams(server.name, tool, args);
  }

  async send(continuation: Fields = {}) {
    const { message } = await this.#client.send("tools/call", { ...this.#params, ...continuation });
    return message;
  }

  /** Sends the first request, and returns the parameters with which it is continued. */
  async ask(): Promise<{ inputResponses: Fields; requestState: string }> {
    const { result, error } = await this.send();
    assert.equal(result?.resultType, "input_required", JSON.stringify(result ?? error));
    const keys = Object.keys(result.inputRequests as Fields);
    return {
      inputResponses: Object.fromEntries(keys.map((key) => [key, ACCEPTED])),
      requestState: String(result.requestState),
    };
  }
}

function textOf(result: Fields | undefined): string {
  return (result?.content as { text: string }[])[0]?.text ?? "";
}

for (const era of ["earlier", "stateless"] as const) {
  Deno.test(`[interaction.parks] [interaction.audit] a question of a server of the ${era} era waits for its client, and the call has one record`, async () => {
    using journals = new Journals();
    const server = journals.describe(era);
    await using gateway = await startFor(server, { transport: "stdio" });
    const call = new Call(gateway, server, ["form", { id: "one" }]);
    const continuation = await call.ask();
    assert.deepEqual(readEffects(server, "one"), ["effect form before one"]);
    // Others are served meanwhile.
    const other = new Call(gateway, server, ["plain", { id: "other" }]);
    assert.equal((await other.send()).result?.isError, undefined);
    const { result } = await call.send(continuation);
    assert.match(textOf(result), /"name":"Ada"/);
    assert.deepEqual(readEffects(server, "one"), [
      "effect form before one",
      "effect form after one",
    ]);
    const again = await call.send(continuation);
    assert.equal(again.error?.code, -32602);
    assert.equal(readEffects(server, "one").length, 2);
    const lines = gateway.setup.readAuditFile().filter(({ tool }) => tool === "form");
    assert.deepEqual(lines.map(({ phase }) => phase), ["begun", "ended"]);
    const [begun, ended] = lines;
    assert.deepEqual(
      [ended?.session, ended?.request_id, ended?.rounds, ended?.decision],
      [begun?.session, begun?.request_id, 1, "ALLOW"],
    );
    assert.ok(Number(ended?.waited_ms) > 0);
    assert.ok(Number(ended?.waited_ms) <= Number(ended?.latency_ms));
  });
}

Deno.test("[interaction.audit] a read that asks is recorded when its client is asked, because it may never continue", async () => {
  using journals = new Journals();
  const server = journals.describe("stateless");
  await using gateway = await startFor(server, { transport: "stdio" });
  const client = StatelessClient.connect(gateway);
  const params = { uri: `${server.name}://ask` };
  const { message: { result: asked } } = await client.send("resources/read", params);
  assert.equal(asked?.resultType, "input_required");
  const [begun, ...others] = gateway.setup.readAuditFile();
  assert.deepEqual([begun?.operation, begun?.phase, others], ["resources/read", "begun", []]);
  const [key = ""] = Object.keys(asked.inputRequests as Fields);
  const continuation = {
    inputResponses: { [key]: ACCEPTED },
    requestState: asked.requestState,
  };
  const { message } = await client.send("resources/read", { ...params, ...continuation });
  assert.match(JSON.stringify(message.result), /Ada/);
  const [, ended] = gateway.setup.readAuditFile();
  assert.deepEqual(
    [ended?.phase, ended?.request_id, ended?.rounds],
    ["ended", begun?.request_id, 1],
  );
});

Deno.test("[interaction.ends] a server that does not wait any longer has its say in the answer to the next request", async () => {
  using journals = new Journals();
  const server = journals.describe("earlier");
  await using gateway = await startFor(server, { transport: "stdio" });
  const call = new Call(gateway, server, ["form", { id: "late", patience_ms: 100 }]);
  const continuation = await call.ask();
  await waitUntil("the call has ended at its server", () => {
    return gateway.setup.readAuditFile().some(({ phase }) => phase === "ended");
  });
  const { result, error } = await call.send(continuation);
  assert.equal(error, undefined);
  assert.equal(result?.resultType, "complete");
  assert.match(textOf(result), /"action":"late"/);
});

Deno.test("[interaction.links] a call for which the person opens no link is not made again", async () => {
  using journals = new Journals();
  const server = journals.describe("earlier");
  await using gateway = await startFor(server, { transport: "stdio" });
  const call = new Call(gateway, server, ["url_error", { id: "declined" }]);
  const { requestState } = await call.ask();
  const inputResponses = { g1: { action: "decline" } };
  const { result } = await call.send({ requestState, inputResponses });
  assert.equal(result?.isError, true);
  assert.match(textOf(result), /"AUTH_REQUIRED".*the person did not/);
  assert.deepEqual(readEffects(server, "declined"), []);
  const [begun, ended] = gateway.setup.readAuditFile();
  assert.deepEqual([begun?.phase, ended?.phase, ended?.code], ["begun", "ended", "AUTH_REQUIRED"]);
  assert.deepEqual([ended?.request_id, ended?.rounds], [begun?.request_id, 1]);
});

Deno.test("[interaction.once] after a restart a parked call is gone, and nothing runs again", async () => {
  using journals = new Journals();
  const server = journals.describe("earlier");
  const env = { GATEWAY_STATE_KEY: "0123456789abcdef0123456789abcdef" };
  let continuation: Fields;
  {
    await using gateway = await startFor(server, { transport: "http", env });
    continuation = await new Call(gateway, server, ["form", { id: "restart" }]).ask();
  }
  await using gateway = await startFor(server, { transport: "http", env });
  const { error } = await new Call(gateway, server, ["form", { id: "restart" }]).send(continuation);
  assert.equal(error?.code, -32602);
  assert.match(error?.message ?? "", /gateway was restarted/);
  assert.deepEqual(readEffects(server, "restart"), ["effect form before restart"]);
});

Deno.test("[interaction.key] with the same key another gateway continues a call that its server keeps, and without it none does", async () => {
  using journals = new Journals();
  const server = journals.describe("stateless");
  const env = { GATEWAY_STATE_KEY: "0123456789abcdef0123456789abcdef" };
  await using first = await startFor(server, { transport: "http", env });
  await using second = await startFor(server, { transport: "http", env });
  await using stranger = await startFor(server, { transport: "http" });
  const form: [string, Fields] = ["form", { id: "replicas" }];
  const continuation = await new Call(first, server, form).ask();
  const refused = await new Call(stranger, server, form).send(continuation);
  assert.equal(refused.error?.code, -32602);
  const { result } = await new Call(second, server, form).send(continuation);
  assert.match(textOf(result), /"name":"Ada"/);
  const twice = await new Call(second, server, form).send(continuation);
  assert.equal(twice.error?.code, -32602);
  assert.deepEqual(readEffects(server, "replicas"), [
    "effect form before replicas",
    "effect form after replicas",
  ]);
});

Deno.test("[interaction.ends] the gateway ends at once although calls are parked", async () => {
  using journals = new Journals();
  const server = journals.describe("earlier");
  const env = { GATEWAY_AUDIT_LOG: journals.auditLog };
  await using gateway = await startFor(server, { transport: "stdio", env });
  await new Call(gateway, server, ["form", { id: "end" }]).ask();
  const startedAt = performance.now();
  await gateway.end();
  assert.ok(performance.now() - startedAt < 5000);
  const lines = Deno.readTextFileSync(journals.auditLog).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ phase, code }) => [phase, code]),
    [["begun", undefined], ["ended", "CANCELLED"]],
  );
});
