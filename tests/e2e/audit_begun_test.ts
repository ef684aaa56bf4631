import assert from "node:assert/strict";
import { join } from "node:path";
import { runStats, runTail } from "../cli/run_audit_commands.ts";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { DEFAULT_AUDIT_LOG } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const isWindows = Deno.build.os === "windows";

Deno.test("[audit.begun] a call that may change something is in the log before its server receives it, and again at its end", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { GATEWAY_AUDIT_ARGS: "redacted" },
  });
  await gateway.callServerToolForText("odd", "echo", { text: "warm" });
  const held = gateway.client.request("tools/call", {
    name: "execute_tool",
    arguments: { server: "odd", tool: "wait", args: { mark: "held" } },
  }, "held");
  held.catch(() => {});
  const begun = await waitUntil("the begun line is in the file", () => {
    return gateway.setup.readAuditFile().find(({ request_id }) => request_id === "held");
  });
  const { timestamp: _, session, ...rest } = begun;
  assert.deepEqual(rest, {
    agent_id: "tester",
    operation: "execute_tool",
    decision: "ALLOW",
    phase: "begun",
    server: "odd",
    tool: "wait",
    rule: "agents.tester.allow.servers[0]",
    request_id: "held",
    args_bytes: 15,
    args: { mark: "held" },
  });
  const [, ended] = gateway.setup.readAuditFile();
  assert.deepEqual([ended?.phase, ended?.session, ended?.tool], ["ended", session, "echo"]);
  const log = join(gateway.setup.workingFolder, DEFAULT_AUDIT_LOG);
  const stats = JSON.parse((await runStats(log)).stdout);
  assert.deepEqual([stats.count, stats.unfinished.length], [1, 1]);
  assert.equal(stats.unfinished[0].tool, "wait");
  const { stdout } = await runTail(log);
  assert.match(stdout, /ALLOW tester odd\/wait begun$/m);
});

Deno.test("[audit.begun] a tool that is annotated as read-only has one line, any other annotation two", async () => {
  for (
    const [annotations, phases] of [
      [{ readOnlyHint: true }, [undefined]],
      [{ readOnlyHint: "true" }, ["begun", "ended"]],
      [{ idempotentHint: true }, ["begun", "ended"]],
    ] as const
  ) {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer(`--annotations=${JSON.stringify(annotations)}`) },
    });
    await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "echo", args: {} });
    assert.deepEqual(gateway.setup.readAuditFile().map(({ phase }) => phase), phases);
  }
});

Deno.test({
  name:
    "[audit.required] with GATEWAY_AUDIT_REQUIRED=1 no call leaves while the log cannot be written",
  ignore: isWindows,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      env: {
        GATEWAY_AUDIT_REQUIRED: "1",
        GATEWAY_AUDIT_LOG: ".mcp.json/audit.jsonl",
        XDG_STATE_HOME: "/proc/nowhere",
      },
    });
    const { code, message } = await gateway.expectRefusal("execute_tool", {
      server: "odd",
      tool: "count",
      args: {},
    });
    assert.equal(code, "AUDIT_UNAVAILABLE");
    assert.match(message, /The tool was not called/);
  },
});
