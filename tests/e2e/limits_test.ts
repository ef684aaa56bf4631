import assert from "node:assert/strict";
import { misbehavingServer, readRefusal, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

Deno.test("[errors.rate-limited] [rules.limits] a call beyond the limit is refused over stdio, and a reload raises the limit", async () => {
  const makeRules = (per_minute: number) => ({ agents: { tester: { limits: { per_minute } } } });
  await using gateway = await startGateway({ rules: makeRules(2), args: ["--agent", "tester"] });
  await gateway.callGatewayToolForJson("list_servers");
  await gateway.callGatewayToolForJson("list_servers");
  const refusal = readRefusal(await gateway.callGatewayTool("list_servers", {}));
  assert.equal(refusal.code, "RATE_LIMITED");
  const { decision, code } = gateway.readAuditLog().at(-1) ?? {};
  assert.deepEqual([decision, code], ["DENY", "RATE_LIMITED"]);
  gateway.setup.writeFile(".mcp-gateway-rules.json", makeRules(100_000));
  await waitUntil("the new limit is in force", async () => {
    return (await gateway.callGatewayTool("list_servers", {})).isError !== true;
  });
});

Deno.test("[rules.limits-first] requests that are refused for their arguments or agent id, and tools/list, count towards the limit", async () => {
  await using gateway = await startGateway({
    rules: { agents: { tester: { limits: { per_minute: 60 } } } },
    args: ["--agent", "tester"],
  });
  for (let round = 0; round < 20; round++) {
    await gateway.expectRefusal("get_server_tools", {});
    await gateway.expectRefusal("list_servers", { agent_id: "other" });
    await gateway.client.request("tools/list");
  }
  assert.equal((await gateway.expectRefusal("get_server_tools", {})).code, "RATE_LIMITED");
  assert.equal((await gateway.client.request("tools/list")).error?.code, -32005);
});

Deno.test("[memory.client-changes] of 5000 log levels, a server that answers none receives one within its deadline, then the newest", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer("--hold=logging/setLevel") },
  });
  const receivedLevels = async (): Promise<string[]> => {
    const lines = (await gateway.callServerToolForText("odd", "received")).split("\n");
    return lines.map((line) => JSON.parse(line))
      .flatMap(({ method, params }) => method === "logging/setLevel" ? [params.level] : []);
  };
  await receivedLevels();
  const startedMs = performance.now();
  const changes = Array.from({ length: 5000 }, (_, index) => {
    return gateway.client.request("logging/setLevel", {
      level: index === 4999 ? "error" : "debug",
    });
  });
  await Promise.all(changes);
  const levels = await waitUntil("the server receives the newest log level", async () => {
    const levels = await receivedLevels();
    return levels.includes("error") && levels;
  });
  assert.equal(levels.at(-1), "error");
  // Each level is given up after 5 s. On a busy machine, the changes alone may take longer.
  const maxCount = 1 + Math.floor((performance.now() - startedMs) / 5000);
  assert.ok(levels.length >= 2 && levels.length <= maxCount, `${levels}`);
});

Deno.test("[rules.limits] a call counts as concurrent while it waits for its server, but not while it waits for a person", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: {
      agents: { tester: { allow: { servers: ["*"] }, limits: { concurrent: 1 } } },
    },
    args: ["--agent", "tester"],
    initialize: { capabilities: { elicitation: {} } },
  });
  const { client } = gateway;
  const personsAnswer = Promise.withResolvers<Record<string, unknown>>();
  const questionArrived = Promise.withResolvers<void>();
  client.setRequestHandler("elicitation/create", () => {
    questionArrived.resolve();
    return personsAnswer.promise;
  });
  const params = { message: "Go on?", requestedSchema: { type: "object", properties: {} } };
  const waitingCall = gateway.callServerToolForText("odd", "ask", {
    method: "elicitation/create",
    params,
  });
  await questionArrived.promise;
  assert.equal((await gateway.callGatewayTool("list_servers", {})).isError, undefined);
  assert.ok((await gateway.callServerToolForText("odd", "received")).length > 0);
  personsAnswer.resolve({ action: "accept", content: {} });
  assert.deepEqual(JSON.parse(await waitingCall), { action: "accept", content: {} });
  const heldCall = gateway.callServerToolForText("odd", "wait");
  const refusal = readRefusal(await gateway.callGatewayTool("list_servers", {}));
  assert.equal(refusal.code, "RATE_LIMITED");
  heldCall.catch(() => {});
});
