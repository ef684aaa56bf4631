import assert from "node:assert/strict";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { FakeHttpServer, type ReceivedRequest } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const HEADERS = { Authorization: "Bearer canary-3b1f", "X-Key": "canary-77aa" };

Deno.test("[remote.redirects] a redirect to another origin is an error, and nothing is sent there", async () => {
  await using otherServer = await FakeHttpServer.start();
  for (const status of [301, 302, 303, 307, 308]) {
    await using server = await FakeHttpServer.start((_, response) => {
      response.writeHead(status, { location: `${otherServer.url}?token=canary-9c` }).end();
      return true;
    });
    await using fixture = createRemoteFixture(server.url, { headers: HEADERS });
    const message = await expectFailure(fixture.call("echo"));
    const { host } = new URL(server.url);
    const expected = `${host} redirects (HTTP ${status}) to ${otherServer.url}, a different origin`;
    assert.ok(message.includes(expected), message);
    assert.equal(message.includes("canary"), false);
  }
  assert.deepEqual(otherServer.requests, []);
});

Deno.test("[remote.redirects] a redirect within the origin is followed if it keeps the message", async () => {
  for (const status of [307, 308]) {
    await using server = await FakeHttpServer.start(({ path }, response) => {
      if (path === "/mcp/") return false;
      response.writeHead(status, { location: "/mcp/" }).end();
      return true;
    });
    await using fixture = createRemoteFixture(server.url, { headers: HEADERS });
    assert.match(readResultJson(await fixture.call("echo")), /called echo/);
    const redirected = server.requests.filter(({ path }: ReceivedRequest) => path === "/mcp/");
    assert.ok(redirected.every(({ headers }) => headers["x-key"] === HEADERS["X-Key"]));
    assert.equal(redirected.filter(({ message }) => message.method === "tools/call").length, 1);
  }
});

Deno.test("[remote.redirects] a redirect within the origin that would lose the message is an error", async () => {
  for (const status of [301, 302, 303]) {
    await using server = await FakeHttpServer.start(({ path }, response) => {
      if (path === "/mcp/") return false;
      response.writeHead(status, { location: "/mcp/" }).end();
      return true;
    });
    await using fixture = createRemoteFixture(server.url);
    const expected =
      `redirects to ${server.url}/ in a way that would drop the message (HTTP ${status}); ` +
      "put that address into its url.";
    const message = await expectFailure(fixture.call("echo"));
    assert.ok(message.endsWith(expected), message);
    assert.equal(server.requests.filter(({ path }) => path === "/mcp/").length, 0);
  }
});

Deno.test("[remote.redirects] more than five redirects to further addresses are an error", async () => {
  await using server = await FakeHttpServer.start(({ path }, response) => {
    response.writeHead(307, { location: `${path}x` }).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  const expected =
    `redirects more than 5 times (HTTP 307), most recently to ${server.url}xxxxxx; ` +
    "correct its url, or report this to its operator.";
  const message = await expectFailure(fixture.call("echo"));
  assert.ok(message.endsWith(expected), message);
});

Deno.test("[remote.redirects] a redirect to the same address is followed if it sets a cookie", async () => {
  await using server = await FakeHttpServer.start(({ headers }, response) => {
    if (headers.cookie === "way=1") return false;
    response.writeHead(307, { location: "/mcp", "set-cookie": "way=1" }).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  assert.match(readResultJson(await fixture.call("echo")), /called echo/);
});

Deno.test("[remote.redirects] a redirect loop is an error", async () => {
  await using server = await FakeHttpServer.start((_, response) => {
    response.writeHead(307, { location: "/mcp" }).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url);
  const message = await expectFailure(fixture.call("echo"));
  const expected = `redirects in a loop (HTTP 307): ${server.url} leads back to itself; ` +
    "correct its url, or report this to its operator.";
  assert.ok(message.endsWith(expected), message);
  assert.ok(server.requests.length < 10);
});

/** Addresses to which the gateway follows no redirect, and the expected error of each. */
const UNUSABLE_REDIRECTS: Readonly<Record<string, readonly [string | undefined, RegExp]>> = {
  "a file": [
    "file:///etc/passwd",
    /redirects \(HTTP 307\) to a file: address, which the gateway does not follow/,
  ],
  "no address": [undefined, /redirects \(HTTP 307\) without saying where to\.$/],
  "a broken address": ["http://[", /redirects \(HTTP 307\) to an invalid address: http:\/\/\[\.$/],
  "an address with secrets": [
    "https://canary-user:canary-pass@example.com/mcp/canary-path-1?key=canary-query#canary",
    /redirects \(HTTP 307\) to https:\/\/example\.com\/mcp\/\[redacted\], a different origin/,
  ],
};

for (const [target, [location, expected]] of Object.entries(UNUSABLE_REDIRECTS)) {
  Deno.test(`[remote.redirects] a redirect to ${target} is reported, without secrets`, async () => {
    await using server = await FakeHttpServer.start((_, response) => {
      response.writeHead(307, location === undefined ? {} : { location }).end();
      return true;
    });
    await using fixture = createRemoteFixture(`${server.url}/canary-path-1`);
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, expected);
    assert.doesNotMatch(message, /canary/);
    assert.equal(server.requests.length, 1);
  });
}
