import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import {
  CLAIM,
  EventReader,
  HttpFixture,
  request,
  statelessHeaders,
  statelessRequest,
} from "./http_fixture.ts";
import { postText, RawConnection, sendRaw } from "./raw_http.ts";

/** Returns the status and the code of an error. */
async function readError(response: Response): Promise<[status: number, code: number]> {
  const { id, error } = await response.json();
  assert.equal(id, 1);
  return [response.status, error.code];
}

Deno.test("requests without a session", async (t) => {
  await using fixture = await HttpFixture.open({ limits: { streamAfterMs: 50 } });
  const connection = () => {
    const [first, ...others] = fixture.statelessClients;
    assert.ok(first !== undefined && others.length === 0);
    return first;
  };

  await t.step("[eras.http-body] a request with a claim needs no session", async () => {
    const response = await fixture.sendStateless("echo", { text: "é😀" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("mcp-session-id"), null);
    assert.equal((await response.json()).result.text, "é😀");
    assert.equal(fixture.service.sessionCount, 0);
  });

  await t.step("[eras.http-body] a claim counts beside a session id, known or not", async () => {
    const session = await fixture.initialize();
    for (const id of [session.headers["mcp-session-id"] ?? "", "unknown"]) {
      const response = await fixture.sendStateless("echo", {}, { "mcp-session-id": id });
      assert.equal(response.status, 200);
      assert.ok((await response.json()).result._meta);
      const wrong = { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
      assert.deepEqual(
        await readError(await fixture.sendStateless("echo", {}, wrong)),
        [400, -32020],
      );
    }
    const answer = await (await session.post(request("echo", 1, { old: true }))).json();
    assert.deepEqual(answer.result, { old: true });
    assert.equal(await session.delete(), 204);
  });

  await t.step(
    "[eras.http-body] a request whose header alone names the revision lacks its claim",
    async () => {
      for (const params of [{}, { _meta: {} }, { _meta: 7 }, []]) {
        const body = request("server/discover", 1, params);
        const response = await fixture.send("POST", body, statelessHeaders("server/discover"));
        assert.deepEqual(await readError(response), [400, -32602]);
      }
    },
  );

  await t.step(
    "[eras.http-body] initialize opens a session, whatever its header says",
    async () => {
      const session = await fixture.initialize({ "mcp-protocol-version": "2026-07-28" });
      assert.equal(fixture.service.sessionCount, 1);
      // In a session, the header is checked as ever.
      const response = await session.post(request("echo"));
      assert.deepEqual([response.status, (await response.json()).error.code], [400, -32000]);
      const { "mcp-session-id": id = "" } = session.headers;
      const ended = await fixture.send("DELETE", undefined, { "mcp-session-id": id });
      assert.equal(ended.status, 204);
    },
  );

  await t.step("[eras.http-body] a batch is no request of the revision", async () => {
    const body = [statelessRequest("echo")];
    const response = await fixture.send("POST", body, statelessHeaders("echo"));
    assert.deepEqual([response.status, (await response.json()).error.code], [400, -32600]);
  });

  await t.step("[eras.http-status] the revision has no GET and no DELETE", async () => {
    for (const method of ["GET", "DELETE"]) {
      const headers = { "mcp-protocol-version": "2026-07-28" };
      const response = await fixture.send(method, undefined, headers);
      assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
      await response.text();
    }
  });

  await t.step("[eras.http-status] a malformed body is refused with 400", async () => {
    for (
      const [body, code] of [
        ["{", -32700],
        ["", -32700],
        ["null", -32600],
        ['{"jsonrpc":"1.0","id":1,"method":"echo"}', -32600],
        ['{"jsonrpc":"2.0","id":null,"method":"echo"}', -32600],
        ['{"jsonrpc":"2.0","id":1,"result":{}}', -32600],
      ] as const
    ) {
      const response = await fixture.send("POST", body, statelessHeaders("echo"));
      const { error } = await response.json();
      assert.deepEqual([response.status, error.code], [400, code], body.slice(0, 50));
    }
  });

  await t.step("[eras.http-status] notifications are accepted, and have no effect", async () => {
    const call = fixture.sendStateless("wait");
    await waitUntil("the call arrives", () => connection().heldCalls.length === 1);
    for (const params of [{ requestId: 1, _meta: CLAIM }, { requestId: 1 }]) {
      const body = { jsonrpc: "2.0", method: "notifications/cancelled", params };
      const response = await fixture.send("POST", body, { "mcp-protocol-version": "2026-07-28" });
      assert.deepEqual([response.status, await response.text()], [202, ""]);
    }
    connection().heldCalls.splice(0).forEach((held) => held.reply({ done: true }));
    assert.match(await (await call).text(), /"done":true/);
  });

  await t.step(
    "[eras.http-status] refused requests have the status of their error; errors of operations have 200",
    async () => {
      const statusOf = async (method: string, code = 0): Promise<[number, number]> => {
        return await readError(await fixture.sendStateless(method, { code }));
      };
      assert.deepEqual(await statusOf("unknown"), [404, -32601]);
      assert.deepEqual(await statusOf("refuse", -32022), [400, -32022]);
      assert.deepEqual(await statusOf("refuse", -32602), [400, -32602]);
      for (const code of [-32601, -32602, -32603, -32020, -32022]) {
        assert.deepEqual(await statusOf("fail", code), [200, code]);
      }
      assert.deepEqual(await statusOf("fail", -32021), [400, -32021]);
      // A result that contains an error is not one.
      const lookalike = await fixture.sendStateless("echo", { error: { code: -32021 } });
      assert.equal(lookalike.status, 200);
      await lookalike.text();
    },
  );

  await t.step(
    "[eras.http-headers] a mismatch of headers and body is refused and recorded",
    async () => {
      const before = fixture.refused.length;
      for (
        const headers of [
          { "mcp-method": "other" },
          { "mcp-protocol-version": "2025-11-25" },
          { "mcp-name": "other" },
        ]
      ) {
        const params = { name: "a" };
        const response = await fixture.sendStateless("tools/call", params, headers);
        assert.deepEqual(await readError(response), [400, -32020]);
      }
      assert.deepEqual(fixture.refused.slice(before), Array(3).fill("400 headers"));
      const padded = await fixture.sendStateless("tools/call", { name: "a" }, {
        "mcp-name": "  a  ",
      });
      assert.equal(padded.status, 200);
      await padded.text();
    },
  );

  await t.step("[eras.http-headers] a header that occurs twice is refused", async () => {
    const body = JSON.stringify(statelessRequest("tools/call", { name: "a, a" }));
    const headers = statelessHeaders("tools/call", { name: "a\r\nMcp-Name: a" });
    const { status } = await sendRaw(fixture.port, postText(fixture.port, { headers, body }));
    assert.equal(status, 400);
  });

  await t.step(
    "[eras.http-stream] notifications of a request come on a stream without ids, and then the answer",
    async () => {
      const response = await fixture.sendStateless("progress", { count: 2 });
      assert.equal(response.headers.get("x-accel-buffering"), "no");
      const reader = new EventReader(response);
      const events = [await reader.nextEvent(), await reader.nextEvent()];
      assert.deepEqual(events.map((event) => event?.id), [undefined, undefined]);
      assert.match(events[1]?.data ?? "", /"progress"/);
      connection().heldCalls.splice(0).forEach((held) => held.reply({ done: true }));
      const last = await reader.nextEvent();
      assert.deepEqual([last?.id, JSON.parse(last?.data ?? "").id], [undefined, 1]);
      assert.equal(await reader.nextEvent(), undefined);
    },
  );

  await t.step("[eras.http-stream] a long request becomes a stream", async () => {
    const reader = new EventReader(await fixture.sendStateless("wait"));
    connection().heldCalls.splice(0).forEach((held) => held.reply({ done: true }));
    assert.match((await reader.nextEvent())?.data ?? "", /"done":true/);
    assert.equal(await reader.nextEvent(), undefined);
  });

  await t.step(
    "[eras.http-stream] a client that accepts no stream gets the answer, and no notifications",
    async () => {
      const accept = "application/json";
      const call = fixture.sendStateless("progress", { count: 2 }, { accept });
      await waitUntil("the call arrives", () => connection().heldCalls.length === 1);
      connection().heldCalls.splice(0).forEach((held) => held.reply({ done: true }));
      const response = await call;
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual((await response.json()).result, { done: true });
      const listening = await fixture.sendStateless("subscriptions/listen", {}, { accept });
      assert.equal(listening.status, 406);
      await listening.text();
    },
  );

  await t.step("nothing is kept of the requests", () => {
    assert.equal(connection().requests.count, 0);
    assert.equal(fixture.service.statelessClientCount, 1);
  });
});

Deno.test("[eras.http-stream] a stream has keep-alive comments", async () => {
  await using fixture = await HttpFixture.open({
    limits: { streamAfterMs: 10_000, streamKeepAliveMs: 50 },
  });
  const reader = new EventReader(await fixture.sendStateless("subscriptions/listen", { count: 1 }));
  assert.match((await reader.nextEvent())?.data ?? "", /"progress"/);
  assert.deepEqual(await reader.nextEvent(), { comment: "keep-alive" });
  await reader.cancel();
});

Deno.test("[eras.http-body] a request may have any size up to the limit of messages", async () => {
  await using fixture = await HttpFixture.open({
    limits: { firstBodyBytes: 1000, bodyBytes: 10_000 },
  });
  const statusOf = async (length: number, headers: Record<string, string>) => {
    const response = await fixture.send(
      "POST",
      statelessRequest("echo", { text: "x".repeat(length) }),
      headers,
    );
    await response.text();
    return response.status;
  };
  assert.equal(await statusOf(5000, statelessHeaders("echo")), 200);
  assert.equal(await statusOf(20_000, statelessHeaders("echo")), 413);
  assert.equal(await statusOf(5000, {}), 413);
});

Deno.test("[eras.http-status] a request that does not fit into the memory is refused with 503", async () => {
  await using fixture = await HttpFixture.open({ maxMemory: 1_000_000 });
  const response = await fixture.sendStateless("echo", { text: "x".repeat(2_000_000) });
  assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
  await response.text();
  const small = await fixture.sendStateless("echo");
  assert.equal(small.status, 200);
  await small.text();
});

Deno.test("[eras.http-cors] pages of listed origins may send the headers of requests without a session", async () => {
  const origin = "https://page.example";
  await using fixture = await HttpFixture.open({ settings: { corsOrigins: [origin] } });
  const response = await fetch(fixture.url, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers":
        "mcp-method,mcp-name,mcp-protocol-version,mcp-param-Region,x-other",
    },
  });
  await response.text();
  const allowed = response.headers.get("access-control-allow-headers")?.toLowerCase().split(",");
  for (const name of ["mcp-method", "mcp-name", "mcp-protocol-version", "mcp-param-region"]) {
    assert.ok(allowed?.includes(name), name);
  }
  assert.equal(allowed?.includes("x-other"), false);
});

