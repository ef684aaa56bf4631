/** Contract: closing a server, whatever state its sessions are in. */
import assert from "node:assert/strict";
import { FakeClient } from "./fake_client.ts";
import {
  DownstreamHarness,
  expectFailure,
  GRACE_PERIODS,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_harness.ts";
import { waitUntil } from "../e2e/wait.ts";

export function describeClosing(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.close] ${name}: when closing resolves, calls in flight have failed and all sessions have ended`, async () => {
    await using harness = new DownstreamHarness(create());
    const { answer, connection } = await harness.startHeldCall();
    const failed = expectFailure(answer);
    await harness.server.close(0, GRACE_PERIODS);
    assert.equal(connection.hasEnded, true);
    assert.match(await failed, /its connection ended/);
    assert.equal(harness.server.status().sessions, 0);
    await harness.server.close(0, GRACE_PERIODS);
  });

  Deno.test(`[sessions.close] ${name}: calls in flight and queued calls may finish`, async () => {
    await using harness = new DownstreamHarness(create(), { options: { maxConcurrency: 1 } });
    const { answer, connection, request } = await harness.startHeldCall();
    const queued = harness.call("echo");
    const closing = harness.server.close(60_000, GRACE_PERIODS);
    assert.equal(harness.server.status().state, "draining");
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    assert.match(readResultJson(await queued), /"done"/);
    await closing;
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: a closed server accepts no calls and starts no session`, async () => {
    await using harness = new DownstreamHarness(create());
    await harness.server.close(0, GRACE_PERIODS);
    assert.match(await expectFailure(harness.call("echo")), /the gateway has taken it out of use/);
    await expectFailure(harness.listTools());
    await harness.server.warm(harness.client);
    assert.equal(harness.connections.length, 0);
  });

  Deno.test(`[sessions.close] ${name}: closing also closes a session that is being opened`, async () => {
    await using harness = new DownstreamHarness(create());
    const [openGate, closeGate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    harness.openGate = openGate.promise;
    harness.closeGate = closeGate.promise;
    const failed = expectFailure(harness.call("echo"));
    const closing = harness.server.close(0, GRACE_PERIODS);
    // The session is cancelled while its connection is still being opened.
    await waitUntil("the session is closed", () => harness.server.status().sessions === 0);
    openGate.resolve();
    assert.match(await failed, /its session was closed while it started/);
    closeGate.resolve();
    await closing;
    const [connection] = harness.connections;
    assert.deepEqual({ hasEnded: connection?.hasEnded, methods: connection?.receivedMethods }, {
      hasEnded: true,
      methods: [],
    });
  });

  Deno.test(`[sessions.close] ${name}: a session that was cancelled before its start is not started`, async () => {
    let now = 0;
    const script = { refusals: { initialize: "no" } };
    await using harness = new DownstreamHarness(create(), { script, now: () => now });
    for (let start = 0; start < 5; start++) await expectFailure(harness.call("echo"));
    now = 10_000;
    harness.script = { heldMethods: ["initialize"] };
    // One call tests whether the server works again; the other waits for the result.
    const trial = harness.call("echo");
    const other = new FakeClient("2");
    const waiting = expectFailure(harness.call("echo", { by: other.asAgent("a") }));
    for (let start = 0; start < 5; start++) await harness.waitForConnection();
    const connection = await harness.waitForConnection();
    const { id } = await connection.waitForMessage("initialize");
    await harness.server.releaseClient("2", GRACE_PERIODS);
    connection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await trial), /"done"/);
    assert.match(await waiting, /its session was closed while it started/);
    assert.equal(harness.connections.length, 6);
  });

  Deno.test(`[sessions.close] ${name}: closing does not wait the grace period for a session that hung`, async () => {
    await using harness = new DownstreamHarness(create(), { pingMs: 20 });
    await harness.listTools();
    const { answer, connection } = await harness.startHeldCall();
    connection.changeScript({ isHanging: true });
    await expectFailure(harness.call("echo", { timeoutMs: 20 }), "TIMEOUT");
    await connection.waitForMessage("ping");
    for (let count = 0; count < 2; count++) {
      await connection.waitForMessage("notifications/cancelled");
    }
    assert.equal(harness.server.status().state, "draining");
    const failed = expectFailure(answer);
    await harness.server.close(0, GRACE_PERIODS);
    assert.match(await failed, /its connection ended/);
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: closing waits until the process of a broken session has ended`, async () => {
    await using harness = new DownstreamHarness(create());
    const gate = Promise.withResolvers<void>();
    harness.closeGate = gate.promise;
    const { answer, connection } = await harness.startHeldCall();
    connection.crash();
    await expectFailure(answer);
    const order: string[] = [];
    const closing = harness.server.close(0, GRACE_PERIODS).then(() => order.push("closed"));
    await new Promise((resolve) => setTimeout(resolve, 0));
    order.push("process ended");
    gate.resolve();
    await closing;
    assert.deepEqual(order, ["process ended", "closed"]);
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.kill] ${name}: all sessions end immediately`, async () => {
    await using harness = new DownstreamHarness(create());
    const { answer, connection } = await harness.startHeldCall();
    harness.server.kill();
    assert.match(await expectFailure(answer), /its connection ended/);
    await connection.ended;
  });
}
