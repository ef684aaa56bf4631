import assert from "node:assert/strict";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { FakeHttpServer } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const ECHO_RESULT = '{"content":[{"type":"text","text":"called echo"}]}';

Deno.test("[remote.session-gone] after 404 for the session, the call is sent again on a new one", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
  server.sessionIds.clear();
  assert.equal(readResultJson(await fixture.call("echo", { args: '{"again":1}' })), ECHO_RESULT);
  assert.equal(server.countRequests("initialize"), 2);
  // The call was sent twice: it was refused, and then repeated.
  assert.equal(server.requests.filter(({ body }) => body.includes('"again":1')).length, 2);
  assert.equal(fixture.server.status().last_error, null);
  assert.equal(fixture.server.status().restarts, 0);
});

Deno.test("[remote.session-gone] 20 calls that are refused with 404 share one new session", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  server.sessionIds.clear();
  const calls = Array.from({ length: 20 }, () => fixture.call("echo"));
  for (const call of calls) assert.equal(readResultJson(await call), ECHO_RESULT);
  assert.equal(server.countRequests("initialize"), 2);
  assert.equal(server.countRequests("tools/call"), 1 + 20 + 20);
});

Deno.test("[remote.session-gone] a request for the tool list that is refused with 404 is sent again on a new session", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  await fixture.listTools();
  server.sessionIds.clear();
  // The tool is unknown, so the list is requested again.
  const answer = await fixture.call("nothing");
  assert.equal(answer.kind, "no-such-tool");
  assert.equal(server.countRequests("initialize"), 2);
});

Deno.test("[remote.session-gone] a call that is refused with 404 again on a new session fails", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    return message.method === "tools/call" ? (response.writeHead(404).end(), true) : false;
  });
  await using fixture = createRemoteFixture(server.url);
  const message = await expectFailure(fixture.call("echo"));
  assert.match(message, /is not available: its session has ended there\.$/);
  assert.equal(server.countRequests("tools/call"), 2);
});

Deno.test("[remote.cut-off] a call without an answer is sent only once, and the next call reconnects", async () => {
  await using server = await FakeHttpServer.start(({ message }, _response, request) => {
    if (message.method !== "tools/call" || server.countRequests("tools/call") > 1) return false;
    request.socket.destroy();
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  const host = new URL(server.url).host;
  assert.equal(
    await expectFailure(fixture.call("echo")),
    'Server "files" is not available: its connection ended. ' +
      `${host} closed the connection without an answer.`,
  );
  assert.equal(server.countRequests("tools/call"), 1);
  assert.equal(fixture.server.status().state, "broken");
  assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
  assert.equal(server.countRequests("initialize"), 2);
});

for (const [tool, hint] of [["read", "readOnlyHint"], ["put", "idempotentHint"]] as const) {
  Deno.test(`[remote.cut-off] a call without an answer is sent again once with ${hint}`, async () => {
    let remainingCuts = 1;
    await using server = await FakeHttpServer.start(({ message }, _response, request) => {
      if (message.method !== "tools/call" || remainingCuts-- <= 0) return false;
      request.socket.destroy();
      return true;
    });
    await using fixture = createRemoteFixture(server.url);
    assert.match(readResultJson(await fixture.call(tool)), new RegExp(`called ${tool}`));
    assert.equal(server.countRequests("tools/call"), 2);
    remainingCuts = 5;
    await expectFailure(fixture.call(tool));
    assert.equal(server.countRequests("tools/call"), 4);
  });
}

/** Whether the text is a complete HTTP request. */
function isCompleteRequest(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  if (/^transfer-encoding: chunked/im.test(text)) return text.endsWith("\r\n0\r\n\r\n");
  const [, length = "0"] = /^content-length: (\d+)/im.exec(text) ?? [];
  return text.length >= head + 4 + Number(length);
}

/**
 * Starts a server that answers the requests of a connection until it receives a call, and then closes the
 * connection without an answer.
 */
function startClosingServer(): {
  port: number;
  /** Number of calls that were received. */
  callCount: () => number;
  /** Number of received calls that arrived on a connection with earlier requests. */
  reusedCount: () => number;
  close(): void;
} {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let [callCount, reusedCount] = [0, 0];
  const serve = async (conn: Deno.Conn): Promise<void> => {
    const buffer = new Uint8Array(65536);
    let text = "";
    let answeredRequests = 0;
    try {
      for (;;) {
        const size = await conn.read(buffer);
        if (size === null) break;
        text += new TextDecoder().decode(buffer.subarray(0, size));
        if (!isCompleteRequest(text)) continue;
        const [, id] = /"id":(\d+)/.exec(text) ?? [];
        const [, method = ""] = /"method":"([^"]+)"/.exec(text) ?? [];
        text = "";
        if (method === "tools/call") {
          callCount++;
          if (answeredRequests > 0) reusedCount++;
          break;
        }
        answeredRequests++;
        const result = method === "initialize"
          ? { protocolVersion: "2025-11-25", capabilities: {} }
          : { tools: [{ name: "echo", inputSchema: { type: "object" } }] };
        const body = id === undefined
          ? ""
          : JSON.stringify({ jsonrpc: "2.0", id: Number(id), result });
        const status = method === "" ? "405 No" : id === undefined ? "202 Yes" : "200 OK";
        const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n` +
          `mcp-session-id: one\r\ncontent-length: ${body.length}\r\n\r\n`;
        await conn.write(new TextEncoder().encode(head + body));
      }
    } catch {
      // The client has closed the connection first.
    } finally {
      conn.close();
    }
  };
  (async () => {
    for await (const conn of listener) void serve(conn);
  })();
  const { port } = listener.addr as Deno.NetAddr;
  return {
    port,
    callCount: () => callCount,
    reusedCount: () => reusedCount,
    close: () => listener.close(),
  };
}

Deno.test("[remote.cut-off] Deno does not repeat a call on a reused connection", async () => {
  const server = startClosingServer();
  {
    await using fixture = createRemoteFixture(`http://127.0.0.1:${server.port}/mcp`);
    // Deno never repeats a request on a new connection, so the test needs a reused connection.
    for (let calls = 1; server.reusedCount() === 0 && calls < 50; calls++) {
      await fixture.listTools();
      await expectFailure(fixture.call("echo"));
      assert.equal(server.callCount(), calls);
    }
    assert.equal(server.reusedCount(), 1);
  }
  server.close();
});

Deno.test("[remote.cut-off] for a server that requires Content-Length, initialize is repeated with it, and a call is sent once", async () => {
  await using server = await FakeHttpServer.start(({ method, headers }, response) => {
    if (method !== "POST" || headers["content-length"] !== undefined) return false;
    response.writeHead(411).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
  assert.equal(server.countRequests("initialize"), 2);
  assert.equal(server.countRequests("tools/call"), 1);
});
