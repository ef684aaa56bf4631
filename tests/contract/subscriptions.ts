/** Contract: subscriptions to resources. */
import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { CallerError } from "../../src/errors.ts";
import {
  DownstreamFixture,
  expectFailure,
  type FixtureOptions,
  GRACE_PERIODS,
  readOutcome,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { FakeClient } from "./fake_client.ts";
import type { ScriptedConnection } from "./scripted_connection.ts";

const SCRIPT = { capabilities: { tools: {}, resources: { subscribe: true } } };

const SHARED: FixtureOptions = { script: SCRIPT, options: { isolation: "shared" } };

/** Makes the server announce that a resource was updated. */
function sendUpdate(connection: ScriptedConnection, uri: string): void {
  connection.send({ method: "notifications/resources/updated", params: { uri, vendor: 1 } });
}

export function describeSubscriptions(name: string, create: () => TransportUnderTest): void {
  const client1 = new FakeClient("1");
  const client2 = new FakeClient("2");
  const caller1 = client1.asAgent("a");
  const caller2 = client2.asAgent("a");

  Deno.test(`[servers.subscriptions] ${name}: the updates of a resource, and of its parts, reach the connection until it unsubscribes`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    const { params } = readOutcome(await fixture.subscribe("test://a/b")) as {
      params: { uri: string };
    };
    assert.equal(params.uri, "test://a/b");
    const connection = await fixture.waitForConnection();
    for (const uri of ["test://other", "test://a", "test://a/b", "test://a/b/c"]) {
      sendUpdate(connection, uri);
    }
    await connection.waitUntilAllReceived();
    assert.deepEqual(fixture.updates.all, [
      { params: { uri: "test://a/b", vendor: 1 }, connectionIds: ["client-1"] },
      { params: { uri: "test://a/b/c", vendor: 1 }, connectionIds: ["client-1"] },
    ]);
    await fixture.unsubscribe("test://a/b");
    await connection.waitForMessage("resources/unsubscribe");
    sendUpdate(connection, "test://a/b");
    await connection.waitUntilAllReceived();
    assert.equal(fixture.updates.all.length, 2);
    // Nothing is left to end.
    assert.deepEqual(readOutcome(await fixture.unsubscribe("test://a/b")), {});
    assert.equal(connection.countReceived("resources/unsubscribe"), 1);
  });

  Deno.test(`[servers.subscriptions] ${name}: an update reaches the subscribers of the resource and of those that it is a part of, and no others`, async () => {
    await using fixture = new DownstreamFixture(create(), SHARED);
    const subscriptions = [
      ["test://a", caller1],
      ["test://a/b", caller2],
      ["test://dir/", caller2],
    ] as const;
    for (const [uri, caller] of subscriptions) await fixture.subscribe(uri, { caller });
    const connection = await fixture.waitForConnection();
    const expected: [string, string[]][] = [
      ["test://a", ["1"]],
      ["test://a/b", ["1", "2"]],
      ["test://a/b?c", ["1", "2"]],
      ["test://a#b", ["1"]],
      ["test://dir/c", ["2"]],
      ["test://ab", []],
      ["test://a/bc", ["1"]],
      ["test://a.b", []],
      ["test://dir", []],
      ["TEST://a", []],
    ];
    for (const [uri] of expected) sendUpdate(connection, uri);
    await connection.waitUntilAllReceived();
    assert.deepEqual(
      fixture.updates.all.map(({ params, connectionIds }) => [params.uri, connectionIds]),
      expected.filter(([, connectionIds]) => connectionIds.length > 0),
    );
  });

  Deno.test(`[servers.subscriptions] ${name}: the parameters of an update are passed on as the server wrote them`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    await fixture.subscribe("test://a");
    const connection = await fixture.waitForConnection();
    const params = '{"uri": "test://\\u0061", "size":12345678901234567890, "ratio":1.0}';
    connection.sendTexts(
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${params}}`,
    );
    await fixture.updates.take();
    assert.deepEqual(fixture.updateTexts, [params]);
  });

  Deno.test(`[servers.subscriptions] ${name}: of an update with long parameters, only the URI is passed on`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    await fixture.subscribe("test://a");
    const connection = await fixture.waitForConnection();
    const params = { uri: "test://a", vendor: "x".repeat(100_000) };
    connection.send({ method: "notifications/resources/updated", params });
    await fixture.updates.take();
    assert.deepEqual(fixture.updateTexts, ['{"uri":"test://a"}']);
  });

  Deno.test(`[servers.subscriptions] ${name}: a refusal is returned as the server wrote it, and leaves no subscription`, async () => {
    const error = { code: -32002, message: "Resource not found" };
    await using fixture = new DownstreamFixture(create(), {
      script: { ...SCRIPT, refusals: { "resources/subscribe": error } },
      options: { idleTimeoutMs: 1 },
    });
    const { reply } = await fixture.subscribe("test://a");
    assert.ok(!reply.ok);
    assert.deepEqual(JSON.parse(reply.text.json), error);
    // The session is not kept for it.
    await (await fixture.waitForConnection()).ended;
    assert.deepEqual(fixture.updates.all, []);
  });

  Deno.test(`[servers.subscriptions] ${name}: of clients that share a session, the first subscribes at the server, and the last unsubscribes`, async () => {
    await using fixture = new DownstreamFixture(create(), SHARED);
    await Promise.all(
      [caller1, caller2].map((caller) => fixture.subscribe("test://a", { caller })),
    );
    await fixture.subscribe("test://a", { caller: caller1 });
    const connection = await fixture.waitForConnection();
    assert.equal(connection.countReceived("resources/subscribe"), 1);
    sendUpdate(connection, "test://a");
    assert.deepEqual((await fixture.updates.take()).connectionIds, ["1", "2"]);
    await fixture.unsubscribe("test://a", { caller: caller1 });
    sendUpdate(connection, "test://a");
    assert.deepEqual((await fixture.updates.take()).connectionIds, ["2"]);
    assert.equal(connection.countReceived("resources/unsubscribe"), 0);
    await fixture.unsubscribe("test://a", { caller: caller2 });
    assert.equal(connection.countReceived("resources/unsubscribe"), 1);
    assert.equal(fixture.connections.length, 1);
  });

  Deno.test(`[servers.subscriptions] ${name}: the subscriptions of a client that leaves end, and those of others stay`, async () => {
    await using fixture = new DownstreamFixture(create(), SHARED);
    for (
      const [uri, caller] of [["test://a", caller1], ["test://b", caller1], [
        "test://b",
        caller2,
      ]] as const
    ) {
      await fixture.subscribe(uri, { caller });
    }
    const connection = await fixture.waitForConnection();
    await fixture.server.releaseClient("1", GRACE_PERIODS);
    const { params } = await connection.waitForMessage("resources/unsubscribe");
    assert.equal(params?.uri, "test://a");
    for (const uri of ["test://a", "test://b"]) sendUpdate(connection, uri);
    await connection.waitUntilAllReceived();
    assert.deepEqual(
      fixture.updates.all.map(({ params, connectionIds }) => [params.uri, connectionIds]),
      [
        ["test://b", ["2"]],
      ],
    );
    assert.equal(connection.countReceived("resources/unsubscribe"), 1);
  });

  Deno.test(`[servers.subscriptions] ${name}: a request that was cancelled before its turn starts no session, and joins no subscription`, async () => {
    await using fixture = new DownstreamFixture(create(), SHARED);
    const signal = AbortSignal.abort(new Error("The client has left"));
    const subscribe = () => fixture.subscribe("test://a", { caller: caller1, signal });
    await assert.rejects(subscribe, { message: "The client has left" });
    assert.equal(fixture.connections.length, 0);
    await fixture.subscribe("test://a", { caller: caller2 });
    await assert.rejects(subscribe, { message: "The client has left" });
    sendUpdate(await fixture.waitForConnection(), "test://a");
    assert.deepEqual((await fixture.updates.take()).connectionIds, ["2"]);
  });

  for (const isolation of ["agent", "call", "shared"] as const) {
    Deno.test(`[servers.subscription-pins] ${name}: with isolation ${isolation}, a session with a subscription is not closed while it is unused, and is when the subscription ends`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        script: SCRIPT,
        options: { isolation, idleTimeoutMs: 50 },
      });
      await fixture.subscribe("test://a");
      const connection = await fixture.waitForConnection();
      // The idle time of this other session ends later than that of the first one would.
      await fixture.request({ kind: "resource", uri: "test://x" }, {
        caller: new FakeClient("other", { roots: {} }).asAgent("b"),
      });
      await fixture.connections[1]?.ended;
      assert.equal(connection.hasEnded, false);
      sendUpdate(connection, "test://a");
      await fixture.updates.take();
      await fixture.unsubscribe("test://a");
      await connection.ended;
      assert.equal(connection.countReceived("resources/unsubscribe"), 1);
      assert.equal(fixture.server.status().sessions, 0);
    });
  }

  Deno.test(`[servers.subscription-pins] ${name}: with isolation call, each subscription has a session of its own`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: SCRIPT,
      options: { isolation: "call" },
    });
    for (const uri of ["test://a", "test://b"]) await fixture.subscribe(uri);
    assert.equal(fixture.server.status().sessions, 2);
    const [first, second] = fixture.connections;
    await fixture.unsubscribe("test://a");
    await first?.ended;
    assert.equal(second?.hasEnded, false);
    assert.equal(second?.countReceived("resources/unsubscribe"), 0);
  });

  Deno.test(`[servers.subscription-pins] ${name}: a subscription does not delay the end of a server that is no longer in use`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    await fixture.subscribe("test://a");
    const startedAt = performance.now();
    await fixture.server.close(60_000, GRACE_PERIODS);
    assert.ok(performance.now() - startedAt < 30_000);
    await expectFailure(fixture.subscribe("test://b"));
    assert.equal(fixture.connections.length, 1);
    assert.deepEqual(fixture.updates.all, []);
  });

  Deno.test(`[servers.subscription-renewal] ${name}: after the session has broken, its subscriptions are made again, and the clients are told that the resources were updated`, async () => {
    await using fixture = new DownstreamFixture(create(), SHARED);
    await fixture.subscribe("test://a", { caller: caller1 });
    await fixture.subscribe("test://b", { caller: caller1 });
    await fixture.subscribe("test://b", { caller: caller2 });
    const connection = await fixture.waitForConnection();
    connection.crash();
    const updates = [];
    for (let count = 0; count < 3; count++) updates.push(await fixture.updates.take());
    assert.deepEqual(updates, [
      { params: { uri: "test://a" }, connectionIds: ["1"] },
      { params: { uri: "test://b" }, connectionIds: ["1"] },
      { params: { uri: "test://b" }, connectionIds: ["2"] },
    ]);
    const next = await fixture.waitForConnection();
    assert.notEqual(next, connection);
    assert.equal(next.countReceived("resources/subscribe"), 2);
    sendUpdate(next, "test://b");
    assert.deepEqual((await fixture.updates.take()).connectionIds, ["1", "2"]);
    // A server that breaks again soon is not started again for them.
    next.crash();
    for (let count = 0; count < 3; count++) await fixture.updates.take();
    await next.ended;
    assert.equal(fixture.connections.length, 2);
    assert.match(
      fixture.log.at(-1) ?? "",
      /Subscriptions to resources ended with their session .*count=3/,
    );
    // The next calls of the clients start it, and they can subscribe again.
    await fixture.subscribe("test://a", { caller: caller1 });
    assert.equal(fixture.connections.length, 3);
  });

  Deno.test(`[servers.subscription-renewal] ${name}: when a session that hangs is replaced, its subscriptions are made again on the next session`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT, pingMs: 300 });
    await fixture.subscribe("test://a");
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    connection.changeScript({ isHanging: true });
    await connection.waitUntilAllReceived();
    await expectFailure(fixture.call("echo", { timeoutMs: 300 }), "TIMEOUT");
    assert.deepEqual((await fixture.updates.take()).params, { uri: "test://a" });
    const next = await fixture.waitForConnection();
    assert.equal(next.countReceived("resources/subscribe"), 1);
    sendUpdate(next, "test://a");
    await fixture.updates.take();
    await connection.ended;
    assert.equal(fixture.connections.length, 2);
  });

  Deno.test(`[servers.subscription-renewal] ${name}: if the server can no longer be used after a break, the subscription ends, and the client is told of an update`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    await fixture.subscribe("test://a");
    const connection = await fixture.waitForConnection();
    fixture.script = { refusals: { initialize: "no licence" } };
    connection.crash();
    assert.deepEqual((await fixture.updates.take()).params, { uri: "test://a" });
    assert.match(fixture.log.at(-1) ?? "", /ended with their session .*count=1/);
    assert.deepEqual(readOutcome(await fixture.unsubscribe("test://a")), {});
  });

  Deno.test(`[servers.subscription-hostile] ${name}: a server that floods updates delays no call, and updates without a subscription are dropped`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    await fixture.subscribe("test://a");
    const connection = await fixture.waitForConnection();
    const update = (params: unknown) => {
      return JSON.stringify({ jsonrpc: "2.0", method: "notifications/resources/updated", params });
    };
    const invalid = [null, 7, [], {}, { uri: 7 }, { uri: "" }, {
      uri: `test://a/${"x".repeat(4096)}`,
    }].map(update);
    const flood = Array.from({ length: 2000 }, (_, index) => update({ uri: `test://x${index}` }));
    connection.sendTexts(...invalid, ...flood, update({ uri: "test://a" }));
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    await fixture.updates.take();
    assert.equal(fixture.updates.all.length, 1);
  });

  Deno.test(`[servers.subscription-hostile] ${name}: a connection has at most 1,000 subscriptions to a server, and they count in its agent's memory`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: SCRIPT });
    const memory = new Budget(10_000_000);
    const caller = { ...fixture.client.asAgent("agent"), memory };
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) => fixture.subscribe(`test://${index}`, { caller })),
    );
    assert.ok(memory.used > 500_000, String(memory.used));
    const isRefused = (error: unknown) => {
      return error instanceof CallerError && error.code === "RATE_LIMITED";
    };
    await assert.rejects(fixture.subscribe("test://more", { caller }), isRefused);
    await fixture.unsubscribe("test://0", { caller });
    await fixture.subscribe("test://more", { caller });
    await fixture.server.releaseClient("client-1", GRACE_PERIODS);
    assert.equal(memory.used, 0);
    const small = { ...caller2, memory: new Budget(600) };
    await fixture.subscribe("test://a", { caller: small });
    await assert.rejects(fixture.subscribe("test://b", { caller: small }), isRefused);
  });
}
