import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { Authorization } from "../../../src/downstream/mod.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import {
  FakeHttpServer,
  type Message,
  type RequestHandler,
  sendJson,
  sendStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";
import { actAsStatelessServer } from "./stateless_server.ts";

const AUTO = { options: { protocol: "auto" } } as const;

/** Answers the probe of a server; all else is answered as a server of an earlier revision does. */
type ProbeAnswer = (response: ServerResponse, message: Message) => unknown;

function answerProbe(answer: ProbeAnswer): RequestHandler {
  return ({ message }, response) => {
    if (message.method !== "server/discover") return false;
    answer(response, message);
    return true;
  };
}

function status(code: number, body = ""): ProbeAnswer {
  return (response) => response.writeHead(code).end(body);
}

function error(
  code: number,
  { id = false, httpStatus = 400, data = undefined as unknown } = {},
): ProbeAnswer {
  return (response, message) => {
    const value = { code, message: "Mcp-Session-Id header is required", data };
    sendJson(response, { jsonrpc: "2.0", id: id ? message.id : null, error: value }, httpStatus);
  };
}

function text(body: string, type = "application/json"): ProbeAnswer {
  return (response) => response.writeHead(200, { "content-type": type }).end(body);
}

/** Answers to the probe by which a server shows that it may speak an earlier revision. */
const EARLIER: readonly (readonly [string, ProbeAnswer])[] = [
  ...[400, 403, 404, 405, 406, 415, 422, 500, 501].map((code) =>
    [`HTTP ${code} without a body`, status(code)] as const
  ),
  ["HTTP 400 with a text", status(400, "Bad Request: no valid session ID provided")],
  ["HTTP 404 with a web page", status(404, "<!doctype html><title>Not found</title>")],
  ...[-32000, -32001, -32600, -32601, -32602, -32603, -32700, -32020, -32021, -32022, -1].flatMap(
    (code) => [
      [`error ${code} with HTTP 400 and no id`, error(code)] as const,
      [`error ${code} with HTTP 200`, error(code, { id: true, httpStatus: 200 })] as const,
    ],
  ),
  ["error -32700 with HTTP 200 and no id", error(-32700, { httpStatus: 200 })],
  ["error -32601 with HTTP 404", error(-32601, { id: true, httpStatus: 404 })],
  ["error -32603 with HTTP 500", error(-32603, { id: true, httpStatus: 500 })],
  [
    "a revision that it does not speak in the error",
    error(-32022, { data: { supported: ["2025-11-25"] } }),
  ],
  ["an error on an event stream, without an id", (response) => {
    const refusal = { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } };
    sendStream(response, JSON.stringify(refusal));
  }],
  ["an event stream without an answer", (response) => sendStream(response)],
  [
    "a result without revisions",
    (response, { id }) => sendJson(response, { jsonrpc: "2.0", id, result: {} }),
  ],
  ["earlier revisions", (response, { id }) => {
    const result = { supportedVersions: ["2025-11-25"], capabilities: {} };
    sendJson(response, { jsonrpc: "2.0", id, result });
  }],
  ["HTTP 202", status(202)],
  ["HTTP 204", status(204)],
  ["an empty body", text("")],
  ["a web page", text("<!doctype html><title>Welcome</title>", "text/html")],
  ["something other than JSON", text("pong", "text/plain")],
  ["broken JSON", text('{"jsonrpc":"2.0","id":1,"result":{')],
  ["an answer with another id", text('{"jsonrpc":"2.0","id":"other","result":{}}')],
  ["a connection that it closes", (response) => response.socket?.destroy()],
  ["an answer that breaks off", (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"jsonrpc":"2.0",');
    setTimeout(() => response.socket?.destroy(), 5);
  }],
  ["too long an answer", text(`{"jsonrpc":"2.0","id":1,"result":"${"x".repeat(5000)}"}`)],
];

