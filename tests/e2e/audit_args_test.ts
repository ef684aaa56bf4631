import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { DEFAULT_AUDIT_LOG } from "./setup.ts";

const SECRETS = ["hunter2-canary", "ghp_canaryCanaryCanaryCanary1234567890"];

Deno.test("[audit.args] with GATEWAY_AUDIT_ARGS=redacted, arguments are logged without secrets and shortened to 4 KiB", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { GATEWAY_AUDIT_ARGS: "redacted" },
  });
  const [password, key] = SECRETS;
  const args = { path: "/tmp/a", deep: [{ password }], text: `use ${key} now` };
  await gateway.callServerToolForText("odd", "echo", args);
  await gateway.callServerToolForText("odd", "echo", { long: "x y".repeat(30_000) });
  await gateway.callGatewayToolForJson("list_servers");
  // The same arguments as a string, and under the alias `arguments`.
  const call = { server: "odd", tool: "echo" };
  await gateway.callGatewayTool("execute_tool", { ...call, args: JSON.stringify(args) });
  await gateway.callGatewayTool("execute_tool", { ...call, arguments: args });
  const [firstLine, longLine, listLine, ...aliasLines] = gateway.readAuditLog();
  for (const line of [firstLine, ...aliasLines]) {
    assert.deepEqual(line?.args, {
      path: "/tmp/a",
      deep: [{ password: "[redacted]" }],
      text: "use [redacted] now",
    });
    assert.equal(line?.args_bytes, JSON.stringify(args).length);
  }
  assert.equal(aliasLines.length, 2);
  const size = JSON.stringify(longLine?.args).length;
  assert.ok(size > 4000 && size <= 4096, `${size} characters`);
  assert.equal(listLine?.args, undefined);
  const logText = JSON.stringify(gateway.readAuditLog());
  for (const secret of SECRETS) assert.equal(logText.includes(secret), false);
  // Keys that are redacted alike stay different, so that no value is lost.
  await gateway.callServerToolForText("odd", "echo", { [`${key}1`]: 1, [`${key}2`]: 2, "…": 3 });
  assert.deepEqual(gateway.readAuditLog().at(-1)?.args, {
    "[redacted]": 1,
    "[redacted] 2": 2,
    "…": 3,
  });
});

Deno.test("[audit.args] the audit log has all digits of the numbers that the server receives", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { GATEWAY_AUDIT_ARGS: "redacted" },
  });
  const args = '{"id":12345678901234567891,"list":[1e400,-0,1.10]}';
  await gateway.client.requestText(
    "tools/call",
    `{"name":"execute_tool","arguments":{"server":"odd","tool":"echo","args":${args}}}`,
  );
  assert.equal(
    (await Deno.readTextFile(join(gateway.setup.workingFolder, DEFAULT_AUDIT_LOG))).includes(
      `"args":${args}`,
    ),
    true,
  );
});
