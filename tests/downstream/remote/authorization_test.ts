import assert from "node:assert/strict";
import type { Authorization, RecoverOptions } from "../../../src/downstream/mod.ts";
import { DownstreamError } from "../../../src/errors.ts";
import { StaticHeaderAuth } from "../../../src/downstream/oauth/static_header_auth.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { FakeHttpServer, type RequestHandler } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

/** The refused response and the refused token that `recover` received. */
interface Recovery {
  readonly status: number;
  readonly challenge: string | null;
  readonly sentAuthorization: string | undefined;
}

/** Provides no token at first, and the next numbered token after each refusal. */
class FakeAuthorization implements Authorization {
  readonly recoveries: Recovery[] = [];
  tokenNumber = 0;
  failure: Error | undefined;

  getHeaders(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve(
      this.tokenNumber === 0 ? {} : { Authorization: `Bearer t${this.tokenNumber}` },
    );
  }

  recover(
    { status, headers }: Response,
    { sentAuthorization }: RecoverOptions,
  ): Promise<void> {
    this.recoveries.push({ status, challenge: headers.get("www-authenticate"), sentAuthorization });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.tokenNumber++;
    return Promise.resolve();
  }
}

/** Returns a handler that refuses requests without the token. */
function requireToken(readToken: () => string, status = 401, challenge = "Bearer"): RequestHandler {
  return ({ headers }, response) => {
    if (headers.authorization === `Bearer ${readToken()}`) return false;
    response.writeHead(status, { "www-authenticate": challenge }).end();
    return true;
  };
}

Deno.test("[remote.authorization] after a refusal the token is renewed, and the request is sent again once", async () => {
  let token = "t1";
  await using server = await FakeHttpServer.start(requireToken(() => token));
  const authorization = new FakeAuthorization();
  await using fixture = createRemoteFixture(server.url, { authorization });
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.deepEqual(authorization.recoveries, [{
    status: 401,
    challenge: "Bearer",
    sentAuthorization: undefined,
  }]);
  assert.equal(server.countRequests("initialize"), 2);
  // The server now accepts only the next token.
  token = "t2";
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.equal(authorization.recoveries.at(-1)?.sentAuthorization, "Bearer t1");
  assert.equal(server.countRequests("tools/call"), 3);
  assert.equal(server.countRequests("initialize"), 2);
});

Deno.test("[remote.authorization] a 403 for a missing scope is recovered from, and any other 403 is an error", async () => {
  const challenge = 'Bearer error="insufficient_scope", scope="write"';
  await using server = await FakeHttpServer.start(requireToken(() => "t2", 403, challenge));
  const authorization = new FakeAuthorization();
  authorization.tokenNumber = 1;
  await using fixture = createRemoteFixture(server.url, { authorization });
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.deepEqual(authorization.recoveries, [{
    status: 403,
    challenge,
    sentAuthorization: "Bearer t1",
  }]);
  server.handler = requireToken(() => "never", 403, "Bearer");
  assert.match(await expectFailure(fixture.call("echo")), /answered with HTTP 403/);
  assert.equal(authorization.recoveries.length, 1);
});

Deno.test("[remote.authorization] a request that is first refused with 401, and then for a missing scope, is sent a third time", async () => {
  const challenge = 'Bearer error="insufficient_scope", scope="write"';
  const callTokens: (string | undefined)[] = [];
  await using server = await FakeHttpServer.start((received, response, request) => {
    const { authorization } = received.headers;
    if (received.message.method === "tools/call") callTokens.push(authorization);
    const status = authorization === undefined ? 401 : 403;
    return requireToken(() => "t2", status, challenge)(received, response, request);
  });
  const authorization = new FakeAuthorization();
  await using fixture = createRemoteFixture(server.url, { authorization });
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  assert.deepEqual(authorization.recoveries.map(({ status }) => status), [401, 403]);
  // `initialize` was sent three times, so the first call already had the second token.
  assert.deepEqual(callTokens, ["Bearer t2"]);
  server.handler = requireToken(() => "never", 403, challenge);
  assert.match(await expectFailure(fixture.call("echo")), /just issued for it \(HTTP 403\)/);
  assert.equal(authorization.recoveries.length, 3);
});

Deno.test("[remote.authorization] the error of a failed recovery reaches the caller unchanged; a refused new token is an error", async () => {
  await using server = await FakeHttpServer.start(requireToken(() => "never"));
  const authorization = new FakeAuthorization();
  const url = "https://login.example";
  authorization.failure = new DownstreamError("AUTH_REQUIRED", "files", "Log in", { url });
  await using fixture = createRemoteFixture(server.url, { authorization });
  assert.equal(await expectFailure(fixture.call("echo"), "AUTH_REQUIRED"), "Log in");
  authorization.failure = undefined;
  assert.match(
    await expectFailure(fixture.call("echo")),
    /refuses the token that was just issued for it \(HTTP 401\)/,
  );
  assert.equal(authorization.recoveries.length, 2);
});

Deno.test("[remote.authorization] if a configured Authorization header is refused, the error names the header", async () => {
  await using server = await FakeHttpServer.start(requireToken(() => "configured"));
  const authorization = new StaticHeaderAuth("files");
  const headers = { authorization: "Bearer configured" };
  {
    await using fixture = createRemoteFixture(server.url, { authorization, headers });
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
  }
  await using fixture = createRemoteFixture(server.url, {
    authorization,
    headers: { AUTHORIZATION: "Bearer wrong" },
  });
  const message = await expectFailure(fixture.call("echo"), "AUTH_REQUIRED");
  assert.match(message, /refused the Authorization header of its entry \(HTTP 401\)/);
});

Deno.test("[remote.authorization] an SSE server receives the token with the stream and with every message", async () => {
  await using server = await FakeHttpServer.start((received, response, request) => {
    if (requireToken(() => "t1")(received, response, request) === true) return true;
    if (received.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: endpoint\ndata: /messages\n\n");
      stream = response;
      return true;
    }
    response.writeHead(202).end();
    const { id, method } = received.message;
    if (id === undefined) return true;
    const result = method === "initialize"
      ? { protocolVersion: "2024-11-05", capabilities: {} }
      : { tools: [] };
    stream?.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
    return true;
  });
  let stream: { write(text: string): unknown } | undefined;
  const authorization = new FakeAuthorization();
  await using fixture = createRemoteFixture(server.url, { authorization, kind: "sse" });
  assert.deepEqual((await fixture.listTools()).items, []);
  assert.equal(authorization.recoveries.length, 1);
});
