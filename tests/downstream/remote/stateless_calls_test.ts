import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import { CallerError } from "../../../src/errors.ts";
import { expectFailure, readOutcome, readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import {
  FakeHttpServer,
  type RequestHandler,
  sendJson,
  sendStream,
  startStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";
import { actAsStatelessServer, type Results, STATELESS_TOOLS } from "./stateless_server.ts";

const AUTO = { options: { protocol: "auto" } } as const;

/** Handles tool calls first; all else is answered as usual. */
function handleCalls(handleCall: RequestHandler, results: Results = {}): RequestHandler {
  const answer = actAsStatelessServer(results);
  return (received, response, request) => {
    if (received.message.method !== "tools/call") return answer(received, response, request);
    return handleCall(received, response, request) === true ||
      answer(received, response, request);
  };
}

function methodsOf(server: FakeHttpServer): (string | undefined)[] {
  return server.requests.map(({ message }) => message.method);
}

Deno.test("[remote.stateless] a session consists of single requests, each with its method and the name of its item", async () => {
  await using server = await FakeHttpServer.start(actAsStatelessServer({
    "server/discover": {
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {}, resources: {}, prompts: {} },
    },
    "tools/list": { tools: [{ name: "größe", inputSchema: { type: "object" } }] },
    "resources/read": { contents: [] },
    "prompts/get": { messages: [] },
  }));
  {
    await using fixture = createRemoteFixture(server.url, AUTO);
    assert.match(readResultJson(await fixture.call("größe")), /called größe/);
    await fixture.request({ kind: "resource", uri: "file:///a%20b" });
    await fixture.request({ kind: "prompt", name: " padded" });
    assert.deepEqual(fixture.log, []);
  }
  assert.deepEqual(
    server.requests.map(({ method, headers }) => {
      return [method, headers["mcp-method"], headers["mcp-name"]];
    }),
    [
      ["POST", "server/discover", undefined],
      ["POST", "tools/list", undefined],
      ["POST", "tools/call", "=?base64?Z3LDtsOfZQ==?="],
      ["POST", "resources/read", "file:///a%20b"],
      ["POST", "prompts/get", "=?base64?IHBhZGRlZA==?="],
    ],
  );
  for (const { headers, message } of server.requests) {
    assert.equal(headers["mcp-protocol-version"], "2026-07-28");
    assert.equal(headers["mcp-session-id"], undefined);
    const { _meta: meta } = message.params as { _meta: Record<string, unknown> };
    assert.equal(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
  }
});

Deno.test("[remote.stateless-arguments] an argument is sent as the header that its tool names", async () => {
  await using server = await FakeHttpServer.start(actAsStatelessServer());
  await using fixture = createRemoteFixture(server.url, AUTO);
  for (const region of ["us-west1", "Köln\r\nx-evil: 1", null]) {
    readResultJson(await fixture.call("query", { args: JSON.stringify({ region }) }));
  }
  readResultJson(await fixture.call("query", { args: "{}" }));
  const calls = server.requests.filter(({ message }) => message.method === "tools/call");
  assert.deepEqual(calls.map(({ headers }) => headers["mcp-param-region"]), [
    "us-west1",
    "=?base64?S8O2bG4NCngtZXZpbDogMQ==?=",
    undefined,
    undefined,
  ]);
  assert.ok(calls.every(({ headers }) => headers["x-evil"] === undefined));
});

Deno.test("[remote.stateless-arguments] a tool that names no valid header is left out with a warning, and harms no other", async () => {
  const tools = [
    ...STATELESS_TOOLS,
    {
      name: "broken",
      inputSchema: { properties: { score: { type: "number", "x-mcp-header": "Score" } } },
    },
  ];
  await using server = await FakeHttpServer.start(
    actAsStatelessServer({ "tools/list": { tools } }),
  );
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.equal((await fixture.call("broken")).kind, "no-such-tool");
  assert.match(readResultJson(await fixture.call("query")), /called query/);
  const warnings = fixture.log.filter((line) => line.includes("left out"));
  assert.equal(warnings.length, 1, fixture.log.join("\n"));
  assert.match(warnings[0] ?? "", /tools\[3\] has the "x-mcp-header" "Score" of an argument/);
  assert.match(warnings[0] ?? "", /broken/);
});

Deno.test("[remote.stateless-arguments] an argument that a header cannot have is refused before anything is sent or recorded", async () => {
  const tools = [{
    name: "count",
    inputSchema: { properties: { n: { type: "integer", "x-mcp-header": "N" } } },
  }];
  await using server = await FakeHttpServer.start(
    actAsStatelessServer({ "tools/list": { tools } }),
  );
  await using fixture = createRemoteFixture(server.url, AUTO);
  let recordedCount = 0;
  const beforeSend = () => void recordedCount++;
  await assert.rejects(
    fixture.call("count", { args: '{"n":9007199254740993}', beforeSend }),
    (error) => error instanceof CallerError && error.code === "INVALID_ARGUMENTS",
  );
  assert.equal(recordedCount, 0);
  assert.equal(server.countRequests("tools/call"), 0);
  assert.equal(fixture.server.status().last_error, null);
});

/** A server that has changed the name of a header since its tools were listed. */
function renameHeader(name: string, isMoved: () => boolean): RequestHandler {
  const renamed = {
    name: "query",
    inputSchema: { properties: { region: { type: "string", "x-mcp-header": name } } },
  };
  const before = actAsStatelessServer();
  const after = handleCalls(({ headers, message: { id } }, response) => {
    if (headers["mcp-param-zone"] === "eu") return false;
    const error = { code: -32020, message: "Header mismatch: Mcp-Param-Zone is missing" };
    return sendJson(response, { jsonrpc: "2.0", id, error }, 400);
  }, { "tools/list": { tools: [renamed] } });
  return (...args) => isMoved() ? after(...args) : before(...args);
}

Deno.test("[remote.stateless-renewed] a call whose headers are refused is made once more with those of a new list", async () => {
  let isMoved = false;
  await using server = await FakeHttpServer.start(renameHeader("Zone", () => isMoved));
  await using fixture = createRemoteFixture(server.url, AUTO);
  await fixture.listTools();
  isMoved = true;
  const sentTools: unknown[] = [];
  const beforeSend = (tool: { readonly definition: unknown }) =>
    void sentTools.push(tool.definition);
  const answer = await fixture.call("query", { args: '{"region":"eu"}', beforeSend });
  assert.match(readResultJson(answer), /called query/);
  assert.deepEqual(methodsOf(server).slice(-3), ["tools/call", "tools/list", "tools/call"]);
  // Each definition of the tool is checked before the call is sent.
  assert.equal(sentTools.length, 2);
  assert.deepEqual((sentTools[1] as { inputSchema: unknown }).inputSchema, {
    properties: { region: { type: "string", "x-mcp-header": "Zone" } },
  });
  // The next call needs no new list.
  await fixture.call("query", { args: '{"region":"eu"}' });
  assert.deepEqual(methodsOf(server).slice(-2), ["tools/call", "tools/call"]);
});

Deno.test("[remote.stateless-renewed] a call whose headers are refused again fails, after two requests", async () => {
  let isMoved = false;
  await using server = await FakeHttpServer.start(renameHeader("Other", () => isMoved));
  await using fixture = createRemoteFixture(server.url, AUTO);
  await fixture.listTools();
  isMoved = true;
  const answer = await fixture.call("query", { args: '{"region":"eu"}' });
  assert.equal(answer.kind === "replied" && !answer.reply.ok && answer.reply.error.code, -32020);
  assert.equal(server.countRequests("tools/call"), 2);
});

Deno.test("[remote.stateless-renewed] a call is not made again if its tool may no longer be called, or has gone", async () => {
  for (const name of ["Zone", undefined]) {
    let isMoved = false;
    const handler = name === undefined
      ? handleCalls(({ message: { id } }, response) => {
        const error = { code: -32020, message: "Header mismatch" };
        return sendJson(response, { jsonrpc: "2.0", id, error }, 400);
      }, { "tools/list": { tools: [] } })
      : renameHeader(name, () => true);
    await using server = await FakeHttpServer.start((...args) => {
      return isMoved ? handler(...args) : actAsStatelessServer()(...args);
    });
    await using fixture = createRemoteFixture(server.url, AUTO);
    await fixture.listTools();
    isMoved = true;
    let checkCount = 0;
    const call = fixture.call("query", {
      args: '{"region":"eu"}',
      beforeSend: () => {
        if (++checkCount === 2) throw new CallerError("DENIED_BY_POLICY", "not any more");
        return undefined;
      },
    });
    if (name !== undefined) await assert.rejects(call, /not any more/);
    else assert.equal((await call).kind, "replied");
    assert.equal(server.countRequests("tools/call"), 1);
  }
});

Deno.test("[remote.stateless-errors] a list that the server does not know is empty, and an error of a resource is passed on", async () => {
  const answer = actAsStatelessServer({
    "server/discover": {
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {}, resources: {} },
    },
    "resources/list": { resources: [{ uri: "test://a", name: "a" }] },
  });
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (received.message.method !== "resources/read") return answer(received, response, request);
    const { id } = received.message;
    const error = { code: -32602, message: "Resource not found", data: { uri: "test://b" } };
    return sendJson(response, { jsonrpc: "2.0", id, error });
  });
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.deepEqual((await fixture.list("resources")).items.map(({ name }) => name), ["test://a"]);
  assert.equal((await fixture.list("templates")).completeness, "empty");
  const { reply } = await fixture.request({ kind: "resource", uri: "test://b" });
  assert.deepEqual(!reply.ok && reply.error, {
    code: -32602,
    message: "Resource not found",
    data: { uri: "test://b" },
  });
  assert.equal(fixture.server.status().last_error, null);
});