for (const [description, answer] of EARLIER) {
  Deno.test(`[remote.stateless-probe] a server that answers with ${description} is initialized`, async () => {
    await using server = await FakeHttpServer.start(answerProbe(answer));
    await using fixture = createRemoteFixture(server.url, {
      ...AUTO,
      kind: "auto",
      maxBytes: 4096,
    });
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    const methods = server.requests.map(({ method, message }) => message.method ?? method);
    assert.deepEqual(methods.filter((method) => method !== "GET"), [
      "server/discover",
      "initialize",
      "notifications/initialized",
      "tools/list",
      "tools/call",
    ]);
    const [, initialize] = server.requests;
    assert.equal(initialize?.headers["mcp-method"], undefined);
    assert.equal(initialize?.headers["mcp-protocol-version"], undefined);
    assert.equal(fixture.server.status().restarts, 0);
    assert.equal(fixture.server.status().last_error, null);
    // The next session is not preceded by a probe.
    assert.match(
      readResultJson(await fixture.call("echo", { caller: fixture.client.asAgent("other") })),
      /called echo/,
    );
    assert.equal(server.countRequests("server/discover"), 1);
  });
}

Deno.test("[remote.stateless-probe] a server that does not answer the probe is initialized after 2.5 s", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await FakeHttpServer.start(answerProbe((response) => {
    response.on("close", () => closed.resolve());
  }));
  await using fixture = createRemoteFixture(server.url, AUTO);
  const startedAt = performance.now();
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  const ms = performance.now() - startedAt;
  assert.ok(ms > 2400 && ms < 5000, String(ms));
  // The connection of the probe is not kept.
  await closed.promise;
  assert.equal(server.countRequests("notifications/cancelled"), 0);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[remote.stateless-probe] a server with little time for its start is initialized within that time", async () => {
  await using server = await FakeHttpServer.start(answerProbe(() => {}));
  const options = { ...AUTO.options, connectTimeoutMs: 2000 };
  await using fixture = createRemoteFixture(server.url, { options });
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
});

Deno.test("[remote.stateless-probe] an endless answer to the probe does not keep a server from being initialized", async () => {
  await using server = await FakeHttpServer.start(answerProbe((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const timer = setInterval(() => response.write(": still working\n\n"), 20);
    response.on("close", () => clearInterval(timer));
  }));
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
});

Deno.test("[remote.stateless-probe] failures that are no answer to the probe are reported, and the server is not initialized", async () => {
  for (const code of [401, 407, 408, 429, 502, 503, 504]) {
    await using server = await FakeHttpServer.start(answerProbe(status(code)));
    await using fixture = createRemoteFixture(server.url, AUTO);
    assert.match(
      await expectFailure(fixture.call("echo")),
      new RegExp(`answered with HTTP ${code}`),
    );
    assert.deepEqual(server.requests.map(({ message }) => message.method), ["server/discover"]);
  }
});

Deno.test("[remote.stateless-probe] a server that is not reached is reported", async () => {
  const server = await FakeHttpServer.start();
  const { url } = server;
  await server[Symbol.asyncDispose]();
  await using fixture = createRemoteFixture(url, AUTO);
  assert.match(await expectFailure(fixture.call("echo")), /was refused/);
});

Deno.test("[remote.stateless-probe] a busy server is probed again when it asks for that", async () => {
  let isBusy = true;
  const answer = actAsStatelessServer();
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (!isBusy) return answer(received, response, request);
    isBusy = false;
    response.writeHead(503, { "retry-after": "0" }).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(server.countRequests("server/discover"), 2);
  assert.equal(server.countRequests("initialize"), 0);
});

Deno.test("[remote.stateless-probe] after a login the server is probed again", async () => {
  for (const code of [401, 403]) {
    const answer = actAsStatelessServer();
    await using server = await FakeHttpServer.start((received, response, request) => {
      if (received.headers.authorization === "Bearer good") {
        return answer(received, response, request);
      }
      const challenge = 'Bearer error="insufficient_scope", scope="all"';
      response.writeHead(code, { "www-authenticate": challenge }).end();
      return true;
    });
    let token = "old";
    const authorization: Authorization = {
      getHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }),
      recover: () => {
        token = "good";
        return Promise.resolve();
      },
    };
    await using fixture = createRemoteFixture(server.url, { ...AUTO, authorization });
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("server/discover"), 2);
    assert.equal(server.countRequests("initialize"), 0);
    // The token expires.
    token = "old";
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("tools/call"), 3);
    assert.equal(server.countRequests("server/discover"), 2);
  }
});

