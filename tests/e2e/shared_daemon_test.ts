import assert from "node:assert/strict";
import { misbehavingServer } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { ALLOW_ALL_RULES } from "./setup.ts";
import { KEY, startDaemon } from "./shared_daemon.ts";
import { isRunning } from "./shared_gateway.ts";
import { waitUntil } from "./wait.ts";

const RULES = {
  agents: {
    ...ALLOW_ALL_RULES.agents,
    guest: { allow: { servers: ["odd"], tools: { odd: ["count"] } } },
  },
};

/** Sockets of Windows are tested where the relay is. */
const ignore = Deno.build.os === "windows";

Deno.test({
  name:
    "[shared.clients] each connection is a client with its own agent, and isolation decides which sessions they share",
  ignore,
  async fn() {
    const servers = {
      odd: misbehavingServer(),
      common: { ...misbehavingServer(), gateway: { isolation: "shared" } },
    };
    await using daemon = await startDaemon({ servers, rules: RULES });
    const { session: one } = await daemon.connect("tester");
    const { session: two } = await daemon.connect("tester");
    const { session: guest } = await daemon.connect("guest");
    const pidOf = (session: typeof one, server: string) => {
      return session.callServerToolForText(server, "pid");
    };
    assert.equal(await pidOf(one, "common"), await pidOf(two, "common"));
    assert.notEqual(await pidOf(one, "odd"), await pidOf(two, "odd"));
    assert.equal(
      (await guest.expectRefusal("execute_tool", { server: "odd", tool: "pid", args: {} }))
        .code,
      "DENIED_BY_POLICY",
    );
    const sessions = daemon.setup.readAuditLog().filter(({ tool }) => tool === "pid")
      .map(({ session }) => session);
    assert.equal(new Set(sessions).size, 3);
  },
});

Deno.test({
  name:
    "[shared.clients] a client that closes its end gets the answers to its calls; its servers end, and those of others stay",
  ignore,
  async fn() {
    await using daemon = await startDaemon({ servers: { odd: misbehavingServer() } });
    const { session: one, connection } = await daemon.connect("tester");
    const { session: two } = await daemon.connect("tester");
    const pid = Number(await one.callServerToolForText("odd", "pid"));
    const otherPid = await two.callServerToolForText("odd", "pid");
    const slow = one.callServerToolForText("odd", "slow_progress", { every_ms: 50, times: 3 });
    await connection.closeInput();
    assert.equal(await slow, "done");
    await connection.waitForEnd();
    await waitUntil("the server of the client has ended", () => !isRunning(pid));
    assert.equal(await two.callServerToolForText("odd", "pid"), otherPid);
  },
});

Deno.test({
  name: "[shared.hello] a connection without this daemon's hello is refused, and serves no MCP",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    const refusals: readonly (readonly [object, RegExp])[] = [
      [{ key: KEY.replace("0", "1") }, /another configuration/],
      [{ hello: 2 }, /hello of another version/],
      [{ proof: "x" }, /access/],
      ...["a b", ["tester"], null, true, 5].map((agent) => [{ agent }, /hello/] as const),
      [{ action: "reload" }, /hello/],
    ];
    for (const [hello, error] of refusals) {
      const { connection, answer } = await daemon.greet({ ...hello });
      assert.equal(answer.ok, false);
      assert.match(String(answer.error), error);
      await connection.waitForEnd();
      assert.equal(connection.lines.length, 1);
    }
    const endless = daemon.open();
    await endless.write(`{"hello":${"1".repeat(20_000)}`).catch(() => {});
    await endless.waitForEnd();
    assert.deepEqual(endless.lines, []);
    const { session } = await daemon.connect("tester");
    assert.ok(await session.callGatewayTool("list_servers", {}));
  },
});

Deno.test({
  name:
    "[shared.hello] of too many connections that send nothing, the oldest are closed, and no client is refused",
  ignore,
  async fn() {
    const env = { AGENT_MCP_GATEWAY_LOOPBACK: "1" };
    await using daemon = await startDaemon({ env });
    const path = `${daemon.folder}/${KEY.slice(0, 16)}.port`;
    const { port } = JSON.parse(Deno.readTextFileSync(path));
    using stack = new DisposableStack();
    const silent = await Promise.all(Array.from({ length: 70 }, async () => {
      return stack.use(await Deno.connect({ hostname: "127.0.0.1", port }));
    }));
    const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
    const { workingFolder: cwd } = daemon.setup;
    const args = [...words, "ps", "--json"];
    const ps = new Program({ command, args, cwd, env: daemon.setup.env });
    await ps.waitForEnd();
    assert.equal(JSON.parse(ps.lines.join(""))[0].state, "running");
    const closed = await Promise.race(
      silent.map((connection) => connection.read(new Uint8Array(1))),
    );
    assert.equal(closed, null);
  },
});

Deno.test({
  name: "[shared.hello] a connection that sends nothing is closed after 5 s, and delays no other",
  ignore,
  async fn() {
    await using daemon = await startDaemon();
    const silent = daemon.open();
    const { session } = await daemon.connect("tester");
    assert.ok(await session.callGatewayTool("list_servers", {}));
    await silent.waitForEnd(15_000);
    assert.deepEqual(silent.lines, []);
  },
});

Deno.test({
  name:
    "[shared.linger] a daemon without a client ends after GATEWAY_LINGER_S with all it started, and leaves only its log",
  ignore,
  async fn() {
    const servers = { common: { ...misbehavingServer(), gateway: { isolation: "shared" } } };
    await using daemon = await startDaemon({ servers, env: { GATEWAY_LINGER_S: "1" } });
    const { session, connection } = await daemon.connect("tester");
    const pid = Number(await session.callServerToolForText("common", "pid"));
    connection.sendSignal("SIGKILL");
    const { code } = await daemon.program.waitForEnd();
    assert.equal(code, 0);
    assert.equal(isRunning(pid), false);
    const names = [...Deno.readDirSync(daemon.folder)].map(({ name }) => name);
    assert.deepEqual(names, [`${KEY.slice(0, 16)}.log`]);
    assert.match(Deno.readTextFileSync(`${daemon.folder}/${names[0]}`), /no client for 1 s/);
  },
});

Deno.test({
  name:
    "[shared.status] the status lists clients and servers with their processes; the daemon ends when asked, after its calls",
  ignore,
  async fn() {
    await using daemon = await startDaemon({ servers: { odd: misbehavingServer() } });
    const { session } = await daemon.connect("tester");
    const pid = Number(await session.callServerToolForText("odd", "pid"));
    const status = await daemon.readStatus();
    const [client] = status.clients as Record<string, unknown>[];
    assert.deepEqual(
      [client?.agent, client?.name, client?.version, client?.revision, client?.pid],
      ["tester", "raw", "1", "2025-11-25", Deno.pid],
    );
    const [server] = status.servers as Record<string, unknown>[];
    assert.equal(server?.name, "odd");
    assert.deepEqual(server?.pids, [pid]);
    assert.ok(Number(server?.processes) >= 1);
    assert.ok(server?.rss === null || Number(server?.rss) > 1_000_000);
    // The launcher of the npm package is another process.
    assert.ok(GATEWAY_COMMAND === "npm" || status.pid === daemon.program.pid);
    const slow = session.callServerToolForText("odd", "slow_progress", { every_ms: 50, times: 10 });
    await daemon.greet({ action: "end" });
    assert.equal(await slow, "done");
    assert.equal((await daemon.program.waitForEnd()).code, 0);
  },
});
