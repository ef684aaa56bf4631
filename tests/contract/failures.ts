/** Contract: effects of a server's failure on its calls and on the next call. */
import assert from "node:assert/strict";
import {
  DownstreamHarness,
  expectFailure,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_harness.ts";

export function describeFailures(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.crash] ${name}: all calls on a server that crashed fail, and the next one reconnects`, async () => {
    await using harness = new DownstreamHarness(create());
    const calls = [await harness.startHeldCall(), await harness.startHeldCall()];
    const [connection] = harness.connections;
    assert.ok(connection !== undefined);
    connection.crash("out of memory");
    for (const message of await Promise.all(calls.map(({ answer }) => expectFailure(answer)))) {
      assert.match(message, /^Server "files" is not available: its connection ended\./);
      assert.ok(harness.quotesOutput(message, "out of memory"), message);
    }
    assert.equal(harness.server.status().state, "broken");
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    assert.equal(harness.connections.length, 2);
    assert.equal(harness.server.status().restarts, 1);
    await connection.ended;
  });

  Deno.test(`[sessions.crash] ${name}: the calls on another session of the server continue`, async () => {
    await using harness = new DownstreamHarness(create());
    const crashing = await harness.startHeldCall({ by: harness.client.asAgent("other") });
    const answer = harness.call("held");
    const connection = await harness.waitForConnection();
    const request = await connection.waitForMessage("tools/call");
    crashing.connection.crash();
    await expectFailure(crashing.answer);
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
  });

  Deno.test(`[sessions.crash] ${name}: no call fails if the server ends between calls`, async () => {
    await using harness = new DownstreamHarness(create());
    await harness.call("echo");
    const connection = await harness.waitForConnection();
    connection.crash();
    await connection.ended;
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    assert.equal(harness.connections.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: a session whose server ends right after the handshake is not kept`, async () => {
    await using harness = new DownstreamHarness(create(), { script: { exits: "after-handshake" } });
    await expectFailure(harness.call("echo"));
    await (await harness.waitForConnection()).ended;
    assert.equal(harness.server.status().sessions, 0);
    harness.script = {};
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    assert.equal(harness.connections.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: queued calls fail with the others`, async () => {
    await using harness = new DownstreamHarness(create(), { options: { maxConcurrency: 1 } });
    const { answer, connection } = await harness.startHeldCall();
    const queued = harness.call("echo");
    connection.crash();
    await expectFailure(answer);
    await expectFailure(queued);
    assert.equal(connection.countReceived("tools/call"), 1);
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
  });

  Deno.test(`[sessions.hang] ${name}: a server that does not answer a ping is replaced`, async () => {
    const options = { maxCallMs: 60_000 };
    await using harness = new DownstreamHarness(create(), { options, pingMs: 50 });
    await harness.listTools();
    const { answer, connection, request } = await harness.startHeldCall();
    connection.changeScript({ isHanging: true });
    const message = await expectFailure(harness.call("echo", { timeoutMs: 40 }), "TIMEOUT");
    assert.match(message, /did not finish the call within 40 ms/);
    await connection.waitForMessage("ping");
    // The cancellation of the ping comes after that of the call.
    for (let count = 0; count < 2; count++) {
      await connection.waitForMessage("notifications/cancelled");
    }
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    assert.equal(harness.connections.length, 2);
    assert.match(harness.server.status().last_error ?? "", /does not even answer a ping/);
    // The call on the old session may still succeed; the session ends after it.
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    await connection.ended;
  });

  Deno.test(`[sessions.hang] ${name}: a server that is slow but answers a ping is kept`, async () => {
    await using harness = new DownstreamHarness(create());
    await harness.listTools();
    await expectFailure(harness.call("held", { timeoutMs: 40 }), "TIMEOUT");
    const connection = await harness.waitForConnection();
    await connection.waitForMessage("ping");
    await connection.waitForDelivery();
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    assert.equal(harness.connections.length, 1);
  });

  Deno.test(`[sessions.unreadable] ${name}: the error of a call without an answer mentions unreadable output`, async () => {
    await using harness = new DownstreamHarness(create(), { options: { callTimeoutMs: 400 } });
    await harness.listTools();
    const earlier = await harness.startHeldCall();
    earlier.connection.sendTexts("Listening on stdio!");
    earlier.connection.answer(earlier.request, { content: [] });
    await earlier.answer;
    // Invalid output from before the call is not mentioned.
    assert.match(await expectFailure(harness.call("held"), "TIMEOUT"), /; the call was cancelled$/);
    await earlier.connection.waitForMessage("tools/call");
    for (const [code, crashes] of [["TIMEOUT", false], ["SERVER_UNAVAILABLE", true]] as const) {
      const { answer, connection, request } = await harness.startHeldCall();
      const result = JSON.stringify({ jsonrpc: "2.0", id: request.id, result: { content: [] } });
      connection.sendTexts(`Done. ${result}`);
      await connection.waitForDelivery();
      if (crashes) connection.crash();
      assert.match(
        await expectFailure(answer, code),
        /\. Meanwhile it sent data that is not a valid MCP message, such as "Done\. \{.*; that data may include its answer\./,
      );
    }
  });

  Deno.test(`[sessions.garbage] ${name}: invalid messages are skipped and logged`, async () => {
    await using harness = new DownstreamHarness(create());
    const { answer, connection, request } = await harness.startHeldCall();
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
    connection.sendTexts(...garbage);
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    assert.match(readResultJson(await harness.call("echo")), /"done"/);
    const logged = harness.log.filter((line) =>
      /Skipped what the server (wrote to stdout|sent): /.test(line)
    );
    assert.equal(logged.length, 7, harness.log.join(""));
    assert.match(logged[0] ?? "", /excerpt="Listening on stdio!"/);
    assert.equal(harness.connections.length, 1);
  });
}
