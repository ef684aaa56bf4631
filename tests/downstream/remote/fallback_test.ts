import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { answerText, FakeHttpServer, type RequestHandler, sendJson } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

/** Returns a handler that acts as an SSE server: it refuses messages at its url with this status. */
function actAsOlderServer(status: number): RequestHandler {
  let stream: ServerResponse | undefined;
  return ({ method, path, message }, response) => {
    if (method === "GET" && path === "/mcp") {
      stream = response.writeHead(200, { "content-type": "text/event-stream" });
      stream.write("event: endpoint\ndata: /messages?session=1\n\n");
    } else if (path !== "/messages?session=1") response.writeHead(status).end();
    else {
      response.writeHead(202).end("Accepted");
      if (message.id === undefined) return true;
      const result = message.method === "initialize"
        ? { protocolVersion: "2024-11-05", capabilities: {} }
        : message.method === "tools/list"
        ? { tools: [{ name: "echo" }] }
        : { content: [] };
      stream?.write(`event: message\ndata: ${answerText(message, result)}\n\n`);
    }
    return true;
  };
}

for (const status of [400, 404, 405]) {
  Deno.test(`[servers.remote-fallback] after ${status} to the first message, SSE is tried`, async () => {
    await using server = await FakeHttpServer.start(actAsOlderServer(status));
    await using fixture = createRemoteFixture(server.url, { kind: "auto" });
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
    assert.deepEqual(
      server.requests.slice(0, 3).map(({ method, path }) => `${method} ${path}`),
      ["POST /mcp", "GET /mcp", "POST /messages?session=1"],
    );
    assert.equal(fixture.connections.length, 1);
  });
}

Deno.test("[servers.remote-fallback] any other refusal of the first message is reported, and SSE is not tried", async () => {
  for (const status of [401, 403, 406, 500, 503]) {
    await using server = await FakeHttpServer.start(actAsOlderServer(status));
    await using fixture = createRemoteFixture(server.url, { kind: "auto" });
    assert.match(
      await expectFailure(fixture.call("echo")),
      new RegExp(`answered with HTTP ${status}`),
    );
    assert.equal(server.requests.length, 1);
  }
});

Deno.test("[servers.remote-fallback] a server of neither transport is reported with the refusal of each transport, or once if both are 404", async () => {
  await using server = await FakeHttpServer.start(({ method }, response) => {
    response.writeHead(method === "POST" ? 404 : 403).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { kind: "auto" });
  const host = `127.0.0.1:${server.port}`;
  assert.equal(
    await expectFailure(fixture.call("echo")),
    `Server "files" is not available: ${host} answered with HTTP 404; check its url; and to GET, ` +
      `for the older SSE transport, ${host} answered with HTTP 403; check the credentials in its ` +
      "headers.",
  );
  server.handler = (_, response) => (response.writeHead(404).end(), true);
  assert.equal(
    await expectFailure(fixture.call("echo")),
    `Server "files" is not available: ${host} answered with HTTP 404; check its url.`,
  );
});

Deno.test("[servers.remote-fallback] with a configured type there is no fallback", async () => {
  await using server = await FakeHttpServer.start(actAsOlderServer(405));
  {
    await using fixture = createRemoteFixture(server.url, { kind: "http" });
    assert.match(
      await expectFailure(fixture.call("echo")),
      /answered with HTTP 405; check its url\.$/,
    );
  }
  {
    await using fixture = createRemoteFixture(server.url, { kind: "sse" });
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  }
  assert.equal(
    server.requests.filter(({ method, path }) => `${method} ${path}` === "POST /mcp").length,
    1,
  );
});

Deno.test("[servers.remote-fallback] an endpoint of another origin is not used", async () => {
  await using server = await FakeHttpServer.start((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: endpoint\ndata: http://127.0.0.2:9/elsewhere\n\n");
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { kind: "sse" });
  assert.match(await expectFailure(fixture.call("echo")), /names no endpoint of its own origin/);
});

Deno.test("[memory.session-names] an endpoint of more than 8192 characters is not used", async () => {
  await using server = await FakeHttpServer.start((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`event: endpoint\ndata: /${"x".repeat(8192)}\n\n`);
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { kind: "sse" });
  assert.match(
    await expectFailure(fixture.call("echo")),
    /no endpoint .* of at most 8192 characters/,
  );
});

Deno.test("[remote.session-gone] the end of the stream ends an SSE session", async () => {
  let stream: ServerResponse | undefined;
  const answerAsOlderServer = actAsOlderServer(405);
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (received.method === "GET") stream = response;
    return answerAsOlderServer(received, response, request);
  });
  await using fixture = createRemoteFixture(server.url, { kind: "sse" });
  await fixture.call("echo");
  stream?.end();
  await fixture.connections[0]?.ended;
  assert.equal(fixture.server.status().state, "broken");
  assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  assert.equal(fixture.connections.length, 2);
});

/** Answers of servers that speak no earlier revision to `initialize`, and the expected error of each. */
const NEWER_SERVERS: readonly (readonly [string, number, unknown, RegExp])[] = [
  [
    "names what it supports",
    400,
    { code: -32022, message: "Unsupported protocol version", data: { supported: ["2027-03-01"] } },
    /: it speaks only MCP revision 2027-03-01, and this gateway speaks up to 2026-07-28\.$/,
  ],
  [
    "requires a header",
    400,
    { code: -32020, message: "Header mismatch: Mcp-Method required" },
    /mismatch.* it may speak only MCP revision 2026-07-28, which "gateway.protocol": "legacy" .* excludes\.$/,
  ],
  [
    "does not know the method",
    404,
    { code: -32601, message: "Method not found" },
    /not found.* it may speak only MCP revision 2026-07-28, which "gateway.protocol": "legacy" .* excludes\.$/,
  ],
];

for (const [behaviour, status, error, expected] of NEWER_SERVERS) {
  for (const kind of ["auto", "http"] as const) {
    Deno.test(`[sessions.newer-revision] ${kind}: a server that ${behaviour} is refused after one request`, async () => {
      await using server = await FakeHttpServer.start(({ method, message: { id } }, response) => {
        if (method !== "POST") return false;
        return sendJson(response, { jsonrpc: "2.0", id, error }, status);
      });
      await using fixture = createRemoteFixture(server.url, { kind });
      assert.match(await expectFailure(fixture.call("echo")), expected);
      assert.equal(server.requests.length, 1);
    });
  }
}
