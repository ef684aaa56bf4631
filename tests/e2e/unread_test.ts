import assert from "node:assert/strict";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { runOnce } from "./run_once.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const isWindows = Deno.build.os === "windows";

/** Number of calls whose audit lines are more than a pipe and the gateway's queue can hold. */
const MANY_CALLS = 6000;

/** The arguments of `execute_tool` for a read-only tool, whose calls have one line each in the audit log. */
const READ_ONLY_CALL = { server: "odd", tool: "count", args: {} };

/** Calls a read-only tool a number of times, 500 calls at a time. */
async function callReadOnlyTool(gateway: RunningGateway, count: number): Promise<void> {
  for (let done = 0; done < count; done += 500) {
    await Promise.all(
      Array.from({ length: 500 }, () => gateway.callGatewayTool("execute_tool", READ_ONLY_CALL)),
    );
  }
}

/** Ends a gateway whose log or audit log nobody reads, and checks that it ends soon. */
async function endQuickly(gateway: RunningGateway): Promise<void> {
  const startedMs = performance.now();
  await gateway.end();
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 15_000, `${tookMs} ms`);
}

for (const format of ["text", "json"]) {
  Deno.test(`[log.unread] if nobody reads the log as ${format}, calls are answered and dropped lines are reported`, async () => {
    const gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      env: { GATEWAY_LOG_LEVEL: "debug", GATEWAY_LOG_FORMAT: format },
      unread: "stderr",
    });
    try {
      const say = "a line that the log has at debug level\n".repeat(50_000);
      const { code } = await gateway.expectRefusal("execute_tool", {
        server: "odd",
        tool: "crash",
        args: { say },
      });
      assert.equal(code, "SERVER_UNAVAILABLE");
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
      gateway.program.readUnread();
      const dropped = await waitUntil("the log reports the dropped lines", () => {
        return /Lines of the log were dropped.*dropped\D+(\d+)/.exec(gateway.program.stderr)?.[1];
      });
      assert.ok(Number(dropped) > 1000, dropped);
      // Each line is either complete or counted as dropped.
      const lines = gateway.program.stderr.split("\n").filter((line) =>
        line.includes("a line that")
      );
      assert.ok(lines.length + Number(dropped) >= 50_000, `${lines.length} and ${dropped}`);
      assert.equal(new Set(lines.map((line) => line.replace(/"time":"[^"]*"/, ""))).size, 1);
      await gateway.end();
      assert.match(gateway.program.stderr, /Ending: the client is gone/);
    } catch (error) {
      await gateway.kill();
      throw error;
    }
  });
}

Deno.test("[log.unread] a gateway whose log nobody reads ends with its client", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    env: { GATEWAY_LOG_LEVEL: "debug" },
    unread: "stderr",
  });
  const say = "a line that fills the pipe\n".repeat(50_000);
  await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "crash", args: { say } });
  await endQuickly(gateway);
});

Deno.test({
  name:
    "[audit.unread] audit lines and log lines on standard error are dropped while nobody reads it",
  ignore: isWindows,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer('--annotations={"readOnlyHint":true}') },
      env: { GATEWAY_AUDIT_LOG: "/dev/stderr", GATEWAY_LOG_FORMAT: "json" },
      unread: "stderr",
    });
    await callReadOnlyTool(gateway, MANY_CALLS);
    gateway.program.readUnread();
    const dropped = await waitUntil("the log reports the dropped lines", () => {
      return /Lines of the log were dropped.*"dropped":(\d+)/.exec(gateway.program.stderr)?.[1];
    });
    await callReadOnlyTool(gateway, 500);
    await gateway.end();
    const lines = gateway.program.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    const entries = lines.filter(({ operation }) => operation === "execute_tool");
    assert.equal(entries.length + Number(dropped), MANY_CALLS + 500);
  },
});

