import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { DownstreamError } from "../../../src/errors.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { SilentProxy } from "../../e2e/silent_proxy.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { SleepingClock } from "../../sleeping_clock.ts";
import {
  answerText,
  FakeHttpServer,
  type RequestHandler,
  startStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";
import { startOldSdkSse } from "./sdk_servers.ts";
import { actAsStatelessServer } from "./stateless_server.ts";

/** The answer of a server without sessions that announces changes of its tools. */
const DISCOVERED = {
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: { listChanged: true } },
};

const HOUR_MS = 3_600_000;

/** Maximum time of a call after a sleep, in milliseconds, on a busy machine. Without a check, it would take a minute. */
const MAX_MS = 12_000;

/** Returns the milliseconds that an action takes, and its result. */
async function time<T>(action: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = performance.now();
  const result = await action();
  return { ms: performance.now() - startedAt, result };
}

/** A handler that accepts the server's own stream of a session. */
function acceptStreams(
  streams: ServerResponse[],
  eventIds: (string | undefined)[],
): RequestHandler {
  return ({ method, headers }, response) => {
    if (method !== "GET") return false;
    eventIds.push(headers["last-event-id"]);
    startStream(response, ": open", "");
    streams.push(response);
    return true;
  };
}

for (const era of ["earlier", "stateless"]) {
  Deno.test(`[wake.first-call] a call after a sleep is sent once, on a new connection, although the ones before are dead: ${era}`, async () => {
    using clock = new SleepingClock();
    await using server = await FakeHttpServer.start(
      era === "stateless" ? actAsStatelessServer() : undefined,
    );
    await using proxy = new SilentProxy(server.url);
    await using fixture = createRemoteFixture(proxy.url, { options: { protocol: "auto" } });
    await fixture.call("echo");
    proxy.fallSilent();
    clock.sleep(HOUR_MS);
    const { ms, result } = await time(() => fixture.call("echo"));
    assert.match(readResultJson(result), /called echo/);
    assert.ok(ms < MAX_MS, `${ms} ms`);
    assert.equal(server.countRequests("tools/call"), 2);
    // The session is still known, so it is used.
    assert.ok(server.countRequests("initialize") <= 1 + Number(era === "stateless"));
    assert.equal(fixture.connections.length, 1);
  });
}

Deno.test("[wake.first-call] a session over SSE whose stream is dead is replaced before the call is sent", async () => {
  using clock = new SleepingClock();
  await using server = await startOldSdkSse();
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url, { kind: "sse" });
  await fixture.call("plain");
  proxy.fallSilent();
  clock.sleep(HOUR_MS);
  const { ms, result } = await time(() => fixture.call("plain"));
  assert.match(readResultJson(result), /plain/);
  assert.ok(ms < MAX_MS, `${ms} ms`);
  assert.equal(fixture.connections.length, 2);
});

Deno.test("[wake.first-call] a call fails within seconds, and was not sent, if the server does not answer after a sleep", async () => {
  using clock = new SleepingClock();
  await using server = await FakeHttpServer.start();
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url);
  await fixture.call("echo");
  proxy.fallSilent();
  proxy.swallowsNew = true;
  clock.sleep(HOUR_MS);
  const { ms, result } = await time(() => expectFailure(fixture.call("echo")));
  assert.match(result, /it has not answered since this machine woke up\. Call again in a few/);
  assert.ok(ms < MAX_MS, `${ms} ms`);
  proxy.swallowsNew = false;
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(server.countRequests("tools/call"), 2);
  assert.equal(fixture.connections.length, 1, "the session is still used");
});

Deno.test("[wake.network] a call after a sleep waits for the network, and uses the session that it had", async () => {
  using clock = new SleepingClock();
  const server = await FakeHttpServer.start();
  const { port } = server;
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  const [sessionId = ""] = server.sessionIds;
  await server[Symbol.asyncDispose]();
  clock.sleep(HOUR_MS);
  const answer = fixture.call("echo");
  // The network is away for a while.
  await new Promise((resolve) => setTimeout(resolve, 600));
  await using later = await FakeHttpServer.start(undefined, undefined, port);
  later.sessionIds.add(sessionId);
  assert.match(readResultJson(await answer), /called echo/);
  assert.equal(later.countRequests("initialize"), 0);
  assert.equal(later.countRequests("tools/call"), 1);
});

