import assert from "node:assert/strict";
import { executeToolParams, oddServer, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const AGENTS = {
  a: { allow: { servers: ["*"] }, status: true },
  b: { allow: { servers: ["*"] } },
};

interface Status {
  readonly servers: Readonly<Record<string, { sessions: number; calls_in_flight: number }>>;
}

/** An odd server with this `isolation`. */
function oddServerWithIsolation(isolation: string, more: object = {}): object {
  return { ...oddServer(), gateway: { isolation, ...more } };
}

Deno.test("sharing of a server's sessions", async (t) => {
  await using gateway = await startGateway({
    servers: {
      shared: oddServerWithIsolation("shared"),
      session: oddServerWithIsolation("session"),
      agent: oddServerWithIsolation("agent"),
      standard: oddServer(),
      call: oddServerWithIsolation("call"),
      idle: oddServerWithIsolation("agent", { idle_timeout_s: 1 }),
      narrow: oddServerWithIsolation("shared", { max_concurrency: 1 }),
    },
    rules: { agents: AGENTS },
    args: ["--debug"],
    env: { GATEWAY_INIT_STRATEGY: "lazy" },
  });
  const pid = (server: string, agent_id: string) => {
    return gateway.callServerToolForText(server, "pid", {}, { agent_id });
  };
  const sessions = async (server: string) => {
    const { servers } = await gateway.callGatewayToolForJson<Status>("get_gateway_status", {
      agent_id: "a",
    });
    return servers[server]?.sessions;
  };

  for (
    const [server, isShared] of [["shared", true], ["session", true], ["agent", false]] as const
  ) {
    await t.step(`[servers.isolation] ${server}`, async () => {
      const [a, b] = [await pid(server, "a"), await pid(server, "b")];
      assert.equal(a === b, isShared);
      assert.deepEqual([await pid(server, "a"), await pid(server, "b")], [a, b]);
      assert.equal(await sessions(server), isShared ? 1 : 2);
    });
  }

  await t.step("[servers.isolation] agent is the default", async () => {
    assert.notEqual(await pid("standard", "a"), await pid("standard", "b"));
  });

  await t.step("[servers.isolation] call, after which no process is left", async () => {
    const pids = [await pid("call", "a"), await pid("call", "a"), await pid("call", "b")];
    assert.equal(new Set(pids).size, 3);
    await waitUntil("all have ended", async () => await sessions("call") === 0);
  });

  await t.step(
    "[servers.idle-timeout] an unused session ends, and the next call gets a new one",
    async () => {
      const first = await pid("idle", "a");
      assert.equal(await pid("idle", "a"), first);
      await waitUntil("it ends", async () => await sessions("idle") === 0);
      assert.notEqual(await pid("idle", "a"), first);
    },
  );

  await t.step("[servers.max-concurrency] further calls are queued", async () => {
    const { client } = gateway;
    const call = (tool: string, id: string) => {
      const params = executeToolParams("narrow", tool);
      const args = { ...params.arguments as object, agent_id: "a" };
      return client.request("tools/call", { ...params, arguments: args }, id);
    };
    await call("count", "n0");
    void call("wait", "n1").catch(() => {});
    let isOver = false;
    const second = call("count", "n2").finally(() => isOver = true);
    for (let round = 0; round < 20; round++) await pid("shared", "a");
    assert.equal(isOver, false);
    await client.notify("notifications/cancelled", { requestId: "n1" });
    assert.deepEqual((await second).result?.content, [{ type: "text", text: "2" }]);
  });
});