Deno.test("[remote.stateless] progress and log messages of a call arrive on its own stream", async () => {
  await using server = await FakeHttpServer.start(handleCalls(({ message }, response) => {
    const { id, params } = message;
    const { progressToken } = params?._meta as { progressToken: unknown };
    const result = { resultType: "complete", content: [] };
    return sendStream(
      response,
      JSON.stringify({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken, progress: 1 },
      }),
      JSON.stringify({ jsonrpc: "2.0", id, result }),
    );
  }));
  await using fixture = createRemoteFixture(server.url, AUTO);
  const progress: unknown[] = [];
  const onProgress = (params: Readonly<Record<string, unknown>>) =>
    void progress.push(params.progress);
  assert.equal(readResultJson(await fixture.call("echo", { onProgress })), '{"content":[]}');
  assert.deepEqual(progress, [1]);
});

for (const how of ["cancelled", "timed out"] as const) {
  Deno.test(`[remote.stateless-cancel] a call that is ${how} ends with its connection, and the session goes on`, async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await FakeHttpServer.start(handleCalls(({ message }, response) => {
      if (message.params?.name !== "echo") return false;
      startStream(response, ": working", "");
      response.on("close", () => closed.resolve());
      return true;
    }));
    await using fixture = createRemoteFixture(server.url, AUTO);
    await fixture.listTools();
    const controller = new AbortController();
    const options = how === "cancelled" ? { signal: controller.signal } : { timeoutMs: 200 };
    const call = fixture.call("echo", options);
    call.catch(() => {});
    await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 1);
    controller.abort(new Error("enough"));
    if (how === "cancelled") await assert.rejects(call, /enough/);
    else await expectFailure(call, "TIMEOUT");
    await closed.promise;
    readResultJson(await fixture.call("read"));
    assert.equal(server.countRequests("notifications/cancelled"), 0);
    assert.equal(server.countRequests("ping"), 0);
    assert.equal(fixture.connections.length, 1);
  });
}

