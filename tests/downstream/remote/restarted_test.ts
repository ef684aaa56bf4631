import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { DownstreamError } from "../../../src/errors.ts";
import { readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import {
  answerText,
  FakeHttpServer,
  type Message,
  sendJson,
  sendStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

/** Answers a message of a session that the server does not know. */
type Refusal = (response: ServerResponse, message: Message) => void;

/** Refuses with a JSON-RPC error. */
function refuseWithError(status: number, message: string, code = -32000): Refusal {
  return (response) => {
    sendJson(response, { jsonrpc: "2.0", id: null, error: { code, message } }, status);
  };
}

/** Refuses with a body. */
function refuseWithBody(status: number, type: string, text: string): Refusal {
  return (response) => {
    response.writeHead(status, type === "" ? {} : { "content-type": type }).end(text);
  };
}

/** Refusals of calls on forgotten sessions; a call is `sent again` if its refusal shows that it did not run. */
const REFUSALS: Readonly<Record<string, readonly [Refusal, "sent again" | "failed"]>> = {
  "400 Server not initialized (TypeScript SDK)": [
    refuseWithError(400, "Bad Request: Server not initialized"),
    "sent again",
  ],
  "400 Mcp-Session-Id header is required (TypeScript SDK)": [
    refuseWithError(400, "Bad Request: Mcp-Session-Id header is required"),
    "sent again",
  ],
  "400 No valid session ID (examples of the SDK)": [
    refuseWithError(400, "Bad Request: No valid session ID provided"),
    "sent again",
  ],
  "400 Missing session ID (Python SDK)": [
    refuseWithError(400, "Bad Request: Missing session ID", -32600),
    "sent again",
  ],
  "400 Invalid session ID": [refuseWithError(400, "Invalid session ID"), "sent again"],
  "400 Invalid or expired session ID": [
    refuseWithError(400, "Invalid or expired session ID"),
    "sent again",
  ],
  "400 Unknown session": [refuseWithError(400, "Unknown session"), "sent again"],
  "400 No active session": [refuseWithError(400, "No active session"), "sent again"],
  "400 Session ID does not exist": [
    refuseWithError(400, "Session ID abc does not exist"),
    "sent again",
  ],
  "400 with a JSON error": [
    refuseWithBody(400, "application/json", '{"error":"Session not found"}'),
    "sent again",
  ],
  "400 with a JSON message": [
    refuseWithBody(400, "application/json", '{"message":"Session not found"}'),
    "sent again",
  ],
  "400 as text": [refuseWithBody(400, "text/plain", "Session not found"), "sent again"],
  "400 as a page": [refuseWithBody(400, "text/html", "<h1>Bad Request</h1>"), "sent again"],
  "400 with nothing": [refuseWithBody(400, "", ""), "sent again"],
  "404 as JSON-RPC": [refuseWithError(404, "Session not found", -32001), "sent again"],
  "404 as a page": [refuseWithBody(404, "text/html", "<h1>Not Found</h1>"), "sent again"],
  "404 with nothing": [refuseWithBody(404, "", ""), "sent again"],
  "410": [refuseWithBody(410, "text/plain", "Gone"), "sent again"],
  "409": [refuseWithBody(409, "application/json", '{"detail":"no session"}'), "failed"],
  "422": [refuseWithBody(422, "application/json", '{"detail":"session"}'), "failed"],
  "500 Session not found": [refuseWithError(500, "Session not found"), "failed"],
  "500 as text": [refuseWithBody(500, "text/plain", "Internal Server Error"), "failed"],
  "502 of a load balancer": [refuseWithBody(502, "text/html", "<h1>Oh</h1>"), "failed"],
  "200 with -32600": [
    (response, { id }) => {
      const error = { code: -32600, message: "Invalid Request" };
      sendJson(response, { jsonrpc: "2.0", id, error });
    },
    "failed",
  ],
  "200 with -32600 that names no request": [
    refuseWithError(200, "Invalid Request", -32600),
    "failed",
  ],
  "200 with -32000 No session": [
    (response, { id }) => {
      sendJson(response, { jsonrpc: "2.0", id, error: { code: -32000, message: "No session" } });
    },
    "failed",
  ],
  "an event with -32000": [
    (response, { id }) => {
      const error = { code: -32000, message: "Session expired" };
      sendStream(response, JSON.stringify({ jsonrpc: "2.0", id, error }));
    },
    "failed",
  ],
  "an empty stream of events": [(response) => void sendStream(response), "failed"],
  "202 without an answer": [refuseWithBody(202, "", ""), "failed"],
  "a connection that closes": [(response) => void response.socket?.destroy(), "failed"],
};

const ECHO_RESULT = '{"content":[{"type":"text","text":"called echo"}]}';

for (const [refusal, [refuse, outcome]] of Object.entries(REFUSALS)) {
  Deno.test(`[remote.restarted] ${refusal}: 16 calls share one new session, and none runs twice`, async () => {
    let isForgotten = false;
    await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
      const session = headers["mcp-session-id"];
      if (!isForgotten || method !== "POST" || session !== "session-1") return false;
      refuse(response, message);
      return true;
    });
    await using fixture = createRemoteFixture(server.url);
    await fixture.call("echo");
    isForgotten = true;
    const settled = await Promise.allSettled(
      Array.from({ length: 16 }, (_, index) => fixture.call("echo", { args: `{"call":${index}}` })),
    );
    const listSessionsOfCall = (index: number): (string | undefined)[] => {
      return server.requests.filter(({ message }) => {
        const { call } = (message.params?.arguments ?? {}) as { call?: number };
        return call === index;
      }).map(({ headers }) => headers["mcp-session-id"]);
    };
    for (const [index, call] of settled.entries()) {
      if (outcome === "sent again") {
        assert.deepEqual(listSessionsOfCall(index), ["session-1", "session-2"]);
        assert.ok(call.status === "fulfilled", call.status === "rejected" ? call.reason : "");
        assert.equal(readResultJson(call.value), ECHO_RESULT);
      } else {
        // The call may have run.
        assert.deepEqual(listSessionsOfCall(index), ["session-1"]);
        assert.ok(call.status === "rejected" && call.reason instanceof DownstreamError);
        assert.equal(call.reason.code, "SERVER_UNAVAILABLE");
      }
    }
    assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
    assert.equal(server.countRequests("initialize"), 2);
    assert.ok(server.countRequests("ping") <= 3, `${server.countRequests("ping")} pings`);
    assert.equal(fixture.server.status().sessions, 1);
  });
}

