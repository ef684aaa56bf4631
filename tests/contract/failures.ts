/** Contract: effects of a server's failure on its calls and on the next call. */
import assert from "node:assert/strict";
import {
  DownstreamFixture,
  expectFailure,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";

export function describeFailures(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.crash] ${name}: all calls on a server that crashed fail, and the next call reconnects`, async () => {
    await using fixture = new DownstreamFixture(create());
    const calls = [await fixture.startHeldCall(), await fixture.startHeldCall()];
    const [connection] = fixture.connections;
    assert.ok(connection !== undefined);
    connection.crash("out of memory");
    for (const message of await Promise.all(calls.map(({ answer }) => expectFailure(answer)))) {
      assert.match(message, /^Server "files" is not available: its connection ended\./);
      assert.ok(fixture.quotesOutput(message, "out of memory"), message);
    }
    assert.equal(fixture.server.status().state, "broken");
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 2);
    assert.equal(fixture.server.status().restarts, 1);
    await connection.ended;
  });

  Deno.test(`[sessions.crash] ${name}: the calls on another session of the server continue`, async () => {
    await using fixture = new DownstreamFixture(create());
    const crashingCall = await fixture.startHeldCall({ caller: fixture.client.asAgent("other") });
    const answer = fixture.call("held");
    const connection = await fixture.waitForConnection();
    const request = await connection.waitForMessage("tools/call");
    crashingCall.connection.crash();
    await expectFailure(crashingCall.answer);
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
  });

  Deno.test(`[sessions.crash] ${name}: no call fails if the server ends between calls`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.call("echo");
    const connection = await fixture.waitForConnection();
    connection.crash();
    await connection.ended;
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: a session whose server ends right after the handshake is not kept`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: { exits: "after-handshake" } });
    await expectFailure(fixture.call("echo"));
    await (await fixture.waitForConnection()).ended;
    assert.equal(fixture.server.status().sessions, 0);
    fixture.script = {};
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 2);
  });

  Deno.test(`[sessions.crash] ${name}: queued calls fail with the others`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { maxConcurrency: 1 } });
    const { answer, connection } = await fixture.startHeldCall();
    const queuedCall = fixture.call("echo");
    connection.crash();
    await expectFailure(answer);
    await expectFailure(queuedCall);
    assert.equal(connection.countReceived("tools/call"), 1);
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
  });

  Deno.test(`[sessions.hang] ${name}: a server that does not answer a ping is replaced`, async () => {
    const options = { maxCallMs: 60_000 };
    await using fixture = new DownstreamFixture(create(), { options, pingMs: 50 });
    await fixture.listTools();
    const { answer, connection, request } = await fixture.startHeldCall();
    connection.changeScript({ isHanging: true });
    const message = await expectFailure(fixture.call("echo", { timeoutMs: 40 }), "TIMEOUT");
    assert.match(message, /did not finish the call within 40 ms/);
    await connection.waitForMessage("ping");
    // The cancellation of the ping comes after that of the call.
    for (let count = 0; count < 2; count++) {
      await connection.waitForMessage("notifications/cancelled");
    }
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 2);
    assert.match(fixture.server.status().last_error ?? "", /does not even answer a ping/);
    // The call on the old session may still succeed; the session ends after it.
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    await connection.ended;
  });

  Deno.test(`[sessions.hang] ${name}: a server that is slow but answers a ping is kept`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    await expectFailure(fixture.call("held", { timeoutMs: 40 }), "TIMEOUT");
    const connection = await fixture.waitForConnection();
    await connection.waitForMessage("ping");
    await connection.waitUntilAllReceived();
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 1);
  });

  Deno.test(`[sessions.unreadable] ${name}: the error of a call without an answer quotes invalid output that the server sent during the call`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: { callTimeoutMs: 400 } });
    await fixture.listTools();
    const earlierCall = await fixture.startHeldCall();
    earlierCall.connection.sendTexts("Listening on stdio!");
    earlierCall.connection.answer(earlierCall.request, { content: [] });
    await earlierCall.answer;
    // Invalid output from before the call is not mentioned.
    assert.match(await expectFailure(fixture.call("held"), "TIMEOUT"), /; the call was cancelled$/);
    await earlierCall.connection.waitForMessage("tools/call");
    for (const [code, crashes] of [["TIMEOUT", false], ["SERVER_UNAVAILABLE", true]] as const) {
      const { answer, connection, request } = await fixture.startHeldCall();
      const result = JSON.stringify({ jsonrpc: "2.0", id: request.id, result: { content: [] } });
      connection.sendTexts(`Done. ${result}`);
      await connection.waitUntilAllReceived();
      if (crashes) connection.crash();
      await assert.rejects(answer, { quotesInvalidOutput: true });
      assert.match(
        await expectFailure(answer, code),
        /\. Meanwhile it sent data that is not a valid MCP message, such as "Done\. \{.*; that data may include its answer\./,
      );
    }
  });

  Deno.test(`[sessions.garbage] ${name}: invalid messages are skipped and logged`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { answer, connection, request } = await fixture.startHeldCall();
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
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    const skippedLines = fixture.log.filter((line) =>
      /Skipped what the server (wrote to stdout|sent): /.test(line)
    );
    // The two notifications with invalid parameters are not logged.
    assert.equal(skippedLines.length, 7, fixture.log.join(""));
    assert.match(skippedLines[0] ?? "", /excerpt="Listening on stdio!"/);
    assert.equal(fixture.connections.length, 1);
  });
}
