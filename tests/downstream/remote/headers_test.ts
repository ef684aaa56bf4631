import assert from "node:assert/strict";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { FakeHttpServer, sendJson } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

Deno.test("[remote.headers] configured headers are sent with every request, and do not replace those of the protocol", async () => {
  await using server = await FakeHttpServer.start();
  {
    const headers = { "X-Key": "k1", authorization: "Bearer t", Accept: "text/html" };
    await using fixture = createRemoteFixture(server.url, { headers });
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    await waitUntil(
      "a GET request has arrived",
      () => server.requests.some(({ method }) => method === "GET"),
    );
  }
  for (const { headers, method, message } of server.requests) {
    assert.equal(headers["x-key"], "k1", method);
    assert.equal(headers.authorization, "Bearer t");
    const isFirst = message.method === "initialize";
    assert.equal(headers["mcp-session-id"], isFirst ? undefined : "session-1");
    // The revision header is sent only after the revision has been negotiated.
    assert.equal(headers["mcp-protocol-version"], isFirst ? undefined : "2025-11-25");
    if (method === "POST") {
      assert.equal(headers.accept, "application/json, text/event-stream");
      assert.equal(headers["content-type"], "application/json");
    }
    if (method === "GET") assert.equal(headers.accept, "text/event-stream");
  }
  assert.deepEqual(server.requests.map(({ method }) => method).slice(0, 2), ["POST", "POST"]);
  // The gateway ended its session once.
  assert.deepEqual(server.requests.filter(({ method }) => method === "DELETE").length, 1);
});

Deno.test("[remote.headers] a server without sessions receives neither a session id nor a DELETE", async () => {
  await using server = await FakeHttpServer.start();
  {
    await using fixture = createRemoteFixture(server.url);
    server.handler = ({ method, message, headers }, response) => {
      assert.equal(headers["mcp-session-id"], undefined);
      if (method !== "POST") return false;
      if (message.id === undefined) return (response.writeHead(202).end(), true);
      const result = message.method === "initialize"
        ? { protocolVersion: "2025-06-18", capabilities: {} }
        : message.method === "tools/list"
        ? { tools: [{ name: "echo" }] }
        : { content: [] };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
      return true;
    };
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  }
  assert.equal(server.requests.filter(({ method }) => method === "DELETE").length, 0);
});

Deno.test("[memory.session-names] a server whose session id has more than 8192 characters is refused", async () => {
  await using server = await FakeHttpServer.start((_, response) => {
    response.setHeader("mcp-session-id", "x".repeat(8193));
    return sendJson(response, {});
  });
  await using fixture = createRemoteFixture(server.url);
  assert.match(
    await expectFailure(fixture.call("echo")),
    /sent a session id of more than 8192 characters/,
  );
});
