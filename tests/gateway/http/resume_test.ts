import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";

Deno.test("a client that lost its connection", async (t) => {
  await using fixture = await HttpFixture.open({
    limits: { streamAfterMs: 20, maxReplayChars: 4000 },
  });
  const session = await fixture.initialize();
  const [gatewaySession] = fixture.gatewaySessions;
  assert.ok(gatewaySession);
  /** Makes a call, and loses the connection before the answer; returns the id of the last event. */
  const loseConnection = async (id: string): Promise<string> => {
    const reader = new EventReader(
      await session.post(request("wait", id), {
        "mcp-protocol-version": "2025-11-25",
      }),
    );
    const lastId = (await reader.nextEvent())?.id ?? "";
    await reader.cancel();
    return lastId;
  };
  const resume = (lastId: string) => session.get({ "last-event-id": lastId });
  const answerHeldCalls = (result: { readonly [key: string]: string }) => {
    for (const call of gatewaySession.heldCalls.splice(0)) call.reply(result);
  };

  await t.step(
    "[http.resume] a client gets an answer that was sent while it was disconnected",
    async () => {
      const lastId = await loseConnection("one");
      answerHeldCalls({ came: "meanwhile" });
      const [answer = "", ...otherMessages] = await new EventReader(await resume(lastId))
        .remainingMessages();
      assert.deepEqual(JSON.parse(answer).result, { came: "meanwhile" });
      assert.deepEqual(otherMessages, []);
    },
  );

  await t.step(
    "[http.resume] a client gets an answer that is sent after it has reconnected",
    async () => {
      const lastId = await loseConnection("two");
      const reader = new EventReader(await resume(lastId));
      answerHeldCalls({ came: "later" });
      const [answer = ""] = await reader.remainingMessages();
      assert.deepEqual(JSON.parse(answer).result, { came: "later" });
    },
  );

  await t.step("[http.resume] a client gets each message after its last event once", async () => {
    const reader = new EventReader(await session.post(request("progress", "three")));
    const firstMessage = await reader.nextMessage();
    await reader.cancel();
    const missedMessages = await new EventReader(await resume(firstMessage?.id ?? ""))
      .remainingMessages();
    assert.deepEqual(missedMessages.map((text) => JSON.parse(text).id), [undefined, "three"]);
  });

  await t.step(
    "[http.resume] messages sent while no stream is open are sent on the next stream",
    async () => {
      for (const method of ["a", "b"]) gatewaySession.peer.notify(method);
      const reader = new EventReader(await session.get());
      const [a, b] = [await reader.nextMessage(), await reader.nextMessage()];
      assert.deepEqual([a, b].map((event) => JSON.parse(event?.data ?? "").method), ["a", "b"]);
      await reader.cancel();
      gatewaySession.peer.notify("c");
      const resumedReader = new EventReader(await resume(a?.id ?? ""));
      const methods = [await resumedReader.nextMessage(), await resumedReader.nextMessage()];
      assert.deepEqual(methods.map((event) => JSON.parse(event?.data ?? "").method), ["b", "c"]);
      await resumedReader.cancel();
    },
  );

  await t.step(
    "[http.resume] a client gets an error if the missed messages are too long to be kept",
    async () => {
      const lastId = await loseConnection("four");
      answerHeldCalls({ json: "x".repeat(5000) });
      const response = await resume(lastId);
      assert.equal(response.status, 400);
      await response.body?.cancel();
    },
  );

  await t.step(
    "[http.resume] a client gets an error if only the last of the missed messages were kept",
    async () => {
      const reader = new EventReader(await session.post(request("flood", "flood", { size: 100 })));
      const firstMessage = await reader.nextMessage();
      await reader.cancel();
      await waitUntil("the call arrives", () => gatewaySession.heldCalls.length === 1);
      const response = await resume(firstMessage?.id ?? "");
      assert.equal(response.status, 400);
      await response.body?.cancel();
      gatewaySession.heldCalls.splice(0).forEach((call) => call.reply({}));
    },
  );

  await t.step("[http.resume] a client cannot resume a stream of another session", async () => {
    const lastId = await loseConnection("five");
    const otherSession = await fixture.initialize();
    const response = await otherSession.get({ "last-event-id": lastId });
    assert.equal(response.status, 400);
    await response.body?.cancel();
    gatewaySession.heldCalls.splice(0).forEach((call) => call.reply({}));
  });

  await t.step("[http.disconnect] a disconnect does not cancel a call", async () => {
    await loseConnection("six");
    await waitUntil("the call arrives", () => gatewaySession.heldCalls.length === 1);
    assert.equal(gatewaySession.heldCalls[0]?.signal.aborted, false);
    gatewaySession.heldCalls.splice(0).forEach((call) => call.reply({}));
  });
});
