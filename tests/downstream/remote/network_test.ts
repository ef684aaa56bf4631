import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { explainNetworkFailure } from "../../../src/downstream/remote/network_error.ts";
import { expectFailure, GRACE_PERIODS, readResultJson } from "../../contract/downstream_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { FakeHttpServer } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

/** Returns a port on which nothing listens. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

for (const kind of ["http", "sse", "auto"] as const) {
  Deno.test(`[errors.unreachable] ${kind}: an unreachable server is reported`, async () => {
    const port = freePort();
    const url = `http://user:canary-1@127.0.0.1:${port}/canary-2?key=canary-3`;
    await using fixture = createRemoteFixture(url, { kind, headers: { "X-Key": "canary-4" } });
    assert.equal(
      await expectFailure(fixture.call("echo")),
      `Server "files" is not available: the connection to 127.0.0.1:${port} was refused; ` +
        "check that the server runs and its url is right.",
    );
    assert.equal(fixture.server.status().state, "broken");
  });
}

Deno.test("[errors.unreachable] Deno's connection errors are reported in plain words", () => {
  const url = new URL("https://user:secret@host.example/secret?secret");
  const requestError = "error sending request for url (https://host.example/tls-dns-refused): ";
  const connectError = "client error (Connect): ";
  const describeFailure = (reason: string): string => {
    const cause = new TypeError("fetch failed", {
      cause: new Error(requestError + connectError + reason),
    });
    const failure = explainNetworkFailure(cause, { url, isAnswering: false });
    assert.equal(failure.reach, "never", reason);
    assert.equal(failure.endsSession, true);
    return failure.message;
  };
  assert.equal(
    describeFailure("dns error: failed to lookup address information: Name or service not known"),
    'there is no host named "host.example"',
  );
  assert.equal(
    describeFailure("tcp connect error: Network is unreachable (os error 101)"),
    "the network has no route to host.example",
  );
  assert.match(
    describeFailure("unexpected eof while tunneling"),
    /^the proxy of this machine did not open/,
  );
  assert.match(
    describeFailure(
      'invalid peer certificate: certificate not valid for name "host.example"; certificate …',
    ),
    /^the TLS certificate of host.example is for another name than "host.example"$/,
  );
  assert.equal(describeFailure("something new"), "no connection to host.example could be made");
  const broken = new TypeError("error reading a body from connection");
  const failure = explainNetworkFailure(broken, { url, isAnswering: true });
  assert.equal(failure.reach, "maybe");
  assert.equal(failure.message, "host.example broke off its answer");
});

Deno.test({
  name: "[errors.unreachable] a missing permission to open connections is reported",
  ignore: Deno.permissions.querySync({ name: "net", host: "192.0.2.1" }).state === "granted",
  fn: async () => {
    await using fixture = createRemoteFixture("http://192.0.2.1/mcp");
    assert.match(await expectFailure(fixture.call("echo")), /start it with --allow-net\.$/);
  },
});

Deno.test("[errors.unreachable] if a server has stopped since the last call, the next call tries a new session", async () => {
  const server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  await server[Symbol.asyncDispose]();
  // The call did not reach the server, so the gateway tries a new session, and reports its error.
  assert.match(await expectFailure(fixture.call("echo")), /: the connection to \S+ was refused; /);
  assert.equal(fixture.connections.length, 2);
});

Deno.test("[servers.connect-timeout] a server that accepts connections and never answers times out, and its socket is closed", async () => {
  for (const kind of ["http", "sse", "auto"] as const) {
    await using server = await FakeHttpServer.start(() => true);
    await using fixture = createRemoteFixture(server.url, {
      kind,
      options: { connectTimeoutMs: 100 },
    });
    assert.match(
      await expectFailure(fixture.call("echo")),
      /it did not answer within 100 ms of its start/,
    );
    await waitUntil("all sockets are closed", () => server.sockets.size === 0);
  }
});

Deno.test("[remote.no-leak] a cancelled call closes its socket, and the session continues", async () => {
  const callSockets: Socket[] = [];
  await using server = await FakeHttpServer.start(({ message }, _response, { socket }) => {
    return message.method === "tools/call" && callSockets.push(socket) > 0;
  });
  await using fixture = createRemoteFixture(server.url);
  await fixture.listTools();
  const controller = new AbortController();
  const calls = [1, 2, 3].map(() => fixture.call("echo", { signal: controller.signal }));
  for (const call of calls) call.catch(() => {});
  await waitUntil("all three calls have arrived", () => callSockets.length === 3);
  controller.abort(new Error("enough"));
  for (const call of calls) await assert.rejects(call, /enough/);
  await waitUntil(
    "all three calls are cancelled",
    () => server.countRequests("notifications/cancelled") === 3,
  );
  await waitUntil("the sockets are closed", () => callSockets.every((socket) => socket.destroyed));
  const callIds = server.requests.filter(({ message }) => message.method === "tools/call")
    .map(({ message }) => message.id);
  const cancelledIds = server.requests.filter(({ message }) =>
    message.method === "notifications/cancelled"
  )
    .map(({ message }) => message.params?.requestId);
  assert.deepEqual(cancelledIds.sort(), callIds.sort());
  server.handler = () => {};
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(server.countRequests("initialize"), 1);
});

Deno.test("[remote.no-leak] closing leaves no connection, even if the server no longer answers", async () => {
  await using server = await FakeHttpServer.start();
  await using fixture = createRemoteFixture(server.url);
  await fixture.listTools();
  server.handler = ({ method }, response) => {
    // The server keeps the standalone stream open, and does not answer the end of the session.
    if (method === "GET") response.writeHead(200, { "content-type": "text/event-stream" });
    return true;
  };
  const call = expectFailure(fixture.call("echo"));
  await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 1);
  const startedMs = performance.now();
  await fixture.server.close(0, { ...GRACE_PERIODS, afterInputCloseMs: 300 });
  const tookMs = performance.now() - startedMs;
  // The gateway waits 300 ms for the answer to the end of the session. The server never answers it.
  assert.ok(tookMs >= 250, `${tookMs} ms`);
  await call;
  assert.ok(server.requests.some(({ method }) => method === "DELETE"));
  await waitUntil("all sockets are closed", () => server.sockets.size === 0);
});

Deno.test("[remote.no-leak] killing a server fails its calls and closes its sockets, without a DELETE", async () => {
  await using server = await FakeHttpServer.start(({ message, method }) => {
    return message.method === "tools/call" || method === "GET";
  });
  await using fixture = createRemoteFixture(server.url);
  const call = expectFailure(fixture.call("echo"));
  await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 1);
  fixture.server.kill();
  assert.match(await call, /its connection ended/);
  await waitUntil("all sockets are closed", () => server.sockets.size === 0);
  assert.equal(server.requests.filter(({ method }) => method === "DELETE").length, 0);
});