Deno.test("[wake.network] a stateless server whose connections end without an answer after a sleep is asked a few times a second", async () => {
  using clock = new SleepingClock();
  const handler = actAsStatelessServer();
  await using server = await FakeHttpServer.start(handler);
  await using fixture = createRemoteFixture(server.url, { options: { protocol: "auto" } });
  await fixture.call("echo");
  const countBefore = server.requests.length;
  server.handler = (_received, response) => (response.destroy(), true);
  clock.sleep(HOUR_MS);
  const answer = fixture.call("echo");
  await new Promise((resolve) => setTimeout(resolve, 600));
  const attempts = server.requests.length - countBefore;
  server.handler = handler;
  assert.match(readResultJson(await answer), /called echo/);
  assert.ok(attempts >= 1 && attempts <= 10, `${attempts} attempts`);
});

Deno.test("[wake.first-call] a call after a sleep in which the login has ended says that a login is needed", async () => {
  using clock = new SleepingClock();
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url, {
    authorization: {
      getHeaders: () => Promise.resolve({}),
      recover: () => Promise.reject(new DownstreamError("AUTH_REQUIRED", "files", "Log in")),
    },
  });
  await fixture.call("echo");
  clock.sleep(HOUR_MS);
  server.handler = (_received, response) => (response.writeHead(401).end(), true);
  assert.equal(await expectFailure(fixture.call("echo"), "AUTH_REQUIRED"), "Log in");
  assert.equal(fixture.connections.length, 1);
});

Deno.test("[wake.in-flight] a call whose answer was lost in a long sleep fails within seconds and is not sent again", async () => {
  using clock = new SleepingClock();
  await using server = await FakeHttpServer.start(({ message }) =>
    message.method === "tools/call" && message.params?.name === "echo"
  );
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url);
  await fixture.call("put");
  const lost = fixture.call("echo").catch((error: unknown) => error);
  await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 2);
  proxy.fallSilent();
  clock.sleep(HOUR_MS);
  assert.match(readResultJson(await fixture.call("put")), /called put/);
  const { ms, result: error } = await time(() => lost);
  assert.ok(error instanceof DownstreamError);
  assert.equal(error.code, "SERVER_UNAVAILABLE");
  assert.equal(error.details.retryable, false);
  assert.match(error.message, /its answer was lost while this machine slept; the call may have/);
  assert.ok(ms < MAX_MS, `${ms} ms`);
  assert.equal(server.countRequests("tools/call"), 3);
});

Deno.test("[wake.in-flight] a call whose connection survives a sleep gets its answer", async () => {
  using clock = new SleepingClock();
  let answer = (): void => {};
  await using server = await FakeHttpServer.start(({ message }, response) => {
    if (message.method !== "tools/call" || message.params?.name !== "echo") return false;
    // Progress shows that the connection is alive.
    startStream(response, ": open", "");
    answer = () => void response.write(": alive\n\n");
    setTimeout(() => {
      const text = answerText(message, { content: [{ type: "text", text: "late" }] });
      response.end(`data: ${text}\n\n`);
    }, 4000);
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("put");
  const held = fixture.call("echo");
  await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 2);
  clock.sleep(HOUR_MS);
  await fixture.call("put");
  answer();
  assert.match(readResultJson(await held), /late/);
});

Deno.test("[wake.in-flight] a call whose stream has event ids is resumed after a sleep", async () => {
  using clock = new SleepingClock();
  const resumedAfter: unknown[] = [];
  await using server = await FakeHttpServer.start(({ method, message, headers }, response) => {
    if (method === "GET" && headers["last-event-id"] !== undefined) {
      resumedAfter.push(headers["last-event-id"]);
      const text = answerText({ id: calls.at(-1) ?? "" }, {
        content: [{ type: "text", text: "late" }],
      });
      // The tool still runs, so the answer takes a while.
      startStream(response, ": resumed", "");
      setTimeout(() => response.end(`id: e2\ndata: ${text}\n\n`), 4000);
      return true;
    }
    if (message.method !== "tools/call" || message.params?.name !== "echo") return false;
    calls.push(message.id ?? "");
    startStream(response, "id: e1", "data:", "");
    return true;
  });
  const calls: (number | string)[] = [];
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url);
  await fixture.call("put");
  const held = fixture.call("echo");
  await waitUntil("the call has arrived", () => calls.length === 1);
  // The id of the event has arrived, too, when a later call is answered.
  await fixture.call("put");
  proxy.fallSilent();
  clock.sleep(HOUR_MS);
  assert.match(readResultJson(await fixture.call("put")), /called put/);
  assert.match(readResultJson(await held), /late/);
  assert.deepEqual(resumedAfter, ["e1"]);
  assert.equal(calls.length, 1);
});