Deno.test("[eras.http-hang-up] a client that disconnects before the answer or on its stream cancels its request, and no other", async () => {
  await using fixture = await HttpFixture.open({ limits: { streamAfterMs: 60_000 } });
  const open = async (method: string): Promise<RawConnection> => {
    const count = fixture.statelessClients[0]?.heldCalls.length ?? 0;
    const raw = await RawConnection.open(fixture.port);
    const body = JSON.stringify(statelessRequest(method, { count: 1 }));
    const headers = { ...statelessHeaders(method), accept: "*/*" };
    await raw.send(postText(fixture.port, { headers, body }));
    await waitUntil("the request arrives", () => {
      return fixture.statelessClients[0]?.heldCalls.length === count + 1;
    });
    return raw;
  };
  using staying = await open("wait");
  const waiting = await open("wait");
  const streaming = await open("progress");
  assert.ok(await streaming.readUntil((text) => text.includes('"progress"')));
  const [connection] = fixture.statelessClients;
  const [stayingCall, waitingCall, streamingCall] = connection?.heldCalls ?? [];
  waiting[Symbol.dispose]();
  await waitUntil("the waiting request is cancelled", () => waitingCall?.signal.aborted);
  assert.equal(streamingCall?.signal.aborted, false);
  streaming[Symbol.dispose]();
  await waitUntil("the streaming request is cancelled", () => streamingCall?.signal.aborted);
  assert.equal(stayingCall?.signal.aborted, false);
  assert.equal(connection?.requests.count, 1);
  stayingCall?.reply({ done: true });
  assert.ok(await staying.readUntil((text) => text.includes('"done":true')));
  assert.equal(connection?.requests.count, 0);
});

