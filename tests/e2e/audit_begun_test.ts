import assert from "node:assert/strict";
import { join } from "node:path";
import { runStats, runTail } from "../cli/run_audit_commands.ts";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { type AuditLine, DEFAULT_AUDIT_LOG } from "./setup.ts";
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
        GATEWAY_DEBUG: "1",
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
    for (let call = 0; call < 120; call++) {
      await gateway.expectRefusal("execute_tool", { server: "odd", tool: "count", args: {} });
    }
    // The refused calls do not take the memory of the entries that wait for the disk.
    const { metrics: { audit } } = await gateway.callGatewayToolForJson<AuditState>(
      "get_gateway_status",
    );
    // Twenty of them have a line each, and each second has a line with the number of the others.
    assert.ok(audit.waiting < 100, `${audit.waiting} entries wait`);
  },
});

Deno.test("[audit.refused] calls that reach no server and the gateway's own tools do not displace what was done: after 20 in a minute, each kind is only counted", async () => {
  await using gateway = await startGateway({
    servers: {
      odd: misbehavingServer(),
      broken: { command: "/nowhere/no-such-server" },
      off: { ...misbehavingServer(), disabled: true },
    },
  });
  await gateway.callServerToolForText("odd", "echo", { text: "evidence" });
  const longId = "\u0001".repeat(300);
  for (let call = 0; call < 30; call++) {
    for (const server of ["broken", "off", "gone"]) {
      const params = { name: "execute_tool", arguments: { server, tool: longId, args: {} } };
      await gateway.client.request("tools/call", params, `${longId}${server}${call}`);
    }
    await gateway.callGatewayTool("list_servers", {});
    await gateway.callGatewayTool("get_server_tools", { server: "odd" });
    await gateway.client.request("tools/call", {
      name: "get_server_tools",
      arguments: { server: "broken" },
    }, `${longId}${call}`);
  }
  const refusedLog = DEFAULT_AUDIT_LOG.replace(".jsonl", ".refused.jsonl");
  await waitUntil("all operations are counted", () => {
    const counts = [DEFAULT_AUDIT_LOG, refusedLog].map((name) =>
      sumOfCounts(gateway.setup.readAuditFile(name))
    );
    return counts.join() === "40,100";
  });
  const done = gateway.setup.readAuditFile();
  assert.deepEqual(done.slice(0, 2).map(({ tool }) => tool), ["echo", "echo"]);
  const lookups = done.slice(2);
  assert.equal(lookups.filter(({ counts }) => counts === undefined).length, 20);
  const refused = gateway.setup.readAuditFile(refusedLog);
  assert.equal(refused.filter(({ counts }) => counts === undefined).length, 20);
  assert.ok(refused.every(({ request_id = "" }) => String(request_id).length <= 64));
  const stats = JSON.parse(
    (await runStats(join(gateway.setup.workingFolder, DEFAULT_AUDIT_LOG))).stdout,
  );
  assert.deepEqual(stats.decisions, { ERROR: 120, ALLOW: 61 });
  const countsOf = Object.fromEntries(
    stats.operations.map(({ name, count }: { name: string; count: number }) => [name, count]),
  );
  assert.deepEqual([countsOf.list_servers, countsOf.get_server_tools > 30], [30, true]);
});

Deno.test("[audit.refused] after 14,000 refused calls with names of 256 characters, the record of a call is still in the log", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: {
      agents: { tester: { allow: { servers: ["odd"] }, limits: { per_minute: 5 } } },
    },
    args: ["--agent", "tester"],
    transport: "stdio",
  });
  const { client, setup } = gateway;
  await gateway.callServerToolForText("odd", "echo", { text: "evidence" });
  const longName = "\u0001".repeat(256);
  const params = JSON.stringify({
    name: "execute_tool",
    arguments: { server: longName, tool: longName, args: {} },
  });
  const idOf = (call: number) => `${call}${longName}`;
  for (let call = 1; call < 14_000; call++) {
    const id = JSON.stringify(idOf(call));
    await client.sendLine(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`);
  }
  const { message } = await client.requestText("tools/call", params, idOf(14_000));
  assert.equal(message.result?.isError, true);
  const folder = join(setup.workingFolder, DEFAULT_AUDIT_LOG, "..");
  const paths = [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name));
  const logs = paths.filter((path) => /\.jsonl(\.\d)?$/.test(path));
  assert.ok(
    logs.some((path) => Deno.readTextFileSync(path).includes('"tool":"echo"')),
    `none of ${logs.length} files has the call`,
  );
});

/** The state of the audit log in the gateway's status. */
interface AuditState {
  readonly metrics: { readonly audit: { readonly waiting: number } };
}

/** Returns the number of operations that were only counted. */
function sumOfCounts(entries: readonly AuditLine[]): number {
  return entries.flatMap(({ counts }) => Object.values<number>(Object(counts)))
    .reduce((sum, count) => sum + count, 0);
}