Deno.test("[remote.stateless-cut] a call that is cut off is sent again only if its tool changes nothing, and the session goes on", async () => {
  let remainingCuts = 1;
  await using server = await FakeHttpServer.start(handleCalls((_, response, request) => {
    if (remainingCuts-- <= 0) return false;
    startStream(response, ": working", "");
    setTimeout(() => request.socket.destroy(), 5);
    return true;
  }));
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.match(await expectFailure(fixture.call("echo")), /broke off its answer\.$/);
  assert.equal(server.countRequests("tools/call"), 1);
  assert.equal(fixture.server.status().state, "ready");
  remainingCuts = 1;
  assert.match(readResultJson(await fixture.call("read")), /called read/);
  assert.equal(server.countRequests("tools/call"), 3);
  assert.equal(server.countRequests("server/discover"), 1);
  assert.equal(fixture.server.status().restarts, 0);
});

Deno.test("[remote.stateless-cut] after a restart of the server, the next call succeeds, and others are not repeated", async () => {
  let server = await FakeHttpServer.start(actAsStatelessServer());
  const { url, port } = server;
  await using fixture = createRemoteFixture(url, AUTO);
  readResultJson(await fixture.call("echo"));
  await server[Symbol.asyncDispose]();
  assert.match(await expectFailure(fixture.call("echo")), /was refused/);
  server = await FakeHttpServer.start(actAsStatelessServer(), undefined, port);
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(server.countRequests("tools/call"), 1);
  assert.equal(server.countRequests("initialize"), 0);
  await server[Symbol.asyncDispose]();
});

