import assert from "node:assert/strict";
import { type Fields, oddServer, type RunningGateway, startGateway } from "./gateway.ts";
import { until } from "./until.ts";

const CAPABILITIES = {
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  sampling: {},
  experimental: { vendor: {} },
};

/** Has the server ask the client something, and gives what the server was answered. */
async function ask(
  gateway: RunningGateway,
  server: string,
  request: { method: string; params?: Fields },
): Promise<unknown> {
  return JSON.parse(await gateway.text(server, "ask", { params: {}, ...request }));
}

Deno.test("what a server asks reaches the client", async (t) => {
  await using gateway = await startGateway({
    servers: {
      odd: oddServer(),
      sampling: { ...oddServer(), gateway: { forward: ["sampling"] } },
    },
    client: { capabilities: CAPABILITIES },
  });
  const { client } = gateway;
  const asked: Fields[] = [];
  client.handle("elicitation/create", (params) => {
    asked.push(params);
    return { action: "accept", content: { name: "x", big: 7 } };
  });
  client.handle("roots/list", () => ({ roots: [{ uri: "file:///x", name: "x" }] }));
  client.handle("sampling/createMessage", () => ({ role: "assistant", model: "m" }));

  await t.step("[servers.forward] elicitation, with the name of the server", async () => {
    const schema = { type: "object", properties: { name: { type: "string" } } };
    for (
      const params of [
        { message: "Your name?", requestedSchema: schema },
        { mode: "url", elicitationId: "e", url: "https://example.com/", message: "Log in" },
      ]
    ) {
      const answer = await ask(gateway, "odd", { method: "elicitation/create", params });
      assert.deepEqual(answer, { action: "accept", content: { name: "x", big: 7 } });
      assert.deepEqual(asked.at(-1), { ...params, message: `[odd] ${params.message}` });
    }
  });

  await t.step("[servers.forward] roots", async () => {
    const answer = await ask(gateway, "odd", { method: "roots/list" });
    assert.deepEqual(answer, { roots: [{ uri: "file:///x", name: "x" }] });
  });

  await t.step("[servers.forward] sampling only where it is opted in", async () => {
    const request = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } };
    assert.equal((await ask(gateway, "odd", request) as { code: number }).code, -32601);
    assert.deepEqual(await ask(gateway, "sampling", request), { role: "assistant", model: "m" });
    const other = await ask(gateway, "sampling", { method: "roots/list" });
    assert.equal((other as { code: number }).code, -32601);
  });

  await t.step("[servers.forward] the client's refusal, and nothing unknown", async () => {
    const unknown = await ask(gateway, "odd", { method: "no/such/method" });
    assert.equal((unknown as { code: number }).code, -32601);
    assert.deepEqual(await ask(gateway, "odd", { method: "ping" }), {});
  });

  await t.step("[servers.forward] only such capabilities are declared", async () => {
    const declared = async (server: string) => {
      const [line = ""] = (await gateway.text(server, "received")).split("\n");
      return JSON.parse(line).params.capabilities;
    };
    const { elicitation, roots, sampling } = CAPABILITIES;
    assert.deepEqual(await declared("odd"), { elicitation, roots });
    assert.deepEqual(await declared("sampling"), { sampling });
  });

  await t.step("[lifecycle.log-messages] log messages, with the name of the server", async () => {
    const method = "notifications/message";
    const tell = (params: Fields) => gateway.text("odd", "tell", { method, params });
    await tell({ level: "info", logger: "db", data: { x: [1] } });
    await tell({ level: "error", data: "text" });
    await client.request("logging/setLevel", { level: "warning" });
    await tell({ level: "info", data: "too little" });
    await tell({ level: "critical", data: "enough" });
    await until("the last one is there", () => client.notifications(method).length === 3);
    assert.deepEqual(client.notifications(method), [
      { level: "info", logger: "odd/db", data: { x: [1] } },
      { level: "error", logger: "odd", data: "text" },
      { level: "critical", logger: "odd", data: "enough" },
    ]);
  });
});

Deno.test("[servers.forward] a client that can do nothing is asked nothing", async () => {
  await using gateway = await startGateway({ servers: { odd: oddServer() } });
  const [line = ""] = (await gateway.text("odd", "received")).split("\n");
  assert.deepEqual(JSON.parse(line).params.capabilities, {});
});
