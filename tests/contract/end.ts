/** Contract: the end of a server's sessions, in every state. */
import assert from "node:assert/strict";
import { Client } from "./client.ts";
import { failure, GRACE_PERIODS, resultText, Scene, type TransportUnderTest } from "./scene.ts";
import { until } from "./seen.ts";

export function describeEnd(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.close] ${name}: calls in flight fail, and everything has ended when it resolves`, async () => {
    await using scene = new Scene(create());
    const { answer, tap } = await scene.hold();
    const failing = failure(answer);
    await scene.server.close(0, GRACE_PERIODS);
    assert.equal(tap.hasEnded, true);
    assert.match(await failing, /its connection ended/);
    assert.equal(scene.server.status().sessions, 0);
    await scene.server.close(0, GRACE_PERIODS);
  });

  Deno.test(`[sessions.close] ${name}: calls in flight may finish, and so may waiting ones`, async () => {
    await using scene = new Scene(create(), { options: { maxConcurrency: 1 } });
    const { answer, tap, request } = await scene.hold();
    const waiting = scene.call("echo");
    const closing = scene.server.close(60_000, GRACE_PERIODS);
    assert.equal(scene.server.status().state, "draining");
    tap.answer(request, { content: [] });
    assert.equal(resultText(await answer), '{"content":[]}');
    assert.match(resultText(await waiting), /"done"/);
    await closing;
    assert.equal(tap.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: a closed server accepts no calls and starts nothing`, async () => {
    await using scene = new Scene(create());
    await scene.server.close(0, GRACE_PERIODS);
    assert.match(await failure(scene.call("echo")), /the gateway has taken it out of use/);
    await failure(scene.listTools());
    await scene.server.warm(scene.client);
    assert.equal(scene.taps.length, 0);
  });

  Deno.test(`[sessions.close] ${name}: a session that is being opened is closed, too`, async () => {
    await using scene = new Scene(create());
    const [gate, endGate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    scene.gate = gate.promise;
    scene.endGate = endGate.promise;
    const failing = failure(scene.call("echo"));
    const closing = scene.server.close(0, GRACE_PERIODS);
    // The session is cancelled, but something is about to be started for it.
    await until(() => scene.server.status().sessions === 0);
    gate.resolve();
    assert.match(await failing, /its session was closed while it started/);
    endGate.resolve();
    await closing;
    const [tap] = scene.taps;
    assert.deepEqual({ hasEnded: tap?.hasEnded, methods: tap?.methods }, {
      hasEnded: true,
      methods: [],
    });
  });

  Deno.test(`[sessions.close] ${name}: a session that is cancelled before its start is not started`, async () => {
    let now = 0;
    const script = { refuses: { initialize: "no" } };
    await using scene = new Scene(create(), { script, now: () => now });
    for (let start = 0; start < 5; start++) await failure(scene.call("echo"));
    now = 10_000;
    scene.script = { holds: ["initialize"] };
    // One call tests whether the server works again; the other waits for the result.
    const trial = scene.call("echo");
    const other = new Client("2");
    const waiting = failure(scene.call("echo", { by: other.agent("a") }));
    for (let start = 0; start < 5; start++) await scene.opened();
    const tap = await scene.opened();
    const { id } = await tap.saw("initialize");
    await scene.server.releaseClient("2", GRACE_PERIODS);
    tap.send({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } });
    assert.match(resultText(await trial), /"done"/);
    assert.match(await waiting, /its session was closed while it started/);
    assert.equal(scene.taps.length, 6);
  });

  Deno.test(`[sessions.close] ${name}: it does not wait for the grace period of a session that hung`, async () => {
    await using scene = new Scene(create(), { pingMs: 20 });
    await scene.listTools();
    const { answer, tap } = await scene.hold();
    tap.change({ hangs: true });
    await failure(scene.call("echo", { timeoutMs: 20 }), "TIMEOUT");
    await tap.saw("ping");
    for (let count = 0; count < 2; count++) await tap.saw("notifications/cancelled");
    assert.equal(scene.server.status().state, "draining");
    const failing = failure(answer);
    await scene.server.close(0, GRACE_PERIODS);
    assert.match(await failing, /its connection ended/);
    assert.equal(tap.hasEnded, true);
  });

  Deno.test(`[sessions.close] ${name}: it waits for what is left of a session that broke`, async () => {
    await using scene = new Scene(create());
    const gate = Promise.withResolvers<void>();
    scene.endGate = gate.promise;
    const { answer, tap } = await scene.hold();
    tap.crash();
    await failure(answer);
    const order: string[] = [];
    const closing = scene.server.close(0, GRACE_PERIODS).then(() => order.push("closed"));
    await new Promise((resolve) => setTimeout(resolve, 0));
    order.push("rest ended");
    gate.resolve();
    await closing;
    assert.deepEqual(order, ["rest ended", "closed"]);
    assert.equal(tap.hasEnded, true);
  });

  Deno.test(`[sessions.kill] ${name}: everything ends immediately`, async () => {
    await using scene = new Scene(create());
    const { answer, tap } = await scene.hold();
    scene.server.kill();
    assert.match(await failure(answer), /its connection ended/);
    await tap.ended;
  });
}
