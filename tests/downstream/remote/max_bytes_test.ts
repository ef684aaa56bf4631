/** Tests of the size limit of answers of remote servers. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { withTimeout } from "../../e2e/wait.ts";
import { answerCallsWith, FakeHttpServer, startStream } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const TOO_LONG = /^Server "files" answered with more than 64 MiB, .*; ask for less\.$/;

/** Writes a text repeatedly, until the connection is closed. */
async function writeEndlessly(response: ServerResponse, text: string): Promise<void> {
  const closed = new Promise<void>((resolve) => response.on("close", () => resolve()));
  while (!response.destroyed) {
    if (response.write(text)) continue;
    await Promise.race([closed, new Promise((resolve) => response.once("drain", resolve))]);
  }
}

/** Endless answers: the media type, and the beginning of the body. */
const ENDLESS_ANSWERS: Readonly<Record<string, readonly [mediaType: string, beginning: string]>> = {
  "a JSON body": ["application/json", '{"jsonrpc":"2.0","id":ID,"result":{"a":"'],
  "a JSON body that begins with the result": ["application/json", '{"result":{"a":"'],
  "a body that is no message": ["text/plain", "x"],
  "a line of an event": ["text/event-stream", 'data: {"jsonrpc":"2.0","id":ID,"result":{"a":"'],
  "a comment of an event stream": ["text/event-stream", ": "],
};

for (const [answer, [mediaType, beginning]] of Object.entries(ENDLESS_ANSWERS)) {
  Deno.test(`[remote.max-bytes] ${answer} without an end is read up to the limit`, async () => {
    const disconnected = Promise.withResolvers<void>();
    await using server = await FakeHttpServer.start(answerCallsWith((response, id) => {
      response.writeHead(200, { "content-type": mediaType });
      response.write(beginning.replace("ID", String(id)));
      void writeEndlessly(response, "x".repeat(10_000)).then(disconnected.resolve);
    }));
    await using fixture = createRemoteFixture(server.url, { maxBytes: 20_000 });
    assert.match(await expectFailure(fixture.call("echo")), TOO_LONG);
    await withTimeout("the end of the connection", disconnected.promise);
    server.handler = () => {};
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  });
}

Deno.test("[remote.max-bytes] an endless tool list is reported as too long, not as missing", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "tools/list") return false;
    response.writeHead(200, { "content-type": "application/json" });
    void writeEndlessly(response, "[".repeat(10_000));
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { maxBytes: 20_000 });
  assert.match(await expectFailure(fixture.call("echo")), TOO_LONG);
});

Deno.test("[remote.max-bytes] an endless message ends the session of an SSE server", async () => {
  let stream: ServerResponse | undefined;
  await using server = await FakeHttpServer.start(({ method, message }, response) => {
    if (method === "GET") {
      stream = response;
      startStream(response, "event: endpoint", "data: /mcp", "");
      return true;
    }
    if (message.method !== "initialize") return false;
    response.writeHead(202).end();
    stream?.write("data: ");
    if (stream !== undefined) void writeEndlessly(stream, "x".repeat(10_000));
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { kind: "sse", maxBytes: 20_000 });
  assert.match(
    await expectFailure(fixture.call("echo")),
    /sent a message of more than \d+ bytes on its event stream/,
  );
});

Deno.test("[remote.max-bytes] no compressed answer is requested, and one that is sent is not read", async () => {
  const acceptedEncodings = new Set<string | undefined>();
  await using server = await FakeHttpServer.start(answerCallsWith((response) => {
    acceptedEncodings.add(response.req.headers["accept-encoding"]?.toString());
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    response.writeHead(200, headers).end(gzipSync("{}"));
  }));
  const headers = { "Accept-Encoding": "gzip" };
  await using fixture = createRemoteFixture(server.url, { headers });
  assert.match(
    await expectFailure(fixture.call("echo")),
    /compressed its answer \(HTTP 200\) as "gzip", which the gateway did not ask for and does not read/,
  );
  assert.deepEqual([...acceptedEncodings], ["identity"]);
});
