/** Contract: which callers share a session, and when an unused session ends. */
import assert from "node:assert/strict";
import type { Isolation } from "../../src/config/mod.ts";
import { FakeClient } from "./fake_client.ts";
import {
  DownstreamFixture,
  GRACE_PERIODS,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";

export function describeSessionSharing(name: string, create: () => TransportUnderTest): void {
  const [client1, client2, rootsClient] = [
    new FakeClient("1"),
    new FakeClient("2"),
    new FakeClient("3", { roots: {} }),
  ];
  const CALLERS = {
    "client 1, agent a": client1.asAgent("a"),
    "client 1, agent b": client1.asAgent("b"),
    "client 2, agent a": client2.asAgent("a"),
    "client 3, which has roots": rootsClient.asAgent("a"),
  };
  /** The index of each caller's session in a round of calls, in the order of `CALLERS`. */
  const SESSION_INDEXES: Readonly<Record<Isolation, readonly number[]>> = {
    shared: [0, 0, 0, 1],
    session: [0, 0, 1, 2],
    agent: [0, 1, 2, 3],
    call: [0, 1, 2, 3],
  };

  for (const [isolation, sessionIndexes] of Object.entries(SESSION_INDEXES)) {
    Deno.test(`[sessions.isolation] ${name}: with isolation ${isolation}, each caller uses the expected session`, async () => {
      const options = { isolation: isolation as Isolation };
      await using fixture = new DownstreamFixture(create(), { options });
      for (let round = 0; round < 2; round++) {
        for (const [index, [callerName, caller]] of Object.entries(CALLERS).entries()) {
          await fixture.call("echo", { caller, args: JSON.stringify({ callerName, round }) });
          // With isolation "call", each call adds a session.
          const offset = isolation === "call" ? round * sessionIndexes.length : 0;
          const connection = fixture.connections[offset + (sessionIndexes[index] ?? -1)];
          const { params } = await connection?.waitForMessage("tools/call") ?? {};
          assert.deepEqual(params?.arguments, { callerName, round });
        }
      }
      const sessionCount = new Set(sessionIndexes).size * (isolation === "call" ? 2 : 1);
      assert.equal(fixture.connections.length, sessionCount);
      if (isolation !== "call") return;
      await Promise.all(fixture.connections.map((connection) => connection.ended));
      assert.equal(fixture.server.status().sessions, 0);
    });
  }

  for (const isolation of Object.keys(SESSION_INDEXES) as Isolation[]) {
    Deno.test(`[sessions.warm] ${name}: with isolation ${isolation}, the first call of the client uses the prewarmed session`, async () => {
      await using fixture = new DownstreamFixture(create(), { options: { isolation } });
      await fixture.server.warm(client1);
      const connection = await fixture.waitForConnection();
      assert.equal(fixture.server.status().tools, 2);
      // With isolation "agent", callers of other clients do not use the prewarmed session.
      if (isolation === "agent") {
        await fixture.call("echo", { caller: rootsClient.asAgent("a") });
        await fixture.call("echo", { caller: client2.asAgent("a") });
        assert.equal(fixture.connections.length, 3);
        assert.equal(connection.countReceived("tools/call"), 0);
      }
      const connectionCount = fixture.connections.length;
      assert.match(
        readResultJson(await fixture.call("echo", { caller: client1.asAgent("a") })),
        /"done"/,
      );
      assert.equal(connection.countReceived("tools/call"), 1);
      assert.equal(fixture.connections.length, connectionCount);
      await fixture.call("echo", { caller: client1.asAgent("b") });
      assert.equal(
        fixture.connections.length,
        connectionCount + (["agent", "call"].includes(isolation) ? 1 : 0),
      );
    });
  }

  Deno.test(`[sessions.warm] ${name}: a call works while the session is still being prewarmed`, async () => {
    await using fixture = new DownstreamFixture(create());
    const warming = fixture.server.warm(fixture.client);
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    await warming;
    assert.deepEqual(
      fixture.connections.map((connection) => connection.countReceived("tools/list")),
      [1],
    );
  });

  Deno.test(`[sessions.warm] ${name}: a failed prewarming is logged, and the first call tries again`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { refusals: { initialize: "not yet" } },
    });
    await fixture.server.warm(fixture.client);
    assert.match(fixture.log.join(), /not yet.* server=files/);
    fixture.script = {};
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
  });

  Deno.test(`[sessions.idle] ${name}: an idle session is closed, a session in use is not`, async () => {
    const script = { heldMethods: ["initialize"] };
    await using fixture = new DownstreamFixture(create(), {
      script,
      options: { idleTimeoutMs: 30 },
    });
    const exceedIdleTimeout = () => new Promise((resolve) => setTimeout(resolve, 60));
    const warming = fixture.server.warm(fixture.client);
    const connection = await fixture.waitForConnection();
    const { id } = await connection.waitForMessage("initialize");
    // A session that is being prewarmed is not idle.
    await exceedIdleTimeout();
    connection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    await warming;
    assert.equal(fixture.server.status().tools, 2);
    await connection.ended;
    assert.equal(fixture.server.status().state, "idle");
    fixture.script = {};
    const call = fixture.call("held");
    const secondConnection = await fixture.waitForConnection();
    const request = await secondConnection.waitForMessage("tools/call");
    await exceedIdleTimeout();
    secondConnection.answer(request, { content: [] });
    assert.equal(readResultJson(await call), '{"content":[]}');
    await secondConnection.ended;
    assert.equal(fixture.connections.length, 2);
  });

  Deno.test(`[sessions.client-gone] ${name}: a client's sessions end when the client is gone; the sessions of other clients stay`, async () => {
    await using fixture = new DownstreamFixture(create());
    for (const caller of [client1.asAgent("a"), client1.asAgent("b"), client2.asAgent("a")]) {
      await fixture.call("echo", { caller });
    }
    await fixture.server.releaseClient("1", GRACE_PERIODS);
    assert.deepEqual(fixture.connections.map((connection) => connection.hasEnded), [
      true,
      true,
      false,
    ]);
    assert.equal(fixture.server.status().sessions, 1);
    await fixture.call("echo", { caller: client2.asAgent("a") });
    assert.equal(fixture.connections.length, 3);
  });

  Deno.test(`[sessions.client-gone] ${name}: a shared session outlives the client that it was started for`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { isolation: "shared" } });
    await fixture.call("echo", { caller: client1.asAgent("a") });
    await fixture.server.releaseClient("1", GRACE_PERIODS);
    await fixture.call("echo", { caller: client2.asAgent("a") });
    assert.equal(fixture.connections.length, 1);
  });
}
