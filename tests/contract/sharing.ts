/** Contract: which callers share a session, and when an unused session ends. */
import assert from "node:assert/strict";
import type { Isolation } from "../../src/config/mod.ts";
import { Client } from "./client.ts";
import { GRACE_PERIODS, resultText, Scene, type TransportUnderTest } from "./scene.ts";

export function describeSharing(name: string, create: () => TransportUnderTest): void {
  const [one, two, able] = [new Client("1"), new Client("2"), new Client("3", { roots: {} })];
  const CALLERS = {
    "client 1, agent a": one.agent("a"),
    "client 1, agent b": one.agent("b"),
    "client 2, agent a": two.agent("a"),
    "client 3, which can do more": able.agent("a"),
  };
  /** For each isolation, the number of the session of each caller, in this order. */
  const SESSIONS: Readonly<Record<Isolation, readonly number[]>> = {
    shared: [0, 0, 0, 1],
    session: [0, 0, 1, 2],
    agent: [0, 1, 2, 3],
    call: [0, 1, 2, 3],
  };

  for (const [isolation, expected] of Object.entries(SESSIONS)) {
    Deno.test(`[sessions.isolation] ${name}: with ${isolation}, which callers share a session`, async () => {
      const options = { isolation: isolation as Isolation };
      await using scene = new Scene(create(), { options });
      for (let round = 0; round < 2; round++) {
        for (const [index, [who, by]] of Object.entries(CALLERS).entries()) {
          await scene.call("echo", { by, args: JSON.stringify({ who, round }) });
          // With isolation "call" there is one more session for each call.
          const offset = isolation === "call" ? round * expected.length : 0;
          const tap = scene.taps[offset + (expected[index] ?? -1)];
          const { params } = await tap?.saw("tools/call") ?? {};
          assert.deepEqual(params?.arguments, { who, round });
        }
      }
      const sessions = new Set(expected).size * (isolation === "call" ? 2 : 1);
      assert.equal(scene.taps.length, sessions);
      if (isolation !== "call") return;
      await Promise.all(scene.taps.map((tap) => tap.ended));
      assert.equal(scene.server.status().sessions, 0);
    });
  }

  for (const isolation of Object.keys(SESSIONS) as Isolation[]) {
    Deno.test(`[sessions.warm] ${name}: with ${isolation}, the first call takes the prewarmed session`, async () => {
      await using scene = new Scene(create(), { options: { isolation } });
      await scene.server.warm(one);
      const tap = await scene.opened();
      assert.equal(scene.server.status().tools, 2);
      // Another client gets it only if it is shared; a client with other capabilities does not.
      if (isolation === "agent") {
        await scene.call("echo", { by: able.agent("a") });
        await scene.call("echo", { by: two.agent("a") });
        assert.equal(scene.taps.length, 3);
        assert.equal(tap.count("tools/call"), 0);
      }
      const { length } = scene.taps;
      assert.match(resultText(await scene.call("echo", { by: one.agent("a") })), /"done"/);
      assert.equal(tap.count("tools/call"), 1);
      assert.equal(scene.taps.length, length);
      await scene.call("echo", { by: one.agent("b") });
      assert.equal(scene.taps.length, length + (["agent", "call"].includes(isolation) ? 1 : 0));
    });
  }

  Deno.test(`[sessions.warm] ${name}: a call need not wait until the prewarmed session is ready`, async () => {
    await using scene = new Scene(create());
    const warm = scene.server.warm(scene.client);
    assert.match(resultText(await scene.call("echo")), /"done"/);
    await warm;
    assert.deepEqual(scene.taps.map((tap) => tap.count("tools/list")), [1]);
  });

  Deno.test(`[sessions.warm] ${name}: a failed prewarming is logged, and the first call tries again`, async () => {
    await using scene = new Scene(create(), { script: { refuses: { initialize: "not yet" } } });
    await scene.server.warm(scene.client);
    assert.match(scene.log.join(), /not yet.* server=files/);
    scene.script = {};
    assert.match(resultText(await scene.call("echo")), /"done"/);
  });

  Deno.test(`[sessions.idle] ${name}: an idle session is closed, one in use is not`, async () => {
    const script = { holds: ["initialize"] };
    await using scene = new Scene(create(), { script, options: { idleTimeoutMs: 30 } });
    const pass = () => new Promise((resolve) => setTimeout(resolve, 60));
    const warm = scene.server.warm(scene.client);
    const tap = await scene.opened();
    const { id } = await tap.saw("initialize");
    // A session that is being prewarmed is not idle.
    await pass();
    tap.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    await warm;
    assert.equal(scene.server.status().tools, 2);
    await tap.ended;
    assert.equal(scene.server.status().state, "idle");
    scene.script = {};
    const call = scene.call("held");
    const next = await scene.opened();
    const request = await next.saw("tools/call");
    await pass();
    next.answer(request, { content: [] });
    assert.equal(resultText(await call), '{"content":[]}');
    await next.ended;
    assert.equal(scene.taps.length, 2);
  });

  Deno.test(`[sessions.client-gone] ${name}: a client's sessions end with it, those of others do not`, async () => {
    await using scene = new Scene(create());
    for (const by of [one.agent("a"), one.agent("b"), two.agent("a")]) {
      await scene.call("echo", { by });
    }
    await scene.server.releaseClient("1", GRACE_PERIODS);
    assert.deepEqual(scene.taps.map((tap) => tap.hasEnded), [true, true, false]);
    assert.equal(scene.server.status().sessions, 1);
    await scene.call("echo", { by: two.agent("a") });
    assert.equal(scene.taps.length, 3);
  });

  Deno.test(`[sessions.client-gone] ${name}: a shared session outlives the client that it was started for`, async () => {
    await using scene = new Scene(create(), { options: { isolation: "shared" } });
    await scene.call("echo", { by: one.agent("a") });
    await scene.server.releaseClient("1", GRACE_PERIODS);
    await scene.call("echo", { by: two.agent("a") });
    assert.equal(scene.taps.length, 1);
  });
}
