import assert from "node:assert/strict";
import { oddServer, readRefusal, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

Deno.test("[errors.rate-limited] [rules.limits] limits apply over stdio, and are reloaded", async () => {
  const rules = (per_minute: number) => ({ agents: { tester: { limits: { per_minute } } } });
  await using gateway = await startGateway({ rules: rules(2), args: ["--agent", "tester"] });
  await gateway.callGatewayToolForJson("list_servers");
  await gateway.callGatewayToolForJson("list_servers");
  const refused = readRefusal(await gateway.callGatewayTool("list_servers", {}));
  assert.equal(refused.code, "RATE_LIMITED");
  const { decision, code } = gateway.readAuditLog().at(-1) ?? {};
  assert.deepEqual([decision, code], ["DENY", "RATE_LIMITED"]);
  gateway.setup.writeFile(".mcp-gateway-rules.json", rules(100_000));
  await waitUntil("the new limit is in force", async () => {
    return (await gateway.callGatewayTool("list_servers", {})).isError !== true;
  });
});

Deno.test("[rules.limits] a call that waits for a person's answer does not count as under way", async () => {
  await using gateway = await startGateway({
    servers: { odd: oddServer() },
    rules: {
      agents: { tester: { allow: { servers: ["*"] }, limits: { concurrent: 1 } } },
    },
    args: ["--agent", "tester"],
    client: { capabilities: { elicitation: {} } },
  });
  const { client } = gateway;
  const person = Promise.withResolvers<Record<string, unknown>>();
  const asked = Promise.withResolvers<void>();
  client.setRequestHandler("elicitation/create", () => {
    asked.resolve();
    return person.promise;
  });
  const params = { message: "Go on?", requestedSchema: { type: "object", properties: {} } };
  const waiting = gateway.callServerToolForText("odd", "ask", {
    method: "elicitation/create",
    params,
  });
  await asked.promise;
  assert.equal((await gateway.callGatewayTool("list_servers", {})).isError, undefined);
  assert.ok((await gateway.callServerToolForText("odd", "received")).length > 0);
  person.resolve({ action: "accept", content: {} });
  assert.deepEqual(JSON.parse(await waiting), { action: "accept", content: {} });
  // The limit holds as before for a call that waits for its server.
  const held = gateway.callServerToolForText("odd", "wait");
  const refused = readRefusal(await gateway.callGatewayTool("list_servers", {}));
  assert.equal(refused.code, "RATE_LIMITED");
  held.catch(() => {});
});
