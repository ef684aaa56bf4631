import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { readResultJson } from "../../contract/downstream_fixture.ts";
import { AsyncQueue } from "../../contract/async_queue.ts";
import {
  FakeHttpServer,
  type Message,
  type RequestHandler,
  startStream,
} from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";
import { actAsStatelessServer } from "./stateless_server.ts";

const AUTO = { options: { protocol: "auto" } } as const;

const DISCOVERED = {
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
};

/** A request for notifications, and the stream on which they are sent. */
class Listener {
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;
  readonly #message: Message;

  constructor(message: Message, response: ServerResponse) {
    this.#message = message;
    this.#response = response;
    this.closed = new Promise((resolve) => response.on("close", () => resolve()));
    startStream(response, ": open", "");
    this.send("subscriptions/acknowledged", { notifications: this.asked });
  }

  /** The notifications that the client asks for. */
  get asked(): unknown {
    return this.#message.params?.notifications;
  }

  send(name: string, params: object = {}): void {
    const { id } = this.#message;
    const _meta = { "io.modelcontextprotocol/subscriptionId": id };
    const method = `notifications/${name}`;
    this.#write({ jsonrpc: "2.0", method, params: { ...params, _meta } });
  }

  /** Ends the stream with the result of the request. */
  end(): void {
    this.#write({ jsonrpc: "2.0", id: this.#message.id, result: { resultType: "complete" } });
    this.#response.end();
  }

  /** Closes the connection, as a proxy does with an idle one. */
  cut(): void {
    this.#response.socket?.destroy();
  }

  #write(message: unknown): void {
    this.#response.write(`data: ${JSON.stringify(message)}\n\n`);
  }
}

/** A stateless server, and the requests for notifications that it receives. */
async function startAnnouncingServer(): Promise<
  { server: FakeHttpServer; listeners: AsyncQueue<Listener> }
> {
  const listeners = new AsyncQueue<Listener>("a request for notifications");
  const answer = actAsStatelessServer({ "server/discover": DISCOVERED });
  const handler: RequestHandler = (received, response, request) => {
    const { message } = received;
    if (message.method !== "subscriptions/listen") return answer(received, response, request);
    listeners.add(new Listener(message, response));
    return true;
  };
  return { server: await FakeHttpServer.start(handler), listeners };
}

Deno.test("[remote.stateless-listening] changes are announced in the response to a request that stays open", async () => {
  const { server, listeners } = await startAnnouncingServer();
  await using _server = server;
  let closed: Promise<void>;
  {
    await using fixture = createRemoteFixture(server.url, AUTO);
    await fixture.listTools();
    const listener = await listeners.take();
    assert.deepEqual(listener.asked, { toolsListChanged: true });
    ({ closed } = listener);
    listener.send("tools/list_changed");
    assert.equal((await fixture.listChanges.take()).kind, "tools");
    await fixture.listTools();
    assert.equal(server.countRequests("tools/list"), 2);
    assert.deepEqual(fixture.log, []);
  }
  // The request ends with its session.
  await closed;
  assert.deepEqual(
    server.requests.map(({ method, headers }) => [method, headers["mcp-method"]]).sort(),
    [
      ["POST", "server/discover"],
      ["POST", "subscriptions/listen"],
      ["POST", "tools/list"],
      ["POST", "tools/list"],
    ],
  );
});

for (const how of ["cut", "end"] as const) {
  Deno.test(`[remote.stateless-listening] after the ${how} of the response, the server is asked again, and calls go on`, async () => {
    const { server, listeners } = await startAnnouncingServer();
    await using _server = server;
    await using fixture = createRemoteFixture(server.url, AUTO);
    await fixture.listTools();
    (await listeners.take())[how]();
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    const listener = await listeners.take();
    // A change may have been missed.
    assert.equal((await fixture.listChanges.take()).kind, "tools");
    listener.send("tools/list_changed");
    assert.equal((await fixture.listChanges.take()).kind, "tools");
    assert.equal(server.countRequests("server/discover"), 1);
    assert.equal(fixture.server.status().state, "ready");
    assert.deepEqual(fixture.log, []);
  });
}

Deno.test("[remote.stateless-listening] subscriptions are asked for with a new request, before the earlier one ends", async () => {
  const { server, listeners } = await startAnnouncingServer();
  await using _server = server;
  await using fixture = createRemoteFixture(server.url, AUTO);
  await fixture.listTools();
  const first = await listeners.take();
  await fixture.subscribe("test://a");
  const second = await listeners.take();
  assert.deepEqual(second.asked, {
    toolsListChanged: true,
    resourceSubscriptions: ["test://a"],
  });
  await first.closed;
  second.send("resources/updated", { uri: "test://a" });
  assert.deepEqual((await fixture.updates.take()).params, { uri: "test://a" });
  assert.equal(server.countRequests("notifications/cancelled"), 0);
});

for (const status of [404, 405, 500]) {
  Deno.test(`[remote.stateless-listening] a server that refuses to announce with ${status} is a good server`, async () => {
    const answer = actAsStatelessServer({ "server/discover": DISCOVERED });
    await using server = await FakeHttpServer.start((received, response, request) => {
      if (received.message.method !== "subscriptions/listen") {
        return answer(received, response, request);
      }
      response.writeHead(status).end();
      return true;
    });
    await using fixture = createRemoteFixture(server.url, AUTO);
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    assert.equal(fixture.server.status().state, "ready");
    assert.equal(fixture.server.status().last_error, null);
    assert.deepEqual(fixture.log, []);
  });
}

Deno.test("[remote.stateless-listening] too long an announcement ends only the request for it", async () => {
  const { server, listeners } = await startAnnouncingServer();
  await using _server = server;
  await using fixture = createRemoteFixture(server.url, { ...AUTO, maxBytes: 10_000 });
  await fixture.listTools();
  const listener = await listeners.take();
  listener.send("message", { data: "x".repeat(20_000) });
  await listener.closed;
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  await listeners.take();
});