Deno.test("[eras.http-slow-reader] a client that does not read loses notifications, and is not disconnected by them", async () => {
  const queuedBytes = 1_000_000;
  await using fixture = await HttpFixture.open({ limits: { queuedBytes } });
  using raw = await RawConnection.open(fixture.port);
  // The operating system buffers many times the limit.
  const params = { count: 300, size: 100_000 };
  const body = JSON.stringify(statelessRequest("progress", params));
  const headers = { ...statelessHeaders("progress"), accept: "*/*" };
  await raw.send(postText(fixture.port, { headers, body }));
  const held = await waitUntil("all notifications are sent or dropped", () => {
    return fixture.statelessClients[0]?.heldCalls[0];
  });
  assert.equal(held.hasSlowReader, true);
  held.reply({ done: true });
  assert.ok(await raw.readUntil((text) => text.includes('"done":true')));
  const { text } = raw.answer;
  const count = text.split('"method":"progress"').length - 1;
  assert.ok(count > 10 && count < 300, `${count} notifications`);
});

Deno.test("[eras.http-drain] during a shutdown, active requests are answered and new ones refused", async () => {
  const fixture = await HttpFixture.open();
  const call = fixture.sendStateless("wait");
  const held = await waitUntil("the call arrives", () => {
    return fixture.statelessClients[0]?.heldCalls[0];
  });
  const cancelled = fixture.sendStateless("wait");
  await waitUntil("the other call arrives", () => {
    return fixture.statelessClients[0]?.heldCalls.length === 2;
  });
  const session = await fixture.initialize();
  fixture.service.refuseNewWork();
  for (const headers of [{}, { "mcp-session-id": session.headers["mcp-session-id"] ?? "" }]) {
    const refused = await fixture.sendStateless("echo", {}, headers);
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
    await refused.text();
  }
  held.reply({ done: true });
  assert.deepEqual((await (await call).json()).result, { done: true });
  fixture.statelessClients[0]?.requests.cancelAll("The gateway ends");
  assert.equal((await cancelled).status, 503);
  await (await cancelled).text();
  await fixture.service.close();
  assert.equal(fixture.statelessClients[0]?.hasDisconnected, true);
});
