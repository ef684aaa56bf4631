import assert from "node:assert/strict";
import { readOutcome } from "../../contract/downstream_fixture.ts";
import type { Fields } from "../../contract/scripted_server.ts";
import { waitUntil } from "../../e2e/wait.ts";
import {
  type Answer,
  AnsweringServer,
  answerStateless,
  complete,
  type ServedMessage,
} from "./answering_server.ts";

const LISTEN = "subscriptions/listen";

const CHANGING = { tools: { listChanged: true }, resources: { subscribe: true } };

/** Confirms a request for notifications. */
function acknowledge(
  server: AnsweringServer,
  { id, params }: ServedMessage,
  honoured = params?.notifications,
): void {
  notify(server, id, "notifications/subscriptions/acknowledged", { notifications: honoured });
}

/** Sends a notification of a request for notifications. */
function notify(server: AnsweringServer, id: unknown, method: string, params: Fields = {}): void {
  const _meta = { "io.modelcontextprotocol/subscriptionId": id };
  server.send({ method, params: { ...params, _meta } });
}

/** Creates a server that confirms all requests for notifications. */
function createServer(capabilities: Fields = CHANGING): AnsweringServer {
  const server: AnsweringServer = new AnsweringServer((message): Answer => {
    if (message.method === LISTEN) acknowledge(server, message);
    return answerStateless(message, capabilities);
  });
  return server;
}

Deno.test("[servers.stateless-changes] a server that announces nothing is not listened to", async () => {
  const server = createServer({ tools: {}, resources: {} });
  await using fixture = server.fixture();
  await fixture.call("echo");
  assert.equal(server.methods.includes(LISTEN), false);
});

Deno.test("[servers.stateless-changes] a change of a list that is listened to is announced, and the list is requested again", async () => {
  const server = createServer();
  await using fixture = server.fixture();
  await fixture.call("echo");
  const listen = await server.waitFor(LISTEN);
  assert.deepEqual(listen.params?.notifications, { toolsListChanged: true });
  notify(server, listen.id, "notifications/tools/list_changed");
  const change = await fixture.listChanges.take();
  assert.deepEqual({ ...change, connectionId: undefined }, {
    kind: "tools",
    connectionId: undefined,
  });
  await fixture.call("echo");
  assert.equal(server.methods.filter((method) => method === "tools/list").length, 2);
});

Deno.test("[servers.stateless-changes] a request for notifications that ends is repeated, and everything counts as changed", async () => {
  const server = createServer();
  await using fixture = server.fixture();
  await fixture.call("echo");
  const first = await server.waitFor(LISTEN);
  server.send({ id: first.id, result: complete({}) });
  await server.waitFor(LISTEN);
  assert.equal((await fixture.listChanges.take()).kind, "tools");
  assert.equal(fixture.server.status().last_error, null);
});

Deno.test("[servers.stateless-changes] a server that cannot be listened to works, and is asked once", async () => {
  const server = new AnsweringServer((message) => {
    if (message.method !== LISTEN) return answerStateless(message, CHANGING);
    return { error: { code: -32601, message: "Method not found" } };
  });
  await using fixture = server.fixture();
  await fixture.call("echo");
  await fixture.call("echo");
  const { reply } = await fixture.subscribe("test://a");
  assert.equal(reply.ok ? undefined : reply.error.code, -32601);
  assert.equal(server.methods.filter((method) => method === LISTEN).length, 1);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[servers.stateless-changes] each change of the subscriptions is a new request, in place of the one before", async () => {
  const server = createServer();
  await using fixture = server.fixture();
  await fixture.call("echo");
  const first = await server.waitFor(LISTEN);
  assert.deepEqual(readOutcome(await fixture.subscribe("test://a")), {});
  const second = await server.waitFor(LISTEN);
  assert.deepEqual(second.params?.notifications, {
    toolsListChanged: true,
    resourceSubscriptions: ["test://a"],
  });
  const cancelled = await server.waitFor("notifications/cancelled");
  assert.equal(cancelled.params?.requestId, first.id);
  notify(server, second.id, "notifications/resources/updated", { uri: "test://a/part", odd: [1] });
  // The id of the subscription belongs to the connection to the server.
  assert.deepEqual(await fixture.updates.take(), {
    params: { uri: "test://a/part", odd: [1] },
    connectionIds: ["client-1"],
  });
  assert.deepEqual(readOutcome(await fixture.unsubscribe("test://a")), {});
  const third = await server.waitFor(LISTEN);
  assert.deepEqual(third.params?.notifications, { toolsListChanged: true });
});

Deno.test("[servers.stateless-changes] subscriptions at the same time share a request, and one that is not confirmed is an error", async () => {
  const server: AnsweringServer = new AnsweringServer((message): Answer => {
    const { resourceSubscriptions = [] } = (message.params?.notifications ?? {}) as {
      resourceSubscriptions?: string[];
    };
    if (message.method === LISTEN) {
      const honoured = resourceSubscriptions.filter((uri) => uri !== "test://unknown");
      acknowledge(server, message, { resourceSubscriptions: honoured });
    }
    return answerStateless(message, { resources: { subscribe: true } });
  });
  await using fixture = server.fixture();
  await fixture.call("echo");
  const outcomes = await Promise.all(
    ["test://a", "test://unknown", "test://b"].map((uri) => fixture.subscribe(uri)),
  );
  assert.deepEqual(outcomes.map(({ reply }) => reply.ok), [true, false, true]);
  assert.equal(server.methods.filter((method) => method === LISTEN).length, 1);
});

Deno.test("[servers.stateless-ttl] a list is requested again when the time has passed that its server gives it", async () => {
  let ttlMs = 3_600_000;
  const server = new AnsweringServer((message) => {
    const answer = answerStateless(message);
    if (message.method !== "tools/list" || typeof answer !== "object") return answer;
    return { result: { ...("result" in answer ? answer.result : {}), ttlMs } };
  });
  const listCount = () => server.methods.filter((method) => method === "tools/list").length;
  {
    await using fixture = server.fixture();
    await fixture.listTools();
    await fixture.listTools();
    assert.equal(listCount(), 1);
  }
  ttlMs = 0;
  await using fixture = server.fixture();
  await fixture.listTools();
  // Even a list that is outdated immediately serves for a second.
  await fixture.listTools();
  assert.equal(listCount(), 2);
  await waitUntil("the list is requested again", async () => {
    await fixture.listTools();
    return listCount() === 3;
  });
});