Deno.test("[remote.stateless-probe] a server that refuses a revision it speaks is probed once more", async () => {
  let refusals = 1;
  const answer = actAsStatelessServer();
  const handler: RequestHandler = (received, response, request) => {
    if (received.message.method !== "server/discover" || refusals-- <= 0) {
      return answer(received, response, request);
    }
    const data = { supported: ["2026-07-28"], requested: "2026-07-28" };
    const { id } = received.message;
    return sendJson(
      response,
      { jsonrpc: "2.0", id, error: { code: -32022, message: "", data } },
      400,
    );
  };
  await using server = await FakeHttpServer.start(handler);
  {
    await using fixture = createRemoteFixture(server.url, AUTO);
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(server.countRequests("server/discover"), 2);
  }
  refusals = Infinity;
  await using fixture = createRemoteFixture(server.url, AUTO);
  await expectFailure(fixture.call("echo"));
  assert.ok(server.countRequests("server/discover") <= 6);
});

for (const code of [400, 404, 405]) {
  Deno.test(`[remote.stateless-probe] after ${code} to the probe and to initialize, SSE is tried`, async () => {
    let stream: ServerResponse | undefined;
    await using server = await FakeHttpServer.start(({ method, path, message }, response) => {
      if (method === "GET") {
        stream = response.writeHead(200, { "content-type": "text/event-stream" });
        stream.write("event: endpoint\ndata: /messages\n\n");
      } else if (path !== "/messages") response.writeHead(code).end();
      else {
        response.writeHead(202).end();
        const result = message.method === "initialize"
          ? { protocolVersion: "2024-11-05", capabilities: { tools: {} } }
          : message.method === "tools/list"
          ? { tools: [{ name: "echo" }] }
          : { content: [] };
        if (message.id === undefined) return true;
        stream?.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n\n`);
      }
      return true;
    });
    await using fixture = createRemoteFixture(server.url, { ...AUTO, kind: "auto" });
    assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
    assert.deepEqual(
      server.requests.slice(0, 4).map(({ method, message }) => message.method ?? method),
      ["server/discover", "initialize", "GET", "initialize"],
    );
  });
}

Deno.test("[remote.stateless-probe] a server whose entry names SSE, or the earlier revisions, is not probed", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url, { options: { protocol: "legacy" } });
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  await using sse = createRemoteFixture(server.url, { ...AUTO, kind: "sse" });
  await expectFailure(sse.call("echo"));
  assert.equal(server.countRequests("server/discover"), 0);
});

Deno.test("[remote.stateless-probe] a server whose entry requires the revision 2026-07-28 is not initialized", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url, { options: { protocol: "modern" } });
  assert.match(await expectFailure(fixture.call("echo")), /allows only revision 2026-07-28/);
  assert.equal(server.countRequests("initialize"), 0);
});

Deno.test("[remote.stateless-probe] a server that is replaced by one of an earlier revision, or by a later one, is opened anew", async () => {
  const stateless = actAsStatelessServer();
  let isStateless = true;
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (isStateless) return stateless(received, response, request);
    const { headers, message } = received;
    if (message.method === "initialize" || headers["mcp-session-id"] !== undefined) return false;
    const error = { code: -32000, message: "Bad Request: No valid session ID provided" };
    return sendJson(response, { jsonrpc: "2.0", id: null, error }, 400);
  });
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.match(readResultJson(await fixture.call("read")), /called read/);
  isStateless = false;
  // The call was refused, but whether it ran is not certain.
  assert.match(
    await expectFailure(fixture.call("echo")),
    /No valid session ID.*a new one is open/s,
  );
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(server.countRequests("initialize"), 1);
  isStateless = true;
  server.sessionIds.clear();
  await fixture.call("read").catch(() => {});
  assert.match(readResultJson(await fixture.call("read")), /called read/);
  assert.equal(server.requests.at(-1)?.headers["mcp-method"], "tools/call");
});