Deno.test("[wake.streams] the stream of a session is opened again after its last event, without a call", async () => {
  using clock = new SleepingClock();
  const streams: ServerResponse[] = [];
  const eventIds: (string | undefined)[] = [];
  await using server = await FakeHttpServer.start(acceptStreams(streams, eventIds));
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url);
  await fixture.listTools();
  await waitUntil("the stream is open", () => streams.length === 1);
  const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}';
  streams[0]?.write(`id: e1\ndata: ${log}\n\n`);
  await fixture.client.received.take();
  proxy.fallSilent();
  clock.sleep(HOUR_MS);
  await waitUntil("the stream is open again", () => streams.length === 2, 15_000);
  assert.deepEqual(eventIds, [undefined, "e1"]);
  streams[1]?.write(`data: ${log}\n\n`);
  await fixture.client.received.take();
  assert.equal(fixture.connections.length, 1);
});

Deno.test("[wake.streams] a server without sessions is asked again for its notifications, and changes are reported as missed", async () => {
  using clock = new SleepingClock();
  let listens = 0;
  const usual = actAsStatelessServer({ "server/discover": DISCOVERED });
  await using server = await FakeHttpServer.start((received, response, request) => {
    const { message } = received;
    if (message.method !== "subscriptions/listen") return usual(received, response, request);
    listens++;
    startStream(response, ": open", "");
    const params = {
      notifications: message.params?.notifications,
      _meta: { "io.modelcontextprotocol/subscriptionId": message.id },
    };
    const method = "notifications/subscriptions/acknowledged";
    response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", method, params })}\n\n`);
    return true;
  });
  await using proxy = new SilentProxy(server.url);
  await using fixture = createRemoteFixture(proxy.url, { options: { protocol: "auto" } });
  await fixture.listTools();
  await waitUntil("the server is asked", () => listens === 1);
  proxy.fallSilent();
  clock.sleep(HOUR_MS);
  await waitUntil("the server is asked again", () => listens === 2, 15_000);
  assert.equal((await fixture.listChanges.take()).kind, "tools");
});

Deno.test("[wake.streams] a server that refused its notifications before a sleep is asked again at once", async () => {
  using clock = new SleepingClock();
  let listens = 0;
  const usual = actAsStatelessServer({ "server/discover": DISCOVERED });
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (received.message.method !== "subscriptions/listen") {
      return usual(received, response, request);
    }
    listens++;
    response.writeHead(500).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { options: { protocol: "auto" } });
  await fixture.listTools();
  // The next pause takes 4 s.
  await waitUntil("the server has refused three times", () => listens === 3);
  clock.sleep(HOUR_MS);
  await fixture.call("echo");
  await waitUntil("the server is asked again", () => listens === 4, 3500);
});

Deno.test("[wake.clock-back] a clock that is set back is no sleep", async () => {
  using clock = new SleepingClock();
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  await fixture.call("echo");
  clock.sleep(-5 * HOUR_MS);
  await fixture.call("echo");
  assert.equal(server.countRequests("ping"), 0);
  // Set right again, it looks like one.
  clock.sleep(5 * HOUR_MS);
  await fixture.call("echo");
  assert.equal(server.countRequests("ping"), 1);
});
