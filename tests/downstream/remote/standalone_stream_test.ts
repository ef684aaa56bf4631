import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { StreamBackoff } from "../../../src/downstream/remote/stream_backoff.ts";
import { isTemporaryStatus } from "../../../src/downstream/remote/standalone_stream.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { answerText, FakeHttpServer, type RequestHandler, sendStream } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const LOG =
  '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}';
const PING = '{"jsonrpc":"2.0","id":"q1","method":"ping"}';

/** Returns a handler that accepts every standalone stream, the streams, and the Last-Event-ID of each. */
function acceptStreams(): {
  handler: RequestHandler;
  streams: ServerResponse[];
  lastEventIds: (string | undefined)[];
} {
  const streams: ServerResponse[] = [];
  const lastEventIds: (string | undefined)[] = [];
  const handler: RequestHandler = ({ method, headers }, response) => {
    if (method !== "GET") return false;
    lastEventIds.push(headers["last-event-id"]);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    streams.push(response);
    return true;
  };
  return { handler, streams, lastEventIds };
}

Deno.test("[remote.listening] unsolicited messages of the server arrive, and its requests are answered", async () => {
  const { handler, streams } = acceptStreams();
  await using server = await FakeHttpServer.start(handler);
  await using fixture = createRemoteFixture(server.url);
  await fixture.listTools();
  await waitUntil("the first stream is open", () => streams.length === 1);
  streams[0]?.write(`data: ${LOG}\n\ndata: ${PING}\n\n`);
  const { params } = await fixture.client.received.take();
  assert.deepEqual(params, { level: "info", data: "x", logger: "files" });
  await waitUntil(
    "the answer has arrived",
    () => server.requests.some(({ message }) => message.id === "q1"),
  );
  const pong = server.requests.find(({ message }) => message.id === "q1");
  assert.equal(pong?.body, '{"jsonrpc":"2.0","id":"q1","result":{}}');
});

for (const ending of ["ends", "breaks off"]) {
  Deno.test(`[remote.listening] a stream that ${ending} is reopened after the last event, and nothing is logged`, async () => {
    const { handler, streams, lastEventIds } = acceptStreams();
    await using server = await FakeHttpServer.start(handler);
    await using fixture = createRemoteFixture(server.url);
    await fixture.listTools();
    await waitUntil("the first stream is open", () => streams.length === 1);
    streams[0]?.write(`id: e1\ndata: ${LOG}\n\nid: e2\ndata:\n\n`);
    await fixture.client.received.take();
    if (ending === "ends") streams[0]?.end();
    else streams[0]?.socket?.destroy();
    await waitUntil("the second stream is open", () => streams.length === 2);
    assert.deepEqual(lastEventIds, [undefined, "e2"]);
    streams[1]?.write(`data: ${LOG}\n\n`);
    await fixture.client.received.take();
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("initialize"), 1);
    assert.deepEqual(fixture.log, []);
  });
}

Deno.test("[remote.listening] the last event id is kept when a stream ends without events", async () => {
  const { handler, streams, lastEventIds } = acceptStreams();
  await using server = await FakeHttpServer.start(handler);
  await using fixture = createRemoteFixture(server.url);
  await fixture.listTools();
  await waitUntil("the first stream is open", () => streams.length === 1);
  streams[0]?.write(`id: e1\ndata: ${LOG}\n\n`);
  await fixture.client.received.take();
  streams[0]?.socket?.destroy();
  await waitUntil("the second stream is open", () => streams.length === 2);
  streams[1]?.end();
  await waitUntil("the third stream is open", () => streams.length === 3);
  assert.deepEqual(lastEventIds, [undefined, "e1", "e1"]);
});

for (const status of [405, 404, 400, 501, 200]) {
  Deno.test(`[remote.listening] a server that answers ${status} has no stream, and is not asked for one again`, async () => {
    await using server = await FakeHttpServer.start(({ method }, response) => {
      return method === "GET" ? (response.writeHead(status).end(), true) : false;
    });
    await using fixture = createRemoteFixture(server.url);
    await fixture.call("echo");
    await waitUntil(
      "a GET request has arrived",
      () => server.requests.some(({ method }) => method === "GET"),
    );
    await fixture.call("echo");
    assert.equal(server.requests.filter(({ method }) => method === "GET").length, 1);
    assert.equal(server.countRequests("initialize"), 1);
    assert.deepEqual(fixture.log, []);
  });
}

Deno.test("[remote.listening] the stream is opened again only after temporary errors", () => {
  for (const status of [429, 500, 502, 503, 504]) assert.equal(isTemporaryStatus(status), true);
  for (const status of [undefined, 200, 400, 404, 405, 409, 501]) {
    assert.equal(isTemporaryStatus(status), false, String(status));
  }
});

