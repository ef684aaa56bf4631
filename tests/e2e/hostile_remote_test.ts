import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { FakeHttpServer, sendJson, startStream } from "../downstream/remote/fake_http_server.ts";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { waitUntil, withTimeout } from "./wait.ts";

/** Maximum number of POSTs at a time, other than those of requests. */
const MAX_POSTS = 16;

/** Counts POSTs of messages for which no caller of the gateway waits. */
class Posts {
  /** Number of POSTs so far. */
  count = 0;
  /** Largest number of POSTs that were open at a time. */
  maxOpenCount = 0;
  #openCount = 0;

  /** Number of POSTs that are open. */
  get openCount(): number {
    return this.#openCount;
  }

  add(response: ServerResponse): void {
    this.count++;
    this.maxOpenCount = Math.max(this.maxOpenCount, ++this.#openCount);
    response.on("close", () => this.#openCount--);
  }
}

/** Answers a call with an event stream that begins with pings. */
function sendPings(response: ServerResponse, count: number): true {
  startStream(response);
  for (let id = 0; id < count; id++) {
    response.write(`data: {"jsonrpc":"2.0","id":${id},"method":"ping"}\n\n`);
  }
  return true;
}

Deno.test("[memory.unsent] the session of a remote server that leaves the answers to its pings without a response ends after 16 POSTs, and another server's calls are answered", async () => {
  const posts = new Posts();
  await using server = await FakeHttpServer.start(({ method, message }, response) => {
    if (message.method === "tools/call") return sendPings(response, 40_000);
    if (method !== "POST" || message.method !== undefined) return false;
    posts.add(response);
    return true;
  });
  await using gateway = await startGateway({
    servers: { remote: { url: server.url }, odd: misbehavingServer() },
    env: { GATEWAY_MAX_HELD: "64" },
  });
  const refusal = gateway.expectRefusal("execute_tool", { server: "remote", tool: "echo" });
  assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
  const { code, message } = await withTimeout("the session ends", refusal);
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.match(message, /It does not take the messages that are sent to it\./);
  assert.deepEqual([posts.count, posts.maxOpenCount], [MAX_POSTS, MAX_POSTS]);
  assert.equal(await gateway.callServerToolForText("odd", "count"), "2");
  await waitUntil("the POSTs have ended", () => posts.openCount === 0);
});

Deno.test("[memory.unsent] a remote server receives the answers to 2000 pings in at most 16 POSTs at a time", async () => {
  const posts = new Posts();
  await using server = await FakeHttpServer.start(({ method, message }, response) => {
    if (message.method === "tools/call") {
      void waitUntil("all pings are answered", () => posts.count === 2000).then(() => {
        const result = { content: [{ type: "text", text: "done" }] };
        response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n\n`);
      });
      return sendPings(response, 2000);
    }
    if (method !== "POST" || message.method !== undefined) return false;
    posts.add(response);
    response.writeHead(202).end();
    return true;
  });
  await using gateway = await startGateway({ servers: { remote: { url: server.url } } });
  assert.equal(await gateway.callServerToolForText("remote", "echo"), "done");
  assert.ok(posts.maxOpenCount <= MAX_POSTS, String(posts.maxOpenCount));
});

Deno.test("[memory.unsent] a remote server that answers neither calls nor their cancellations has at most 16 POSTs for cancellations at a time, each up to the connect timeout", async () => {
  const posts = new Posts();
  const cancelled = { calls: 0, tasks: 0 };
  const execution = { taskSupport: "required" };
  const tools = [
    { name: "call", inputSchema: { type: "object" } },
    { name: "task", inputSchema: { type: "object" }, execution },
  ];
  await using server = await FakeHttpServer.start(({ message }, response) => {
    const { id, method, params } = message;
    const answer = (result: unknown) => sendJson(response, { jsonrpc: "2.0", id, result });
    switch (method) {
      case "initialize":
        return answer({
          protocolVersion: params?.protocolVersion,
          capabilities: { tools: {}, tasks: { requests: { tools: { call: {} } } } },
          serverInfo: { name: "silent", version: "1" },
        });
      case "notifications/initialized":
        response.writeHead(202).end();
        return true;
      case "tools/list":
        return answer({ tools });
      case "ping":
        return answer({});
      case "tools/call":
        return params?.name === "call" || answer({ task: { taskId: `t${id}`, status: "working" } });
      case "notifications/cancelled":
      case "tasks/cancel":
        cancelled[method === "tasks/cancel" ? "tasks" : "calls"]++;
        posts.add(response);
    }
    return method !== undefined;
  });
  await using gateway = await startGateway({
    servers: { remote: { url: server.url, gateway: { connect_timeout_ms: 1000 } } },
  });
  // A call has to reach the server before it times out, or there is nothing to cancel.
  await gateway.callGatewayToolForJson("get_server_tools", { server: "remote" });
  for (const tool of ["call", "task"]) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const call = { server: "remote", tool, args: {}, timeout_ms: 2000 };
      assert.equal((await gateway.expectRefusal("execute_tool", call)).code, "TIMEOUT");
    }));
  }
  await waitUntil("all cancellations are sent", () => {
    return cancelled.calls >= 40 && cancelled.tasks === 20;
  });
  // The server sees the end of POSTs later than the first of those that follow.
  assert.ok(posts.maxOpenCount <= 2 * MAX_POSTS, String(posts.maxOpenCount));
  await waitUntil("the POSTs have ended", () => posts.openCount === 0);
});

Deno.test("[memory.unsent] the POSTs of calls that a remote server answers on its other stream end after the connect timeout", async () => {
  const posts = new Posts();
  let stream: ServerResponse | undefined;
  await using server = await FakeHttpServer.start(({ method, message }, response) => {
    if (method === "GET") {
      stream = response;
      startStream(response);
      response.flushHeaders();
      return true;
    }
    if (message.method !== "tools/call") return false;
    posts.add(response);
    const result = { content: [{ type: "text", text: "done" }] };
    const answer = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
    void waitUntil("the stream is open", () => stream !== undefined).then(() => {
      stream?.write(`data: ${answer}\n\n`);
    });
    return true;
  });
  await using gateway = await startGateway({
    servers: { remote: { url: server.url, gateway: { connect_timeout_ms: 1000 } } },
  });
  const call = () => gateway.callServerToolForText("remote", "echo");
  await Promise.all(Array.from({ length: 20 }, call));
  assert.equal(posts.openCount, 20);
  await waitUntil(
    "only the POSTs of later calls are open",
    async () => {
      const { openCount } = posts;
      await call();
      return openCount < 20;
    },
    10_000,
    200,
  );
});
