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
  Deno.test(`[sessions.call-timeout] ${name}: a call without progress ends`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { callTimeoutMs: 60 } });
    await fixture.listTools();
    const held = await fixture.startHeldCall();
    const message = await expectFailure(held.answer, "TIMEOUT");
    assert.match(message, /neither answered nor showed progress for 60 ms; the call was cancelled/);
    await assertCancelled(held, fixture);
  });

  Deno.test(`[sessions.call-timeout] ${name}: progress restarts the clock of a call`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { callTimeoutMs: 500 } });
    await fixture.listTools();
    const progress = Promise.withResolvers<number>();
    const held = await fixture.startHeldCall({
      onProgress: () => progress.resolve(performance.now()),
    });
    await delay(200);
    sendProgress(held);
    const progressAt = await withTimeout("progress", progress.promise);
    await expectFailure(held.answer, "TIMEOUT");
    assert.ok(performance.now() - progressAt >= 498, "Progress did not restart the clock");
  });

  const hardLimits = [
    ["timeout_ms", {}, { timeoutMs: 120 }, 120],
    ["max_call_ms", { maxCallMs: 120 }, {}, 120],
    ["max_call_ms, though timeout_ms is longer", { maxCallMs: 120 }, { timeoutMs: 60_000 }, 120],
  ] as const;
  for (const [limit, options, callOptions, ms] of hardLimits) {
    Deno.test(`[sessions.hard-timeout] ${name}: a call with progress ends at ${limit}`, async () => {
      await using fixture = new DownstreamFixture(create(), { options });
      await fixture.listTools();
      const held = await fixture.startHeldCall(callOptions);
      let hasEnded = false;
      const onEnd = (): void => {
        hasEnded = true;
      };
      void held.answer.then(onEnd, onEnd);
      for (; !hasEnded; await delay(5)) sendProgress(held);
      const message = await expectFailure(held.answer, "TIMEOUT");
      assert.match(message, new RegExp(`did not finish the call within ${ms} ms`));
      await assertCancelled(held, fixture);
    });
  }

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms replaces the server's own, shorter limit`, async () => {
    const options = { callTimeoutMs: 40 };
    await using fixture = new DownstreamFixture(create(), { options });
    await fixture.listTools();
    const held = await fixture.startHeldCall({ timeoutMs: 60_000 });
    await delay(80);
    held.connection.answer(held.request, { content: [] });
    assert.equal(readResultJson(await held.answer), '{"content":[]}');
  });

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms ends a call whose session is still connecting`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    fixture.script = { heldMethods: ["initialize"] };
    // The other session has already listed the tools, so the call only waits for its session.
    const call = fixture.call("echo", { caller: fixture.client.asAgent("other"), timeoutMs: 60 });
    assert.match(await expectFailure(call, "TIMEOUT"), /did not finish the call within 60 ms/);
    const [, connecting] = fixture.connections;
    assert.ok(connecting !== undefined);
    assert.doesNotMatch(fixture.server.status().last_error ?? "", /ping/);
    // The session keeps connecting, for the next call.
    const { id } = await connecting.waitForMessage("initialize");
    const next = fixture.call("echo", { caller: fixture.client.asAgent("other") });
    connecting.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(readResultJson(await next), /"done"/);
    assert.equal(fixture.connections.length, 2);
    assert.equal(connecting.countReceived("ping"), 0);
  });

  Deno.test(`[sessions.call-timeout] ${name}: the clock starts when the request is sent`, async () => {
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
    const held = await fixture.startHeldCall({ signal: controller.signal });
    controller.abort(new Error("the user pressed stop"));
    await assert.rejects(held.answer, /the user pressed stop/);
    await assertCancelled(held, fixture);
  });

  Deno.test(`[sessions.cancel] ${name}: a call that is cancelled before it was sent is not made`, async () => {
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