Deno.test("[remote.listening] a stream that ends immediately each time is reopened with growing pauses", () => {
  const backoff = new StreamBackoff();
  assert.equal(backoff.pauseMs, 0);
  const pauses = Array.from({ length: 8 }, () => {
    backoff.recordOpen();
    backoff.recordEnd(false);
    return backoff.pauseMs;
  });
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

Deno.test("[remote.listening] a broken stream is reopened immediately only once; a server may ask for more time", () => {
  const backoff = new StreamBackoff();
  const endStream = (isBroken: boolean) => {
    backoff.recordOpen();
    backoff.recordEnd(isBroken);
    return backoff.pauseMs;
  };
  assert.deepEqual([endStream(true), endStream(true), endStream(true)], [0, 2000, 4000]);
  backoff.setRetry(30_000);
  assert.deepEqual([endStream(false), endStream(false), endStream(false)], [
    30_000,
    30_000,
    32_000,
  ]);
});

Deno.test("[remote.resumption] the stream of a call is resumed where it broke off", async () => {
  for (const ending of ["ends", "breaks off"]) {
    const { handler, streams } = acceptStreams();
    await using server = await FakeHttpServer.start((received, response, request) => {
      const { method, message, headers } = received;
      if (message.method === "tools/call") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(`id: c1\nretry: 20\ndata:\n\nid: c2\ndata: ${LOG}\n\n`, () => {
          if (ending === "ends") response.end();
          else response.socket?.destroy();
        });
        return true;
      }
      if (method !== "GET" || headers["last-event-id"] === undefined) {
        return handler(received, response, request);
      }
      assert.equal(headers["last-event-id"], "c2");
      const [call] = server.requests.filter(({ message }) => message.method === "tools/call");
      const result = { jsonrpc: "2.0", id: call?.message.id, result: { content: [] } };
      return sendStream(response, JSON.stringify(result));
    });
    await using fixture = createRemoteFixture(server.url);
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
    assert.equal(server.countRequests("tools/call"), 1);
    assert.equal((await fixture.client.received.take()).method, "notifications/message");
    assert.equal(fixture.server.status().state, "ready");
    assert.ok(streams.length <= 1);
  }
});

Deno.test("[remote.resumption] a stream that the server ends each time is resumed with pauses", async () => {
  let resumptions = 0;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    const isResumed = method === "GET" && headers["last-event-id"] !== undefined;
    if (isResumed) resumptions++;
    if (!isResumed && message.method !== "tools/call") return false;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`id: ${resumptions}\nretry: 0\ndata: \n\n`);
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { options: { callTimeoutMs: 600 } });
  await expectFailure(fixture.call("echo"), "TIMEOUT");
  assert.ok(resumptions > 1 && resumptions <= 6, `${resumptions} times`);
});

Deno.test("[remote.resumption] a call fails if its stream cannot be resumed", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "tools/call") return false;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end("id: c1\nretry: 20\ndata:\n\n");
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  await assert.rejects(fixture.call("echo"), /ended its event stream without an answer/);
  assert.ok(server.requests.some(({ headers }) => headers["last-event-id"] === "c1"));
  assert.equal(server.countRequests("tools/call"), 1);
});

Deno.test("[remote.resumption] a stream without events is resumed where the previous one ended", async () => {
  const lastEventIds: (string | undefined)[] = [];
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    const lastEventId = headers["last-event-id"];
    if (message.method === "tools/call") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end("id: c1\nretry: 20\ndata:\n\n");
      return true;
    }
    if (method !== "GET" || lastEventId === undefined) return false;
    lastEventIds.push(lastEventId);
    if (lastEventIds.length < 3) return sendStream(response);
    const [call] = server.requests.filter(({ message }) => message.method === "tools/call");
    return sendStream(response, answerText({ id: Number(call?.message.id) }, { content: [] }));
  });
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  assert.deepEqual(lastEventIds, ["c1", "c1", "c1"]);
});

Deno.test("[remote.resumption] a stream without events is abandoned after five attempts", async () => {
  let resumptions = 0;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    const isResumed = method === "GET" && headers["last-event-id"] !== undefined;
    if (isResumed) resumptions++;
    if (!isResumed && message.method !== "tools/call") return false;
    return isResumed
      ? sendStream(response)
      : (response.writeHead(200, { "content-type": "text/event-stream" })
        .end("id: c1\nretry: 1\ndata:\n\n"),
        true);
  });
  await using fixture = createRemoteFixture(server.url);
  await assert.rejects(fixture.call("echo"), /ended its event stream without an answer/);
  assert.equal(resumptions, 5);
});