Deno.test("[remote.restarted] the error of a refused call says that the call may have been carried out", async () => {
  let isForgotten = false;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    if (!isForgotten || method !== "POST" || headers["mcp-session-id"] !== "session-1") {
      return false;
    }
    refuseWithError(500, "Session not found")(response, message);
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  isForgotten = true;
  await assert.rejects(fixture.call("echo"), {
    message:
      `Server "files" is not available: ${new URL(server.url).host} answered with HTTP 500: ` +
      '"Session not found". The server no longer knew the session; a new one is open. This call may ' +
      "have been carried out, so it was not sent again: find out before you repeat it.",
  });
});

for (const tool of ["read", "put"]) {
  Deno.test(`[remote.restarted] a refused call of the idempotent tool ${tool} is sent again on a new session`, async () => {
    let isForgotten = false;
    await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
      const session = headers["mcp-session-id"];
      if (!isForgotten || method !== "POST" || session !== "session-1") return false;
      refuseWithError(500, "Session not found")(response, message);
      return true;
    });
    await using fixture = createRemoteFixture(server.url);
    await fixture.listTools();
    isForgotten = true;
    assert.match(readResultJson(await fixture.call(tool)), new RegExp(`called ${tool}`));
    assert.equal(server.countRequests("initialize"), 2);
  });
}

Deno.test("[remote.restarted] a request for the tool list that is refused with an error is sent again on a new session", async () => {
  let isForgotten = false;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    if (!isForgotten || method !== "POST" || headers["mcp-session-id"] !== "session-1") {
      return false;
    }
    sendJson(response, {
      jsonrpc: "2.0",
      id: message.id,
      error: { code: -32600, message: "Session not found" },
    });
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  isForgotten = true;
  // The tool is unknown, so the list is requested again.
  assert.equal((await fixture.call("nothing")).kind, "no-such-tool");
  assert.equal(server.countRequests("initialize"), 2);
});

Deno.test("[remote.restarted] a server that fails only calls keeps its session", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "tools/call") return false;
    refuseWithError(500, "session store is full")(response, message);
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  for (let call = 0; call < 3; call++) {
    await assert.rejects(fixture.call("echo"), /HTTP 500: "session store is full"\.$/);
  }
  assert.equal(server.countRequests("initialize"), 1);
  assert.equal(server.countRequests("tools/call"), 3);
});

Deno.test("[remote.restarted] a tool's own error about a session arrives unchanged", async () => {
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "tools/call") return false;
    const error = { code: -32000, message: "There is no browser session", data: { tab: 1 } };
    return sendJson(response, { jsonrpc: "2.0", id: message.id, error });
  });
  await using fixture = createRemoteFixture(server.url);
  const answer = await fixture.call("echo");
  assert.ok(answer.kind === "replied" && !answer.reply.ok);
  assert.equal(answer.reply.error.message, "There is no browser session");
  assert.equal(server.countRequests("initialize"), 1);
});

