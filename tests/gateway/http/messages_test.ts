import assert from "node:assert/strict";
import { BIG_INTEGER, EventReader, HttpFixture, request } from "./http_fixture.ts";

Deno.test("messages over HTTP", async (t) => {
  await using fixture = await HttpFixture.open({
    limits: { streamAfterMs: 50, streamKeepAliveMs: 100 },
  });

  await t.step("[http.initialize] initialize opens a session", async () => {
    const response = await fixture.send("POST", request("initialize", 7));
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.match(response.headers.get("mcp-session-id") ?? "", /^[!-~]{20,}$/);
    assert.equal((await response.json()).id, 7);
  });

  const session = await fixture.initialize();
  const gatewaySession = fixture.gatewaySessions.at(-1);
  assert.ok(gatewaySession);

  await t.step("[http.json] a call that is answered immediately is answered as JSON", async () => {
    const response = await session.post(request("echo", "a", { text: "é😀" }));
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), { jsonrpc: "2.0", id: "a", result: { text: "é😀" } });
  });

  await t.step(
    "[http.unchanged] numbers are not rounded in JSON answers and in streams",
    async () => {
      const bigCall = `{"jsonrpc":"2.0","id":${BIG_INTEGER},"method":"big"}`;
      const bigAnswer = `{"jsonrpc":"2.0","id":${BIG_INTEGER},"result":{"big":${BIG_INTEGER}}}`;
      assert.equal(await (await session.post(bigCall)).text(), bigAnswer);
      const echoCall = `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"n":${BIG_INTEGER}}}`;
      assert.equal(
        await (await session.post(echoCall)).text(),
        `{"jsonrpc":"2.0","id":1,"result":{"n":${BIG_INTEGER}}}`,
      );
      const batch = `[${bigCall},{"jsonrpc":"2.0","id":2,"method":"progress"}]`;
      const messages = await new EventReader(await session.post(batch)).remainingMessages();
      assert.equal(messages.length, 3);
      assert.ok(messages.at(-1)?.includes(bigAnswer));
    },
  );

  await t.step("[http.accepted] a notification and an answer are accepted with 202", async () => {
    const response = await session.post({ jsonrpc: "2.0", method: "notifications/x" });
    assert.deepEqual([response.status, await response.text()], [202, ""]);
    assert.deepEqual(gatewaySession.notifications, ["notifications/x"]);
    const answer = await session.post({ jsonrpc: "2.0", id: 99, result: {} });
    assert.deepEqual([answer.status, await answer.text()], [202, ""]);
  });

  await t.step("[http.invalid] an invalid message is refused with a JSON-RPC error", async () => {
    for (const [body, code] of [["{", -32700], ["7", -32600], ["[]", -32600]] as const) {
      const response = await session.post(body);
      assert.equal(response.status, 400, body);
      assert.equal((await response.json()).error.code, code, body);
    }
    const bytes = new Uint8Array([0x7b, 0xff, 0x7d]);
    const response = await fetch(fixture.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...session.headers },
      body: bytes,
    });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).error.code, -32700);
  });

  await t.step("[http.no-insides] the answer to an internal error has no details", async () => {
    const response = await session.post(request("fault"));
    assert.deepEqual((await response.json()).error, { code: -32603, message: "Internal error" });
  });

  await t.step(
    "[http.stream] a call with progress is answered by a stream that ends with the answer",
    async () => {
      const messages = await new EventReader(await session.post(request("progress", 5)))
        .remainingMessages();
      const methodsOrIds = messages.map((text) => JSON.parse(text)).map(({ method, id }) =>
        method ?? id
      );
      assert.deepEqual(methodsOrIds, ["progress", "progress", 5]);
    },
  );

  await t.step(
    "[http.stream] a long call is answered by a stream, which is kept alive",
    async () => {
      const reader = new EventReader(
        await session.post(request("wait", "slow"), {
          "mcp-protocol-version": "2025-11-25",
        }),
      );
      const firstEvent = await reader.nextEvent();
      assert.deepEqual([firstEvent?.data, typeof firstEvent?.id], ["", "string"]);
      assert.deepEqual(await reader.nextEvent(), { comment: "keep-alive" });
      gatewaySession.heldCalls.splice(0).forEach((call) => call.reply({}));
      assert.equal(JSON.parse((await reader.nextMessage())?.data ?? "").id, "slow");
      assert.equal(await reader.nextEvent(), undefined);
    },
  );

  await t.step(
    "[http.stream] clients before 2025-11-25 receive no event without data",
    async () => {
      const reader = new EventReader(
        await session.post(request("wait", "old"), {
          "mcp-protocol-version": "2025-06-18",
        }),
      );
      assert.deepEqual(await reader.nextEvent(), { comment: "keep-alive" });
      gatewaySession.heldCalls.splice(0).forEach((call) => call.reply({}));
      assert.equal((await reader.remainingMessages()).length, 1);
    },
  );

  const jsonOnlyTitle =
    "[http.stream] a client that accepts only JSON gets JSON, and the progress on its open stream";
  await t.step(jsonOnlyTitle, async () => {
    const listeningReader = new EventReader(await session.get());
    const response = await session.post(request("progress", 6), { accept: "application/json" });
    assert.equal((await response.json()).id, 6);
    assert.match((await listeningReader.nextMessage())?.data ?? "", /"progress"/);
    await listeningReader.cancel();
  });

  await t.step(
    "[http.call-stream] a request of a server during a call is sent on the call's stream",
    async () => {
      const listeningReader = new EventReader(await session.get());
      const reader = new EventReader(await session.post(request("ask", "asks")));
      const question = JSON.parse((await reader.nextMessage())?.data ?? "");
      assert.equal(question.method, "question");
      const answer = { jsonrpc: "2.0", id: question.id, result: { said: BIG_INTEGER } };
      await (await session.post(answer)).text();
      assert.deepEqual(JSON.parse((await reader.nextMessage())?.data ?? "").result, {
        said: BIG_INTEGER,
      });
      gatewaySession.peer.notify("later");
      assert.match((await listeningReader.nextMessage())?.data ?? "", /"later"/);
      await listeningReader.cancel();
    },
  );

  await t.step("[http.cancel] a cancelled call gets no answer, and its stream ends", async () => {
    const reader = new EventReader(await session.post(request("wait", "gone")));
    const params = { requestId: "gone" };
    const cancellation = { jsonrpc: "2.0", method: "notifications/cancelled", params };
    await (await session.post(cancellation)).text();
    assert.deepEqual(await reader.remainingMessages(), []);
  });

  await t.step("[http.batch] a batch is answered by a batch", async () => {
    const response = await session.post([request("echo", 1), request("nothing", 2), 7]);
    const answers: { id: unknown }[] = await response.json();
    assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set([1, 2, null]));
  });

  await t.step("[http.delete] a client can end its session", async () => {
    const reader = new EventReader(await session.get());
    assert.equal(await session.delete(), 204);
    assert.deepEqual(await reader.remainingMessages(), []);
    assert.equal(gatewaySession.hasDisconnected, true);
    const response = await session.post(request("echo"));
    assert.equal(response.status, 404);
    assert.equal((await response.json()).error.code, -32000);
  });
});

