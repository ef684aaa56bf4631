/** Contract: how a call ends that takes too long or is cancelled. */
import assert from "node:assert/strict";
import { failure, type Held, resultText, Scene, type TransportUnderTest } from "./scene.ts";
import type { Fields } from "./scripted_server.ts";
import { soon } from "./seen.ts";

/** Lets time pass, in tests about the passing of time. */
function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function sendProgress({ tap, request }: Held): void {
  const { progressToken } = request.params?._meta as Fields;
  tap.send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
}

/** Asserts that the server is notified, and that its late answer does no harm. */
async function assertCancelled({ tap, request }: Held, scene: Scene): Promise<void> {
  const { params } = await tap.saw("notifications/cancelled");
  assert.equal(params?.requestId, request.id);
  tap.answer(request, { content: [] });
  await tap.settle();
  assert.equal(tap.hasEnded, false);
  // MCP allows a late answer, so it is not logged, unlike an answer to an unknown request.
  assert.deepEqual(scene.log, []);
}

export function describeLimits(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.call-timeout] ${name}: a call without progress ends`, async () => {
    await using scene = new Scene(create(), { options: { callTimeoutMs: 60 } });
    await scene.listTools();
    const held = await scene.hold();
    const message = await failure(held.answer, "TIMEOUT");
    assert.match(message, /neither answered nor showed progress for 60 ms; the call was cancelled/);
    await assertCancelled(held, scene);
  });

  Deno.test(`[sessions.call-timeout] ${name}: progress restarts the time of a call`, async () => {
    await using scene = new Scene(create(), { options: { callTimeoutMs: 500 } });
    await scene.listTools();
    const progress = Promise.withResolvers<number>();
    const held = await scene.hold({ onProgress: () => progress.resolve(performance.now()) });
    await pass(200);
    sendProgress(held);
    const since = await soon("progress", progress.promise);
    await failure(held.answer, "TIMEOUT");
    assert.ok(performance.now() - since >= 498, "It ended as if there had been no progress");
  });

  const hard = [
    ["timeout_ms", {}, { timeoutMs: 120 }, 120],
    ["max_call_ms", { maxCallMs: 120 }, {}, 120],
    ["max_call_ms, though timeout_ms is longer", { maxCallMs: 120 }, { timeoutMs: 60_000 }, 120],
  ] as const;
  for (const [what, options, callOptions, ms] of hard) {
    Deno.test(`[sessions.hard-timeout] ${name}: a call with progress ends at ${what}`, async () => {
      await using scene = new Scene(create(), { options });
      await scene.listTools();
      const held = await scene.hold(callOptions);
      let isOver = false;
      const end = (): void => {
        isOver = true;
      };
      void held.answer.then(end, end);
      for (; !isOver; await pass(5)) sendProgress(held);
      const message = await failure(held.answer, "TIMEOUT");
      assert.match(message, new RegExp(`did not finish the call within ${ms} ms`));
      await assertCancelled(held, scene);
    });
  }

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms replaces the server's own, shorter limit`, async () => {
    const options = { callTimeoutMs: 40 };
    await using scene = new Scene(create(), { options });
    await scene.listTools();
    const held = await scene.hold({ timeoutMs: 60_000 });
    await pass(80);
    held.tap.answer(held.request, { content: [] });
    assert.equal(resultText(await held.answer), '{"content":[]}');
  });

  Deno.test(`[sessions.hard-timeout] ${name}: timeout_ms ends a call whose session is still connecting`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    scene.script = { holds: ["initialize"] };
    // The tool list is known from another session.
    const call = scene.call("echo", { by: scene.client.agent("other"), timeoutMs: 60 });
    assert.match(await failure(call, "TIMEOUT"), /did not finish the call within 60 ms/);
    const [, connecting] = scene.taps;
    assert.ok(connecting !== undefined);
    assert.doesNotMatch(scene.server.status().last_error ?? "", /ping/);
    // The session keeps connecting, for the next call.
    const { id } = await connecting.saw("initialize");
    const next = scene.call("echo", { by: scene.client.agent("other") });
    connecting.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(resultText(await next), /"done"/);
    assert.equal(scene.taps.length, 2);
    assert.equal(connecting.count("ping"), 0);
  });

  Deno.test(`[sessions.call-timeout] ${name}: the clock starts when the request is sent`, async () => {
    const script = { holds: ["initialize"] };
    await using scene = new Scene(create(), { script, options: { callTimeoutMs: 300 } });
    const call = scene.call("echo");
    const tap = await scene.opened();
    const { id } = await tap.saw("initialize");
    await pass(350);
    tap.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(resultText(await call), /"done"/);
  });

  Deno.test(`[sessions.cancel] ${name}: a call that is cancelled is cancelled at the server`, async () => {
    await using scene = new Scene(create());
    const controller = new AbortController();
    const held = await scene.hold({ signal: controller.signal });
    controller.abort(new Error("the user pressed stop"));
    await assert.rejects(held.answer, /the user pressed stop/);
    await assertCancelled(held, scene);
  });

  Deno.test(`[sessions.cancel] ${name}: a call that is cancelled before it was sent is not made`, async () => {
    await using scene = new Scene(create(), { script: { holds: ["initialize"] } });
    const controller = new AbortController();
    const call = scene.call("echo", { signal: controller.signal });
    const tap = await scene.opened();
    const { id } = await tap.saw("initialize");
    controller.abort(new Error("too late"));
    await assert.rejects(call, /too late/);
    tap.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(resultText(await scene.call("echo", { args: '{"second":true}' })), /second/);
    assert.equal(tap.count("tools/call"), 1);
  });
}
