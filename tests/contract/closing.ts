/** Contract: closing a server, whatever state its sessions are in. */
import assert from "node:assert/strict";
import { FakeClient } from "./fake_client.ts";
import {
  DownstreamFixture,
  expectFailure,
  GRACE_PERIODS,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { waitUntil } from "../e2e/wait.ts";

/** Failed starts in a row after which the gateway pauses before the next start. */
const FAILURES_UNTIL_PAUSE = 5;

export function describeClosing(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.close] ${name}: closing fails the calls in flight, and ends all sessions before it resolves`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { answer, connection } = await fixture.startHeldCall();
    const failure = expectFailure(answer);
    await fixture.server.close(0, GRACE_PERIODS);
    assert.equal(connection.hasEnded, true);
    assert.match(await failure, /its connection ended/);
    assert.equal(fixture.server.status().sessions, 0);
    await fixture.server.close(0, GRACE_PERIODS);
  });

  Deno.test(`[sessions.close] ${name}: closing waits for calls in flight and queued calls`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { maxConcurrency: 1 } });
    const { answer, connection, request } = await fixture.startHeldCall();
    const queuedCall = fixture.call("echo");
    const closing = fixture.server.close(60_000, GRACE_PERIODS);
    assert.equal(fixture.server.status().state, "draining");
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    assert.match(readResultJson(await queuedCall), /"done"/);
    await closing;
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: a closed server refuses calls and starts no session`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.server.close(0, GRACE_PERIODS);
    assert.match(await expectFailure(fixture.call("echo")), /the gateway has taken it out of use/);
    await expectFailure(fixture.listTools());
    await fixture.server.warm(fixture.client);
    assert.equal(fixture.connections.length, 0);
  });

  Deno.test(`[sessions.close] ${name}: closing also closes a session that is being opened`, async () => {
    await using fixture = new DownstreamFixture(create());
    const [openGate, closeGate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    fixture.openGate = openGate.promise;
    fixture.closeGate = closeGate.promise;
    const failure = expectFailure(fixture.call("echo"));
    const closing = fixture.server.close(0, GRACE_PERIODS);
    // The session is cancelled while its connection is still being opened.
    await waitUntil("the session is closed", () => fixture.server.status().sessions === 0);
    openGate.resolve();
    assert.match(await failure, /its session was closed while it started/);
    closeGate.resolve();
    await closing;
    const [connection] = fixture.connections;
    assert.deepEqual({ hasEnded: connection?.hasEnded, methods: connection?.receivedMethods }, {
      hasEnded: true,
      methods: [],
    });
  });

  Deno.test(`[sessions.close] ${name}: a session that is released while it waits for a trial start is not started`, async () => {
    let now = 0;
    const script = { refusals: { initialize: "no" } };
    await using fixture = new DownstreamFixture(create(), { script, now: () => now });
    for (let start = 0; start < FAILURES_UNTIL_PAUSE; start++) {
      await expectFailure(fixture.call("echo"));
    }
    now = 10_000;
    fixture.script = { heldMethods: ["initialize"] };
    // The start for one call is the trial; the start for the other waits for its result.
    const trialCall = fixture.call("echo");
    const sameAgent = new FakeClient("2", { ...fixture.client.capabilities }).asAgent("agent");
    const waitingFailure = expectFailure(fixture.call("echo", { caller: sameAgent }));
    for (let start = 0; start < FAILURES_UNTIL_PAUSE; start++) await fixture.waitForConnection();
    const connection = await fixture.waitForConnection();
    const { id } = await connection.waitForMessage("initialize");
    await fixture.server.releaseClient("2", GRACE_PERIODS);
    connection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await trialCall), /"done"/);
    assert.match(await waitingFailure, /its session was closed while it started/);
    assert.equal(fixture.connections.length, FAILURES_UNTIL_PAUSE + 1);
  });

  Deno.test(`[sessions.close] ${name}: closing also ends a session that hung and still has a call in flight`, async () => {
    await using fixture = new DownstreamFixture(create(), { pingMs: 300 });
    await fixture.listTools();
    const { answer, connection } = await fixture.startHeldCall();
    connection.changeScript({ isHanging: true });
    await expectFailure(fixture.call("echo", { timeoutMs: 20 }), "TIMEOUT");
    await connection.waitForMessage("ping");
    // Both the call and the ping are cancelled.
    for (let count = 0; count < 2; count++) {
      await connection.waitForMessage("notifications/cancelled");
    }
    assert.equal(fixture.server.status().state, "draining");
    const failure = expectFailure(answer);
    await fixture.server.close(0, GRACE_PERIODS);
    assert.match(await failure, /its connection ended/);
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: closing waits until the process of a broken session has ended`, async () => {
    await using fixture = new DownstreamFixture(create());
    const gate = Promise.withResolvers<void>();
    fixture.closeGate = gate.promise;
    const { answer, connection } = await fixture.startHeldCall();
    connection.crash();
    await expectFailure(answer);
    const events: string[] = [];
    const closing = fixture.server.close(0, GRACE_PERIODS).then(() => events.push("closed"));
    await new Promise((resolve) => setTimeout(resolve, 0));
    events.push("process ended");
    gate.resolve();
    await closing;
    assert.deepEqual(events, ["process ended", "closed"]);
    assert.equal(connection.hasEnded, true);
  });

  Deno.test(`[sessions.kill] ${name}: killing a server fails its calls and ends its session`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { answer, connection } = await fixture.startHeldCall();
    fixture.server.kill();
    assert.match(await expectFailure(answer), /its connection ended/);
    await connection.ended;
  });
}
