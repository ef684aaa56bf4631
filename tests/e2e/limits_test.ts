import assert from "node:assert/strict";
import { readRefusal, startGateway } from "./gateway.ts";
import { until } from "./until.ts";

Deno.test("[errors.rate-limited] [rules.limits] limits hold over stdio, and are reloaded", async () => {
  const rules = (per_minute: number) => ({ agents: { tester: { limits: { per_minute } } } });
  await using gateway = await startGateway({ rules: rules(2), args: ["--agent", "tester"] });
  await gateway.ask("list_servers");
  await gateway.ask("list_servers");
  const refused = readRefusal(await gateway.callTool("list_servers", {}));
  assert.equal(refused.code, "RATE_LIMITED");
  const { decision, code } = gateway.audit().at(-1) ?? {};
  assert.deepEqual([decision, code], ["DENY", "RATE_LIMITED"]);
  gateway.setup.write(".mcp-gateway-rules.json", rules(100_000));
  await until("the new limit is in force", async () => {
    return (await gateway.callTool("list_servers", {})).isError !== true;
  });
});
