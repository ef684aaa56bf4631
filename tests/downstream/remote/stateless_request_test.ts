import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { RemoteFailure } from "../../../src/downstream/remote_failure.ts";
import { Cancellation, type Reply } from "../../../src/jsonrpc/mod.ts";
import {
  answerText,
  FakeHttpServer,
  type RequestHandler,
  sendJson,
  sendStream,
  startStream,
} from "./fake_http_server.ts";
import { StatelessPeer } from "./stateless_peer.ts";

function resultOf(reply: Reply): unknown {
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.result.value;
}

async function failureOf(reply: Promise<Reply>): Promise<RemoteFailure> {
  const failure = await reply.then(() => undefined, (cause) => cause);
  assert.ok(failure instanceof RemoteFailure, String(failure));
  return failure;
}

Deno.test("[remote.stateless] a request has its own headers, and nothing of a session", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    response.setHeader("mcp-session-id", "unasked");
    return sendJson(response, {
      jsonrpc: "2.0",
      id: message.id,
      result: { method: message.method },
    });
  });
  await using peer = await StatelessPeer.open(server.url, {
    headers: { "x-key": "secret", "mcp-method": "overridden" },
  });
  for (const method of ["server/discover", "tools/list"]) {
    assert.deepEqual(resultOf(await peer.request(method)), { method });
  }
  assert.equal(peer.transport.hasSessionId, false);
  for (const { method, headers, message } of server.requests) {
    assert.equal(method, "POST");
    assert.equal(headers["mcp-protocol-version"], "2026-07-28");
    assert.equal(headers["mcp-method"], message.method);
    assert.equal(headers["x-key"], "secret");
    assert.equal(headers.accept, "application/json, text/event-stream");
    assert.equal(headers["mcp-session-id"], undefined);
  }
  await peer.transport.end({ afterInputCloseMs: 1000, afterTerminateMs: 1000 });
  // Neither a stream of the session nor its end is requested.
  assert.equal(server.requests.length, 2);
});

Deno.test("[remote.stateless] notifications on the stream of a request arrive before its answer", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    const log = { jsonrpc: "2.0", method: "notifications/message", params: { data: "working" } };
    return sendStream(response, JSON.stringify(log), answerText(message, { done: true }));
  });
  await using peer = await StatelessPeer.open(server.url);
  assert.deepEqual(resultOf(await peer.request("tools/call")), { done: true });
  assert.deepEqual(peer.notifications, [["notifications/message", { data: "working" }]]);
});

for (const begins of [true, false]) {
  const when = begins ? "whose stream has begun" : "without a response";
  Deno.test(`[remote.stateless-cancel] cancelling a request ${when} closes its connection, and sends nothing`, async () => {
    const arrived = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    await using server = await FakeHttpServer.start(({ message }, response) => {
      if (message.method !== "tools/call") return false;
      response.on("close", () => closed.resolve());
      if (begins) startStream(response, ": working", "");
      arrived.resolve();
      return true;
    });
    await using peer = await StatelessPeer.open(server.url);
    const signal = new Cancellation();
    const reply = peer.request("tools/call", {}, { signal });
    await arrived.promise;
    signal.cancel(new Error("no longer needed"));
    await assert.rejects(reply, /no longer needed/);
    await closed.promise;
    await peer.transport.end({ afterInputCloseMs: 1000, afterTerminateMs: 1000 });
    assert.deepEqual(server.requests.map(({ message }) => message.method), ["tools/call"]);
  });
}

Deno.test("[remote.stateless-cut] a stream that breaks off ends only its own request, and is not resumed", async () => {
  let held: ServerResponse | undefined;
  const arrived = Promise.withResolvers<void>();
  await using server = await FakeHttpServer.start(({ message }, response, request) => {
    if (message.method === "subscriptions/listen") {
      held = response;
      startStream(response, ": open", "");
      arrived.resolve();
      return true;
    }
    if (message.method !== "tools/call") return false;
    startStream(response, "id: 7", "data:", "");
    setImmediate(() => request.socket.destroy());
    return true;
  });
  await using peer = await StatelessPeer.open(server.url);
  const listening = peer.request("subscriptions/listen");
  await arrived.promise;
  const failure = await failureOf(peer.request("tools/call"));
  assert.match(failure.message, /broke off its answer$/);
  assert.equal(failure.reach, "maybe");
  assert.equal(failure.endsSession, false);
  assert.equal(peer.isClosed, false);
  const [{ message } = { message: {} }] = server.requests;
  held?.end(`data: ${answerText(message, { resultType: "complete" })}\n\n`);
  assert.deepEqual(resultOf(await listening), { resultType: "complete" });
  assert.equal(server.requests.length, 2);
});