Deno.test("[remote.restarted] a forgotten session is found by listing tools if the server refuses every ping", async () => {
  let isForgotten = false;
  await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
    if (message.method === "ping") return sendJson(response, { error: "no pings" }, 400);
    if (!isForgotten || method !== "POST" || headers["mcp-session-id"] !== "session-1") {
      return false;
    }
    return sendJson(response, { error: "unknown session" }, 400);
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  isForgotten = true;
  assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
  assert.equal(server.countRequests("initialize"), 2);
});

Deno.test("[remote.restarted] while no new session can be opened, the old one is kept", async () => {
  let isDown = false;
  await using server = await FakeHttpServer.start((_, response) => {
    return isDown ? (response.writeHead(502).end(), true) : false;
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  isDown = true;
  await assert.rejects(fixture.call("echo"), /HTTP 502; the server behind it seems to be down\.$/);
  isDown = false;
  assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
  const lastRequest = server.requests.at(-1);
  assert.equal(lastRequest?.headers["mcp-session-id"], "session-1");
});

for (const isolation of ["shared", "session", "agent", "call"] as const) {
  Deno.test(`[remote.restarted] with isolation ${isolation}, each session is replaced separately`, async () => {
    const forgotten = new Set<string>();
    await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
      if (method !== "POST" || !forgotten.has(headers["mcp-session-id"] ?? "")) return false;
      refuseWithError(400, "Bad Request: Server not initialized")(response, message);
      return true;
    });
    await using fixture = createRemoteFixture(server.url, { options: { isolation } });
    const callers = ["one", "other"].map((agent) => fixture.client.asAgent(agent));
    for (const caller of callers) await fixture.call("echo", { caller });
    const sessionCount = server.countRequests("initialize");
    for (const session of server.sessionIds) forgotten.add(session);
    const calls = [...callers, ...callers].map((caller) => fixture.call("echo", { caller }));
    for (const call of calls) assert.equal(readResultJson(await call), ECHO_RESULT);
    const expected = { shared: 2, session: 2, agent: 4, call: sessionCount + 4 }[isolation];
    assert.equal(server.countRequests("initialize"), expected);
    if (isolation !== "call") assert.equal(fixture.server.status().sessions, sessionCount);
  });
}

for (const status of [400, 404, 500]) {
  Deno.test(`[remote.restarted] SSE: a session is replaced if its endpoint answers ${status} while its stream is open`, async () => {
    let streamCount = 0;
    const streams = new Map<string, ServerResponse>();
    await using server = await FakeHttpServer.start(({ method, path, message }, response) => {
      if (method === "GET") {
        const id = `/messages?session=${++streamCount}`;
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(`event: endpoint\ndata: ${id}\n\n`);
        streams.set(id, response);
        return true;
      }
      const stream = streams.get(path);
      if (stream === undefined) return (response.writeHead(status).end("no session"), true);
      response.writeHead(202).end();
      if (message.id === undefined) return true;
      const result = message.method === "initialize"
        ? { protocolVersion: "2024-11-05", capabilities: {} }
        : message.method === "tools/list"
        ? { tools: [{ name: "echo" }] }
        : JSON.parse(ECHO_RESULT);
      stream.write(`data: ${answerText(message, result)}\n\n`);
      return true;
    });
    await using fixture = createRemoteFixture(server.url, { kind: "sse" });
    await fixture.call("echo");
    streams.clear();
    const settled = await Promise.allSettled([fixture.call("echo"), fixture.call("echo")]);
    const isSentAgain = status !== 500;
    for (const { status: outcome } of settled) {
      assert.equal(outcome, isSentAgain ? "fulfilled" : "rejected");
    }
    assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
    assert.equal(streamCount, 2);
  });
}

for (const reaction of ["ignores", "refuses"]) {
  Deno.test(`[remote.restarted] after a call without an answer, a session is replaced if the server ${reaction} a ping`, async () => {
    let isForgotten = false;
    await using server = await FakeHttpServer.start(({ method, headers, message }, response) => {
      if (!isForgotten || method !== "POST" || headers["mcp-session-id"] !== "session-1") {
        return false;
      }
      if (reaction === "refuses" && message.method === "ping") {
        refuseWithError(400, "No session")(response, message);
      }
      return true;
    });
    await using fixture = createRemoteFixture(server.url, {
      options: { callTimeoutMs: 100 },
      pingMs: 100,
    });
    await fixture.listTools();
    isForgotten = true;
    await assert.rejects(fixture.call("echo"), { code: "TIMEOUT" });
    await waitUntil("the session is closed", () => fixture.server.status().sessions === 0);
    assert.equal(readResultJson(await fixture.call("echo")), ECHO_RESULT);
    assert.equal(server.countRequests("initialize"), 2);
    assert.equal(server.countRequests("tools/call"), 2);
  });
}
