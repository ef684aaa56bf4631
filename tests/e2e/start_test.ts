import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, readRefusal, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** Entry of a server that records each of its starts in a file of the working folder. */
function recordingServer(name: string): { command: string; args: string[] } {
  return misbehavingServer(`--pid-file=${name}`);
}

/** Counts the starts that a file of the working folder records. */
function countStarts(gateway: RunningGateway, name: string): number {
  try {
    return Deno.readTextFileSync(join(gateway.setup.workingFolder, name)).split("\n").length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

Deno.test("[lifecycle.eager] servers start after initialize", async () => {
  await using gateway = await startGateway({
    servers: { one: recordingServer("one"), two: recordingServer("two") },
    initialize: false,
  });
  await waitUntil(
    "the gateway is ready",
    () => gateway.program.stderr.includes("Gateway is ready"),
  );
  assert.deepEqual([countStarts(gateway, "one"), countStarts(gateway, "two")], [0, 0]);
  await gateway.client.initialize();
  await waitUntil(
    "both servers start",
    () => countStarts(gateway, "one") === 1 && countStarts(gateway, "two") === 1,
  );
  // The calls use the servers that have started.
  assert.equal(await gateway.callServerToolForText("one", "count"), "1");
  assert.equal(await gateway.callServerToolForText("one", "count"), "2");
  assert.deepEqual([countStarts(gateway, "one"), countStarts(gateway, "two")], [1, 1]);
});

for (
  const [setting, args, env] of [
    ["--init-strategy lazy", ["--init-strategy", "lazy"], {}],
    ["GATEWAY_INIT_STRATEGY=lazy", [], { GATEWAY_INIT_STRATEGY: "lazy" }],
  ] as const
) {
  Deno.test(`[lifecycle.lazy] with ${setting}, servers start on first use`, async () => {
    await using gateway = await startGateway({
      servers: { one: recordingServer("one"), two: recordingServer("two") },
      args: ["--agent", "tester", ...args],
      env,
    });
    await gateway.callGatewayToolForJson("list_servers", { include_metadata: true });
    assert.deepEqual([countStarts(gateway, "one"), countStarts(gateway, "two")], [0, 0]);
    await gateway.callGatewayToolForJson("get_server_tools", { server: "two" });
    assert.deepEqual([countStarts(gateway, "one"), countStarts(gateway, "two")], [0, 1]);
    assert.equal(await gateway.callServerToolForText("one", "count"), "1");
    assert.deepEqual([countStarts(gateway, "one"), countStarts(gateway, "two")], [1, 1]);
  });
}

Deno.test("servers that never answer initialize", async (t) => {
  const hung = misbehavingServer("--hold=initialize");
  const servers: Record<string, unknown> = { odd: misbehavingServer() };
  for (let number = 0; number < 5; number++) servers[`hung_${number}`] = hung;
  await using gateway = await startGateway({ servers, initialize: false });

  await t.step("[lifecycle.handshake] they do not delay the client's handshake", async () => {
    const startedMs = performance.now();
    assert.ok((await gateway.client.initialize()).result);
    await gateway.client.request("tools/list");
    assert.equal((await gateway.callGatewayToolForJson<unknown[]>("list_servers")).length, 6);
    assert.ok(performance.now() - startedMs < 20_000, "less than the 30 s that a start may take");
  });

  await t.step("[servers.harms-no-other] they do not delay calls of other servers", async () => {
    const call = { server: "hung_0", tool: "echo", args: {}, timeout_ms: 1000 };
    let isOver = false;
    const heldCall = gateway.callGatewayTool("execute_tool", call).finally(() => isOver = true);
    for (let number = 1; number <= 20; number++) {
      assert.equal(await gateway.callServerToolForText("odd", "count"), String(number));
    }
    assert.equal(isOver, false);
    assert.equal(readRefusal(await heldCall).code, "TIMEOUT");
  });
});

Deno.test("a gateway with a current server, an old server, and a program that only echoes its input", async (t) => {
  await using gateway = await startGateway({
    servers: {
      odd: misbehavingServer(),
      old: misbehavingServer("--revision=2024-11-05"),
      echoing: { command: "sh", args: ["-c", "exec cat"] },
    },
    args: ["--agent", "tester", "--debug"],
  });

  const oldServerTitle =
    "[protocol.server-revisions] a server that supports only 2024-11-05 works, although it is asked for 2025-11-25";
  await t.step(oldServerTitle, async () => {
    const received = (await gateway.callServerToolForText("old", "received")).split("\n");
    const initialize = received.find((line) => line.includes(`"initialize"`)) ?? "";
    assert.equal(JSON.parse(initialize).params.protocolVersion, "2025-11-25");
  });

  await t.step(
    "[lifecycle.list-changed] a new tool is listed after the server has announced it",
    async () => {
      const listToolNames = async () => {
        const answer = await gateway.callGatewayToolForJson<{ tools: { name: string }[] }>(
          "get_server_tools",
          {
            server: "odd",
            detail: "names",
          },
        );
        return answer.tools.map(({ name }) => name);
      };
      assert.equal((await listToolNames()).includes("grown"), false);
      await gateway.callServerToolForText("odd", "grow", { notify: true });
      await waitUntil(
        "the new tool is listed",
        async () => (await listToolNames()).includes("grown"),
      );
    },
  );

  await t.step(
    "[servers.harms-no-other] a program that only echoes its input affects no other server",
    async () => {
      const call = { server: "echoing", tool: "x", args: {} };
      const { code } = await gateway.expectRefusal("execute_tool", call);
      assert.equal(code, "SERVER_UNAVAILABLE");
      assert.equal(await gateway.callServerToolForText("old", "count"), "1");
    },
  );

  await t.step("[tools.status] the status has the state of each server", async () => {
    const { servers } = await gateway.callGatewayToolForJson<
      { servers: Record<string, Record<string, unknown>> }
    >(
      "get_gateway_status",
    );
    assert.equal(servers.odd?.state, "ready");
    assert.equal(servers.odd?.sessions, 1);
    assert.equal(typeof servers.odd?.tools, "number");
    assert.equal(typeof servers.odd?.connect_ms, "number");
    assert.match(String(servers.odd?.revision), /^\d{4}-\d\d-\d\d$/);
    assert.equal(servers.echoing?.revision, null);
    assert.deepEqual(servers.odd?.pids, [
      Number(await gateway.callServerToolForText("odd", "pid")),
    ]);
    assert.equal(typeof servers.echoing?.last_error, "string");
  });
});