Deno.test("[remote.stateless-cut] a server that is gone fails each request, and answers again when it is back", async () => {
  let server = await FakeHttpServer.start(answerAll);
  const { url, port } = server;
  await using peer = await StatelessPeer.open(url);
  resultOf(await peer.request("tools/list"));
  await server[Symbol.asyncDispose]();
  const failure = await failureOf(peer.request("tools/list"));
  assert.equal(failure.reach, "never");
  assert.equal(failure.problem, "refused");
  assert.equal(peer.isClosed, false);
  server = await FakeHttpServer.start(answerAll, undefined, port);
  resultOf(await peer.request("tools/list"));
  await server[Symbol.asyncDispose]();
});

const answerAll: RequestHandler = ({ message }, response) => {
  return sendJson(response, { jsonrpc: "2.0", id: message.id, result: {} });
};

Deno.test("[remote.stateless-errors] a JSON-RPC error is the answer, whatever the status of the refusal", async () => {
  const data = { supported: ["2026-07-28"], requested: "2027-01-01" };
  const cases = [
    [200, -32602, undefined],
    [400, -32022, data],
    [400, -32020, undefined],
    [404, -32601, undefined],
    [409, -32005, undefined],
  ] as const;
  for (const [status, code, errorData] of cases) {
    for (const hasId of [true, false]) {
      if (status === 200 && !hasId) continue;
      await using server = await FakeHttpServer.start(({ message: { id } }, response) => {
        const error = { code, message: "refused", ...(errorData && { data: errorData }) };
        return sendJson(response, { jsonrpc: "2.0", id: hasId ? id : null, error }, status);
      });
      await using peer = await StatelessPeer.open(server.url);
      const reply = await peer.request("tools/call");
      assert.equal(reply.ok, false);
      assert.deepEqual(!reply.ok && reply.error, {
        code,
        message: "refused",
        ...(errorData && { data: errorData }),
      });
      assert.equal(peer.isClosed, false);
      assert.deepEqual(peer.noise, []);
      assert.equal(server.requests.length, 1);
    }
  }
});

Deno.test("[remote.stateless-errors] a refusal that is about the HTTP request is a failure, whatever its body", async () => {
  for (const status of [401, 403, 413, 429, 431, 500, 503]) {
    await using server = await FakeHttpServer.start(({ message: { id } }, response) => {
      return sendJson(response, { jsonrpc: "2.0", id, error: { code: -1, message: "no" } }, status);
    });
    await using peer = await StatelessPeer.open(server.url);
    const failure = await failureOf(peer.request("tools/call"));
    assert.equal(failure.status, status);
    assert.equal(failure.reach, "refused");
  }
});

Deno.test("[remote.stateless-probe] an error without an id is the answer to the probe, and to nothing else", async () => {
  const error = { code: -32700, message: "Parse error" };
  for (const isStream of [true, false]) {
    await using server = await FakeHttpServer.start((_, response) => {
      const message = { jsonrpc: "2.0", id: null, error };
      return isStream ? sendStream(response, JSON.stringify(message)) : sendJson(response, message);
    });
    await using peer = await StatelessPeer.open(server.url);
    const reply = await peer.request("server/discover");
    assert.deepEqual(!reply.ok && reply.error, error);
    assert.deepEqual(peer.noise, []);
    const failure = await failureOf(peer.request("tools/list"));
    assert.equal(failure.reach, "maybe");
    assert.deepEqual(peer.noise, ["An answer to no request"]);
  }
});

Deno.test("[remote.stateless-probe] a refused probe neither ends the connection nor leads to SSE", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "server/discover") return false;
    response.writeHead(404).end();
    return true;
  });
  await using peer = await StatelessPeer.open(server.url);
  const failure = await failureOf(peer.request("server/discover"));
  assert.equal(failure.status, 404);
  assert.equal(peer.isClosed, false);
  assert.deepEqual(server.requests.map(({ method }) => method), ["POST"]);
});