Deno.test("invalid HTTP requests", async (t) => {
  await using fixture = await HttpFixture.open();
  const session = await fixture.initialize();
  const assertRefused = async (description: string, status: number, answer: Promise<Response>) => {
    await t.step(`[http.requests] ${description} is answered with ${status}`, async () => {
      const response = await answer;
      assert.equal(response.status, status);
      assert.match((await response.json()).error.message, /\w/);
    });
  };
  const echo = request("echo");
  await assertRefused("a POST without a session", 400, fixture.send("POST", echo));
  await assertRefused("a GET without a session", 400, fixture.send("GET", undefined));
  await assertRefused("a DELETE without a session", 400, fixture.send("DELETE", undefined));
  await assertRefused(
    "an unknown session",
    404,
    fixture.send("POST", echo, { "mcp-session-id": "x" }),
  );
  await assertRefused(
    "a batch as the first message",
    400,
    fixture.send("POST", [request("initialize")]),
  );
  await assertRefused("invalid JSON as the first message", 400, fixture.send("POST", "{"));
  await assertRefused(
    "a body of another type",
    415,
    session.post("x", { "content-type": "text/plain" }),
  );
  await assertRefused("a compressed body", 415, session.post(echo, { "content-encoding": "gzip" }));
  await assertRefused(
    "a request that accepts no supported type",
    406,
    session.post(echo, { accept: "text/html" }),
  );
  await assertRefused(
    "a GET that accepts no stream",
    406,
    session.get({ accept: "application/json" }),
  );
  await assertRefused("a PUT request", 405, fixture.send("PUT", "{}"));
  await assertRefused(
    "an unknown revision",
    400,
    session.post(echo, { "mcp-protocol-version": "1999-01-01" }),
  );
  await assertRefused(
    "an event id that belongs to no stream",
    400,
    session.get({ "last-event-id": "nonsense" }),
  );

  await t.step(
    "[http.later-revision] a probe that names no later revision is answered with method not found",
    async () => {
      const response = await fixture.send("POST", request("server/discover", "probe"));
      const { id, error } = await response.json();
      assert.deepEqual([id, error.code], ["probe", -32601]);
    },
  );

  await t.step("[http.initialize] an initialize without an id opens no session", async () => {
    const sessionCount = fixture.gatewaySessions.length;
    const response = await fixture.send("POST", { jsonrpc: "2.0", method: "initialize" });
    assert.deepEqual([response.status, response.headers.get("mcp-session-id")], [202, null]);
    await response.text();
    assert.equal(fixture.gatewaySessions[sessionCount]?.hasDisconnected, true);
  });
});
