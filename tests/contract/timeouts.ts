/** Contract: the end of a call that takes too long or is cancelled. */
import assert from "node:assert/strict";
import {
  DownstreamFixture,
  expectFailure,
  type HeldCall,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import type { Fields } from "./scripted_server.ts";
import { withTimeout } from "../e2e/wait.ts";

/** A timer may fire this much early, by the clock of the test. */
const TIMER_TOLERANCE_MS = 2;

/** Waits for a fixed time, for tests of timeouts. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sendProgress({ connection, request }: HeldCall): void {
  const { progressToken } = request.params?._meta as Fields;
  connection.send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
}

/** Asserts that the call is cancelled at the server, and that a late answer has no effect. */
async function assertCancelled(
  { connection, request }: HeldCall,
  fixture: DownstreamFixture,
): Promise<void> {
  const { params } = await connection.waitForMessage("notifications/cancelled");
  assert.equal(params?.requestId, request.id);
  connection.answer(request, { content: [] });
  await connection.waitUntilAllReceived();
  assert.equal(connection.hasEnded, false);
  // MCP allows a late answer, so it is not logged, unlike an answer to an unknown request.
  assert.deepEqual(fixture.log, []);
}

export function describeTimeouts(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.call-timeout] ${name}: a call with neither an answer nor progress ends`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { callTimeoutMs: 60 } });
    await fixture.listTools();
    const heldCall = await fixture.startHeldCall();
    const message = await expectFailure(heldCall.answer, "TIMEOUT");
    assert.match(message, /neither answered nor showed progress for 60 ms; the call was cancelled/);
    await assertCancelled(heldCall, fixture);
  });

  Deno.test(`[sessions.call-timeout] ${name}: progress restarts the clock of a call`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { callTimeoutMs: 1000 } });
    await fixture.listTools();
    const progress = Promise.withResolvers<number>();
    const heldCall = await fixture.startHeldCall({
      onProgress: () => progress.resolve(performance.now()),
    });
    await delay(200);
    sendProgress(heldCall);
    const progressAt = await withTimeout("progress", progress.promise);
    await expectFailure(heldCall.answer, "TIMEOUT");
    assert.ok(
      performance.now() - progressAt >= 1000 - TIMER_TOLERANCE_MS,
      "Progress did not restart the clock",
    );
  });

  const hardLimits = [
    ["timeout_ms", {}, { timeoutMs: 120 }],
    ["max_call_ms", { maxCallMs: 120 }, {}],
    ["max_call_ms, though timeout_ms is longer", { maxCallMs: 120 }, { timeoutMs: 60_000 }],
  ] as const;
  for (const [limit, options, callOptions] of hardLimits) {
    Deno.test(`[sessions.hard-timeout] ${name}: a call with progress ends at ${limit}`, async () => {
      await using fixture = new DownstreamFixture(create(), { options });
      await fixture.listTools();
      const heldCall = await fixture.startHeldCall(callOptions);
      let hasEnded = false;
      const onEnd = (): void => {
        hasEnded = true;
      };
      void heldCall.answer.then(onEnd, onEnd);
      for (; !hasEnded; await delay(5)) sendProgress(heldCall);
      const message = await expectFailure(heldCall.answer, "TIMEOUT");
      assert.match(message, /did not finish the call within 120 ms/);
      await assertCancelled(heldCall, fixture);
    });
  }

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms replaces a shorter call_timeout_ms of the server`, async () => {
    const options = { callTimeoutMs: 40 };
    await using fixture = new DownstreamFixture(create(), { options });
    await fixture.listTools();
    const heldCall = await fixture.startHeldCall({ timeoutMs: 60_000 });
    await delay(80);
    heldCall.connection.answer(heldCall.request, { content: [] });
    assert.equal(readResultJson(await heldCall.answer), '{"content":[]}');
  });

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms ends a call whose session is still connecting`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    fixture.script = { heldMethods: ["initialize"] };
    // The other session has already listed the tools, so the call only waits for its session.
    const call = fixture.call("echo", { caller: fixture.client.asAgent("other"), timeoutMs: 60 });
    assert.match(await expectFailure(call, "TIMEOUT"), /did not finish the call within 60 ms/);
    const [, secondConnection] = fixture.connections;
    assert.ok(secondConnection !== undefined);
    assert.doesNotMatch(fixture.server.status().last_error ?? "", /ping/);
    // The session continues to connect, and serves the next call.
    const { id } = await secondConnection.waitForMessage("initialize");
    const nextCall = fixture.call("echo", { caller: fixture.client.asAgent("other") });
    secondConnection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await nextCall), /"done"/);
    assert.equal(fixture.connections.length, 2);
    assert.equal(secondConnection.countReceived("ping"), 0);
  });

  Deno.test(`[sessions.call-timeout] ${name}: the clock of a call starts when its request is sent`, async () => {
    const script = { heldMethods: ["initialize"] };
    await using fixture = new DownstreamFixture(create(), {
      script,
      options: { callTimeoutMs: 300 },
    });
    const call = fixture.call("echo");
    const connection = await fixture.waitForConnection();
    const { id } = await connection.waitForMessage("initialize");
    await delay(350);
    connection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await call), /"done"/);
  });

  Deno.test(`[sessions.cancel] ${name}: a call that is cancelled is cancelled at the server`, async () => {
    await using fixture = new DownstreamFixture(create());
    const controller = new AbortController();
    const heldCall = await fixture.startHeldCall({ signal: controller.signal });
    controller.abort(new Error("the user pressed stop"));
    await assert.rejects(heldCall.answer, /the user pressed stop/);
    await assertCancelled(heldCall, fixture);
  });

  Deno.test(`[sessions.cancel] ${name}: a call that is cancelled before its request is sent is never sent`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { heldMethods: ["initialize"] },
    });
    const controller = new AbortController();
    const call = fixture.call("echo", { signal: controller.signal });
    const connection = await fixture.waitForConnection();
    const { id } = await connection.waitForMessage("initialize");
    controller.abort(new Error("too late"));
    await assert.rejects(call, /too late/);
    connection.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await fixture.call("echo", { args: '{"second":true}' })), /second/);
    assert.equal(connection.countReceived("tools/call"), 1);
  });
}