Deno.test({
  name: "[audit.unread] audit lines on standard output are dropped while nobody reads it",
  ignore: isWindows,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer('--annotations={"readOnlyHint":true}') },
      env: { GATEWAY_AUDIT_LOG: "/dev/stdout", GATEWAY_CALLS_PER_MINUTE: "100000" },
      transport: "http",
      unread: "stdout",
    });
    await callReadOnlyTool(gateway, MANY_CALLS);
    gateway.program.readUnread();
    const dropped = await waitUntil("the log reports the dropped lines", () => {
      return /Lines of the audit log were dropped.*dropped=(\d+)/.exec(gateway.program.stderr)?.[1];
    });
    await waitUntil("the other lines are read", () => {
      return gateway.program.lines.length + Number(dropped) === MANY_CALLS;
    });
  },
});

Deno.test({
  name: "[audit.protocol] standard output can be the audit log only over HTTP",
  ignore: isWindows,
  fn: async () => {
    const env = { GATEWAY_AUDIT_LOG: "/dev/stdout" };

    const { code, stdout, stderr } = await runOnce([], { env });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /GATEWAY_AUDIT_LOG: standard output carries the protocol; /);
    await using gateway = await startGateway({ env, transport: "http" });
    await gateway.callGatewayToolForJson("list_servers");
    const line = await waitUntil(
      "the audit line is on standard output",
      () => gateway.program.lines[0],
    );
    assert.equal(JSON.parse(line).operation, "list_servers");
  },
});

Deno.test({
  name: "[audit.protocol] other paths to standard output are refused",
  ignore: isWindows,
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    const link = `${folder}/link`;
    Deno.symlinkSync("/dev/stdout", link);
    for (const path of ["/dev/../dev/stdout", link]) {
      await using gateway = await startGateway({ env: { GATEWAY_AUDIT_LOG: path } });
      await gateway.callGatewayToolForJson("list_servers");
      assert.equal(gateway.setup.readAuditLog().length, 1);
      assert.match(
        gateway.program.stderr,
        /^warn: The audit log cannot be written at /m,
      );
      assert.deepEqual(gateway.program.lines.filter((line) => /"timestamp"/.test(line)), []);
    }
    Deno.removeSync(folder, { recursive: true });
  },
});

Deno.test({
  name: "[audit.protocol] a file that is standard output is not the audit log",
  ignore: isWindows,
  fn: async () => {
    for (const operator of [">", ">>"]) {
      const setup = new Setup();
      const path = setup.writeFile("out.jsonl", operator === ">" ? "" : '{"jsonrpc":"2.0"}\n');
      await runThroughShell(`"$0" "$@" --audit-log out.jsonl ${operator} out.jsonl`, setup);
      const lines = Deno.readTextFileSync(path).trimEnd().split("\n").map((line) =>
        JSON.parse(line)
      );
      assert.deepEqual(lines.filter(({ jsonrpc }) => jsonrpc !== "2.0"), []);
      assert.ok(lines.some(({ id }) => id === 2));
      assert.deepEqual(setup.readAuditLog().map(({ request_id }) => request_id), [2]);
      await setup.close();
    }
  },
});

Deno.test({
  name: "[audit.protocol] standard error that is the same as standard output is not the audit log",
  ignore: isWindows,
  fn: async () => {
    const setup = new Setup();
    const { code, stdout } = await runThroughShell('"$0" "$@" --audit-log /dev/stderr 2>&1', setup);
    await setup.close();
    assert.equal(code, 1);
    assert.match(stdout, /because both streams are the same/);
  },
});

/** Starts the gateway by a shell, and calls `list_servers` as request 2. */
async function runThroughShell(
  script: string,
  { workingFolder, env }: Setup,
): Promise<{ code: number; stdout: string }> {
  const [command = "", ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
  const child = new Deno.Command("sh", {
    args: ["-c", script, command, ...words, "--agent", "tester"],
    cwd: workingFolder,
    env: { ...env },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const send = (message: object) =>
    input.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
  const clientInfo = { name: "shell", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  await send({ id: 1, method: "initialize", params }).catch(() => {});
  await send({ method: "notifications/initialized" }).catch(() => {});
  await send({ id: 2, method: "tools/call", params: { name: "list_servers" } }).catch(() => {});
  await input.close().catch(() => {});
  const { code, stdout } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout) };
}
