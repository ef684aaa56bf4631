import assert from "node:assert/strict";
import { executeToolParams, readSingleText, startGateway } from "./gateway.ts";
import { callNamedServer, editAndReload, namedServer, readStatus } from "./config_edits.ts";
import { waitUntil } from "./wait.ts";

const ARGS = ["--agent", "tester", "--debug"];

Deno.test("servers are added, changed and removed while the gateway serves", async (t) => {
  const kept = namedServer("kept");
  await using gateway = await startGateway({
    servers: { kept, changing: namedServer("first"), going: namedServer("going") },
    args: ARGS,
  });
  const { client } = gateway;
  const keptPid = (await callNamedServer(gateway, "kept")).pid;

  await t.step(
    "[reload.untouched] servers with unchanged entries keep their process and session",
    async () => {
      // The default values of an entry, written out, do not change it. Neither does another order of the entries.
      const equalEntry = { ...kept, type: "stdio", disabled: false, gateway: {} };
      const servers = {
        going: namedServer("going"),
        kept: equalEntry,
        changing: namedServer("first"),
      };
      const { servers: earlierServers } = await readStatus(gateway);
      const { servers: laterServers } = await editAndReload(gateway, "mcp_config", {
        mcpServers: servers,
      });
      assert.deepEqual(Object.keys(laterServers), ["going", "kept", "changing"]);
      for (const name of Object.keys(earlierServers)) {
        assert.deepEqual(laterServers[name]?.pids, earlierServers[name]?.pids, name);
        assert.equal(laterServers[name]?.sessions, 1);
      }
      assert.equal((await callNamedServer(gateway, "kept")).pid, keptPid);
    },
  );

  await t.step(
    "[reload.description] a changed description does not restart its server",
    async () => {
      const servers = {
        kept: { ...kept, description: "New words" },
        changing: namedServer("first"),
      };
      const mcpServers = { ...servers, going: namedServer("going") };
      await editAndReload(gateway, "mcp_config", { mcpServers });
      const list = await gateway.callGatewayToolForJson<{ description?: string }[]>("list_servers");
      assert.deepEqual(list[0], { name: "kept", description: "New words" });
      assert.equal((await callNamedServer(gateway, "kept")).pid, keptPid);
    },
  );

  await t.step("[reload.drain] changed and removed servers end after their calls", async () => {
    const oldServer = await callNamedServer(gateway, "changing");
    // The calls take longer than the time in which a server must end after a signal.
    const answers = ["changing", "going"].map((server) => {
      const args = { token: server, after_ms: 5000 };
      return client.request("tools/call", executeToolParams(server, "identify", args));
    });
    const servers = { kept, changing: namedServer("second"), coming: namedServer("coming") };
    const status = await editAndReload(gateway, "mcp_config", { mcpServers: servers });
    assert.deepEqual(status.available_servers, ["kept", "changing", "coming"]);

    // New calls reach the new servers while the old calls are in progress.
    const newServer = await callNamedServer(gateway, "changing");
    assert.equal(newServer.name, "second");
    assert.notEqual(newServer.pid, oldServer.pid);
    assert.equal((await callNamedServer(gateway, "coming")).name, "coming");
    const { code } = await gateway.expectRefusal("execute_tool", {
      server: "going",
      tool: "identify",
      args: {},
    });
    assert.equal(code, "SERVER_UNAVAILABLE");
    const runningPids = await gateway.setup.listProcessIds();
    assert.ok(
      Deno.build.os !== "linux" || runningPids.includes(oldServer.pid),
      "the old server still runs",
    );

    // Each answer is the name and the process id of the server, and the token of the call.
    const answerParts = (await Promise.all(answers)).map(({ result }) =>
      readSingleText(result).split(" ")
    );
    assert.deepEqual(answerParts.map(([name, , token]) => [name, token]), [
      ["first", "changing"],
      ["going", "going"],
    ]);
    const oldPids = answerParts.map(([, pid]) => Number(pid));
    await waitUntil("the old processes end", async () => {
      const runningPids = await gateway.setup.listProcessIds();
      return !oldPids.some((pid) => runningPids.includes(pid));
    });
    assert.equal((await callNamedServer(gateway, "kept")).pid, keptPid);
  });

  await t.step("[reload.new-servers] a new server is started before its first call", async () => {
    const servers = { kept, early: namedServer("early") };
    await editAndReload(gateway, "mcp_config", { mcpServers: servers });
    const [pid] = await waitUntil("the new server is ready", async () => {
      const { early } = (await readStatus(gateway)).servers;
      return early?.state === "ready" && early.pids;
    });
    assert.deepEqual(await callNamedServer(gateway, "early"), {
      name: "early",
      pid,
      token: "none",
    });
    const { tools } = await gateway.callGatewayToolForJson<{ tools: object[] }>(
      "get_server_tools",
      {
        server: "early",
      },
    );
    assert.equal(tools.length, 2);
  });

  await t.step("[reload.drain] a removed server that is added again is started again", async () => {
    await editAndReload(gateway, "mcp_config", { mcpServers: { kept } });
    const servers = { kept, early: namedServer("early") };
    await editAndReload(gateway, "mcp_config", { mcpServers: servers });
    assert.equal((await callNamedServer(gateway, "early")).name, "early");
    assert.equal((await callNamedServer(gateway, "kept")).pid, keptPid);
  });
});

Deno.test("[reload.new-servers] with lazy start a new server is started by its first call", async () => {
  await using gateway = await startGateway({
    args: ARGS,
    env: { GATEWAY_INIT_STRATEGY: "lazy" },
  });
  const mcpServers = { late: namedServer("late") };
  const { servers } = await editAndReload(gateway, "mcp_config", { mcpServers });
  assert.equal(servers.late?.state, "idle");
  assert.equal((await callNamedServer(gateway, "late")).name, "late");
});

Deno.test("[reload.drain] at its end, the gateway does not wait for a call of a removed server", async () => {
  const gateway = await startGateway({ servers: { going: namedServer("going") }, args: ARGS });
  await callNamedServer(gateway, "going");
  const params = executeToolParams("going", "identify", { token: "late", after_ms: 60_000 });
  gateway.client.request("tools/call", params).catch(() => {});
  await editAndReload(gateway, "mcp_config", { mcpServers: {} });
  // `end` also checks that no process is left.
  await gateway.end();
});