Deno.test("[remote.stateless] redirects, cookies and requests to wait are followed, with the headers of the request", async () => {
  let isBusy = true;
  const answer = actAsStatelessServer();
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (received.path === "/mcp") {
      response.writeHead(307, { location: "/v2/mcp" }).end();
      return true;
    }
    if (received.message.method === "tools/call" && isBusy) {
      isBusy = false;
      response.writeHead(429, { "retry-after": "0" }).end();
      return true;
    }
    response.setHeader("set-cookie", "lb=replica-2; Path=/");
    return answer(received, response, request);
  });
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.match(readResultJson(await fixture.call("query", { args: '{"region":"eu"}' })), /called/);
  const calls = server.requests.filter(({ message, path }) => {
    return message.method === "tools/call" && path === "/v2/mcp";
  });
  assert.equal(calls.length, 2);
  for (const { headers } of calls) {
    assert.equal(headers["mcp-name"], "query");
    assert.equal(headers["mcp-param-region"], "eu");
    assert.equal(headers.cookie, "lb=replica-2");
  }
});

Deno.test("[remote.stateless] too long an answer, and one for which there is no memory, end only their call", async () => {
  await using server = await FakeHttpServer.start(
    handleCalls(({ message: { id, params } }, response) => {
      if (params?.name !== "echo") return false;
      const content = [{ type: "text", text: "x".repeat(200_000) }];
      return sendJson(response, {
        jsonrpc: "2.0",
        id,
        result: { resultType: "complete", content },
      });
    }),
  );
  {
    await using fixture = createRemoteFixture(server.url, { ...AUTO, maxBytes: 100_000 });
    assert.match(await expectFailure(fixture.call("echo")), /the gateway's limit for one message/);
    readResultJson(await fixture.call("read"));
  }
  const memory = new Budget(400_000);
  await using fixture = createRemoteFixture(server.url, { ...AUTO, memory });
  assert.match(await expectFailure(fixture.call("echo")), /its whole share of the memory/);
  readResultJson(await fixture.call("read"));
  assert.equal(fixture.connections.length, 1);
});

Deno.test("[remote.stateless] a request of a server is not answered, and its call goes on", async () => {
  await using server = await FakeHttpServer.start(handleCalls(({ message: { id } }, response) => {
    const requests = ["ping", "sampling/createMessage", "roots/list"].map((method, index) => {
      return JSON.stringify({ jsonrpc: "2.0", id: `r${index}`, method, params: {} });
    });
    const answer = { jsonrpc: "2.0", id, result: { resultType: "complete", content: [] } };
    return sendStream(response, ...requests, JSON.stringify(answer));
  }));
  await using fixture = createRemoteFixture(server.url, AUTO);
  assert.equal(readResultJson(await fixture.call("echo")), '{"content":[]}');
  readResultJson(await fixture.call("echo"));
  assert.deepEqual(methodsOf(server), [
    "server/discover",
    "tools/list",
    "tools/call",
    "tools/call",
  ]);
});

Deno.test("[remote.stateless] 100 calls at the same time are answered each with its own answer", async () => {
  await using server = await FakeHttpServer.start(
    handleCalls(({ message: { id, params } }, response) => {
      const { n } = params?.arguments as { n: number };
      const text = JSON.stringify({
        jsonrpc: "2.0",
        id,
        result: { resultType: "complete", content: [], structuredContent: { n } },
      });
      setTimeout(() => sendStream(response, text), (n * 7) % 50);
      return true;
    }),
  );
  await using fixture = createRemoteFixture(server.url, AUTO);
  const calls = Array.from({ length: 100 }, async (_, n) => {
    const answer = await fixture.call("echo", { args: JSON.stringify({ n }) });
    assert.equal(readResultJson(answer), `{"content":[],"structuredContent":{"n":${n}}}`);
  });
  await Promise.all(calls);
  assert.equal(server.countRequests("server/discover"), 1);
});

Deno.test("[remote.stateless] a resource is read as the server wrote it", async () => {
  const text = '{"resultType":"complete","contents":[{"uri":"test://a","text":"1e400"}],"n":1e400}';
  const answer = actAsStatelessServer();
  await using server = await FakeHttpServer.start((received, response, request) => {
    const { id, method } = received.message;
    if (method !== "resources/read") return answer(received, response, request);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"jsonrpc":"2.0","id":${id},"result":${text}}`);
    return true;
  });
  await using fixture = createRemoteFixture(server.url, AUTO);
  const outcome = await fixture.request({ kind: "resource", uri: "test://a" });
  assert.ok(outcome.reply.ok && outcome.reply.result.text.json.includes('"n":1e400'));
  assert.deepEqual((readOutcome(outcome) as { contents: unknown }).contents, [
    { uri: "test://a", text: "1e400" },
  ]);
});
