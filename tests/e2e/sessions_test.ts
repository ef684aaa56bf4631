import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const AGENTS = {
  a: { allow: { servers: ["*"] }, status: true },
  b: { allow: { servers: ["*"] } },
};

/** The part of the status that these tests read. */
interface Status {
  readonly servers: Readonly<Record<string, { sessions: number; calls_in_flight: number }>>;
}

/** Makes the entry of a server with an `isolation` and further keys under `gateway`. */
function serverWithIsolation(isolation: string, furtherKeys: object = {}): object {
  return { ...misbehavingServer(), gateway: { isolation, ...furtherKeys } };
}

Deno.test("isolation decides which agents share a session with a server", async (t) => {
  await using gateway = await startGateway({
    servers: {
      shared: serverWithIsolation("shared"),
      session: serverWithIsolation("session"),
      agent: serverWithIsolation("agent"),
      unset: misbehavingServer(),
      call: serverWithIsolation("call"),
      idle: serverWithIsolation("agent", { idle_timeout_s: 1 }),
      narrow: serverWithIsolation("shared", { max_concurrency: 1 }),
    },
    rules: { agents: AGENTS },
    args: ["--debug"],
    env: { GATEWAY_INIT_STRATEGY: "lazy" },
  });
  const readPid = (server: string, agent_id: string) => {
    return gateway.callServerToolForText(server, "pid", {}, { agent_id });
  };
  const countSessions = async (server: string) => {
    const { servers } = await gateway.callGatewayToolForJson<Status>("get_gateway_status", {
      agent_id: "a",
    });
    return servers[server]?.sessions;
  };

  for (
    const [server, isShared] of [["shared", true], ["session", true], ["agent", false]] as const
  ) {
    await t.step(
      `[servers.isolation] ${server}: agents of a connection ${
        isShared ? "share" : "do not share"
      } a session`,
      async () => {
        const [a, b] = [await readPid(server, "a"), await readPid(server, "b")];
        assert.equal(a === b, isShared);
        assert.deepEqual([await readPid(server, "a"), await readPid(server, "b")], [a, b]);
        assert.equal(await countSessions(server), isShared ? 1 : 2);
      },
    );
  }

  await t.step("[servers.isolation] the default isolation is agent", async () => {
    assert.notEqual(await readPid("unset", "a"), await readPid("unset", "b"));
  });

  await t.step(
    "[servers.isolation] call: each call has its own session, which ends with it",
    async () => {
      const pids = [
        await readPid("call", "a"),
        await readPid("call", "a"),
        await readPid("call", "b"),
      ];
      assert.equal(new Set(pids).size, 3);
      await waitUntil("all sessions have ended", async () => await countSessions("call") === 0);
    },
  );

  await t.step(
    "[servers.idle-timeout] an unused session ends, and the next call gets a new one",
    async () => {
      const firstPid = await readPid("idle", "a");
      assert.equal(await readPid("idle", "a"), firstPid);
      await waitUntil("the session ends", async () => await countSessions("idle") === 0);
      assert.notEqual(await readPid("idle", "a"), firstPid);
    },
  );

  await t.step("[servers.max-concurrency] calls beyond max_concurrency are queued", async () => {
    const { client } = gateway;
    const call = (tool: string, id: string) => {
      const params = executeToolParams("narrow", tool);
      const args = { ...params.arguments as object, agent_id: "a" };
      return client.request("tools/call", { ...params, arguments: args }, id);
    };
    await call("count", "n0");
    void call("wait", "n1").catch(() => {});
    let isAnswered = false;
    const queuedCall = call("count", "n2").finally(() => isAnswered = true);
    // Calls of another server give the queued call time to be answered by mistake.
    for (let round = 0; round < 20; round++) await readPid("shared", "a");
    assert.equal(isAnswered, false);
    await client.notify("notifications/cancelled", { requestId: "n1" });
    assert.deepEqual((await queuedCall).result?.content, [{ type: "text", text: "2" }]);
  });
});
