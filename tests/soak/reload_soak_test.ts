import assert from "node:assert/strict";
import { executeToolParams, readRefusal, startGateway } from "../e2e/gateway.ts";
import { editUnderLoad } from "../e2e/reload_load.ts";
import { callNamedServer, editAndReload, namedServer } from "../e2e/config_edits.ts";
import { waitUntil } from "../e2e/wait.ts";

Deno.test("[reload.load] 1,000 edits, a third of them invalid, lose none of 64 calls in flight", async () => {
  const { maxMs, text } = await editUnderLoad(1000);
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  assert.ok(maxMs <= 1000, text);
});

Deno.test("[reload.drain] a removed server is stopped about 10 s later, even during a call", async () => {
  await using gateway = await startGateway({
    servers: { going: namedServer("going") },
    args: ["--agent", "tester", "--debug"],
  });
  const { pid } = await callNamedServer(gateway, "going");
  const id = gateway.client.newId();
  const args = { token: "late", after_ms: 60_000 };
  const params = executeToolParams("going", "identify", args);
  await gateway.client.sendLine(
    JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }),
  );
  await editAndReload(gateway, "mcp_config", { mcpServers: {} });
  const startMs = performance.now();
  const message = await waitUntil("the call ends", () => {
    return gateway.client.receivedMessages.find(({ message }) => message.id === id)?.message;
  }, 20_000);
  const durationMs = performance.now() - startMs;
  assert.equal(readRefusal(message.result).code, "SERVER_UNAVAILABLE");
  assert.ok(durationMs > 9000 && durationMs < 15_000, `${durationMs} ms`);
  await waitUntil(
    "the process of the removed server ends",
    async () => !(await gateway.setup.listProcessIds()).includes(pid),
  );
});
