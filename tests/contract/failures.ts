/** Contract: effects of a server's failure on its calls, and on the next one. */
import assert from "node:assert/strict";
import { failure, resultText, Scene, type TransportUnderTest } from "./scene.ts";

export function describeFailures(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.crash] ${name}: all calls on a server that crashed fail, and the next one reconnects`, async () => {
    await using scene = new Scene(create());
    const calls = [await scene.hold(), await scene.hold()];
    const [tap] = scene.taps;
    assert.ok(tap !== undefined);
    tap.crash("out of memory");
    for (const message of await Promise.all(calls.map(({ answer }) => failure(answer)))) {
      assert.match(message, /^Server "files" is not available: its connection ended\./);
      assert.ok(scene.quotes(message, "out of memory"), message);
    }
    assert.equal(scene.server.status().state, "broken");
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 2);
    assert.equal(scene.server.status().restarts, 1);
    await tap.ended;
  });

  Deno.test(`[sessions.crash] ${name}: the calls on another session of the server continue`, async () => {
    await using scene = new Scene(create());
    const doomed = await scene.hold({ by: scene.client.agent("other") });
    const answer = scene.call("held");
    const tap = await scene.opened();
    const request = await tap.saw("tools/call");
    doomed.tap.crash();
    await failure(doomed.answer);
    tap.answer(request, { content: [] });
    assert.equal(resultText(await answer), '{"content":[]}');
  });

  Deno.test(`[sessions.crash] ${name}: a server that ends between calls is not noticed`, async () => {
    await using scene = new Scene(create());
    await scene.call("echo");
    const tap = await scene.opened();
    tap.crash();
    await tap.ended;
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: a server that ends with its handshake is not kept`, async () => {
    await using scene = new Scene(create(), { script: { dies: "after-handshake" } });
    await failure(scene.call("echo"));
    await (await scene.opened()).ended;
    assert.equal(scene.server.status().sessions, 0);
    scene.script = {};
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: queued calls fail with the others`, async () => {
    await using scene = new Scene(create(), { options: { maxConcurrency: 1 } });
    const { answer, tap } = await scene.hold();
    const waiting = scene.call("echo");
    tap.crash();
    await failure(answer);
    await failure(waiting);
    assert.equal(tap.count("tools/call"), 1);
    assert.match(resultText(await scene.call("echo")), /"done"/);
  });

  Deno.test(`[sessions.hang] ${name}: a server that does not answer a ping is replaced`, async () => {
    const options = { maxCallMs: 60_000 };
    await using scene = new Scene(create(), { options, pingMs: 50 });
    await scene.listTools();
    const { answer, tap, request } = await scene.hold();
    tap.change({ hangs: true });
    const message = await failure(scene.call("echo", { timeoutMs: 40 }), "TIMEOUT");
    assert.match(message, /did not finish the call within 40 ms/);
    await tap.saw("ping");
    // The cancellation of the ping comes after that of the call.
    for (let count = 0; count < 2; count++) await tap.saw("notifications/cancelled");
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 2);
    assert.match(scene.server.status().last_error ?? "", /does not even answer a ping/);
    // The call on the old session may still succeed, and then ends the session.
    tap.answer(request, { content: [] });
    assert.equal(resultText(await answer), '{"content":[]}');
    await tap.ended;
  });

  Deno.test(`[sessions.hang] ${name}: a server that answers a ping is slow, and kept`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    await failure(scene.call("held", { timeoutMs: 40 }), "TIMEOUT");
    const tap = await scene.opened();
    await tap.saw("ping");
    await tap.settle();
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 1);
  });

  Deno.test(`[sessions.unreadable] ${name}: the error of a call without an answer mentions unreadable output`, async () => {
    await using scene = new Scene(create(), { options: { callTimeoutMs: 400 } });
    await scene.listTools();
    const before = await scene.hold();
    before.tap.sendText("Listening on stdio!");
    before.tap.answer(before.request, { content: [] });
    await before.answer;
    // Input from before a call does not count against its answer.
    assert.match(await failure(scene.call("held"), "TIMEOUT"), /; the call was cancelled$/);
    await before.tap.saw("tools/call");
    for (const [code, end] of [["TIMEOUT", false], ["SERVER_UNAVAILABLE", true]] as const) {
      const { answer, tap, request } = await scene.hold();
      const result = JSON.stringify({ jsonrpc: "2.0", id: request.id, result: { content: [] } });
      tap.sendText(`Done. ${result}`);
      await tap.settle();
      if (end) tap.crash();
      assert.match(
        await failure(answer, code),
        /\. Meanwhile it sent data that is not a valid MCP message, such as "Done\. \{.*; that data may include its answer\./,
      );
    }
  });

  Deno.test(`[sessions.garbage] ${name}: invalid messages are skipped and logged`, async () => {
    await using scene = new Scene(create());
    const { answer, tap, request } = await scene.hold();
    const garbage = [
      "Listening on stdio!",
      "{",
      "[1, 2",
      "7",
      '{"jsonrpc":"2.0","id":999,"result":{}}',
      '{"jsonrpc":"1.0","method":"x"}',
      '{"id":null}',
      '{"jsonrpc":"2.0","method":"notifications/message","params":{"toString":null}}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
    ];
    tap.sendText(...garbage);
    tap.answer(request, { content: [] });
    assert.equal(resultText(await answer), '{"content":[]}');
    assert.match(resultText(await scene.call("echo")), /"done"/);
    const logged = scene.log.filter((line) =>
      /Skipped what the server (wrote to stdout|sent): /.test(line)
    );
    assert.equal(logged.length, 7, scene.log.join(""));
    assert.match(logged[0] ?? "", /excerpt="Listening on stdio!"/);
    assert.equal(scene.taps.length, 1);
  });
}
