import assert from "node:assert/strict";
import { CookieJar } from "../../../src/downstream/remote/cookie_jar.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { FakeHttpServer } from "./fake_http_server.ts";
import { createRemoteFixture } from "./remote_fixture.ts";

const URL_HTTP = new URL("http://mcp.example.com/v1/mcp");
const URL_HTTPS = new URL("https://mcp.example.com/v1/mcp");

/** Returns the `Cookie` header of a request to a URL after a response of that URL has set cookies. */
function headerAfter(url: URL, ...setCookieLines: string[]): string | undefined {
  const jar = new CookieJar(() => Date.parse("2026-01-01T00:00:00Z"));
  const headers = new Headers();
  for (const line of setCookieLines) headers.append("set-cookie", line);
  jar.store(headers, url);
  return jar.headerFor(url, null);
}

/** Cookies that are set over https, and the `Cookie` header of the next request. */
const CASES: readonly (readonly [
  title: string,
  setCookieLines: readonly string[],
  header: string | undefined,
])[] = [
  ["no cookie is set: there is no header", [], undefined],
  ["a value may contain =", ["lb=a=b; Path=/; HttpOnly; SameSite=None"], "lb=a=b"],
  ["a cookie that is set again is replaced", ["lb=1", "lb=2"], "lb=2"],
  ["a cookie without a name is ignored", ["=1", "lb"], undefined],
  ["a cookie for its own host is sent", ["lb=1; Domain=mcp.example.com"], "lb=1"],
  ["a cookie for a parent domain is sent", ["lb=1; Domain=.Example.com"], "lb=1"],
  ["a cookie for another host is ignored", ["lb=1; Domain=other.example.com"], undefined],
  ["a cookie for a domain with the same ending is ignored", ["lb=1; Domain=ple.com"], undefined],
  ["a secure cookie is sent over https", ["lb=1; Secure"], "lb=1"],
  ["a cookie for the path of the request is sent", ["lb=1; Path=/v1/mcp"], "lb=1"],
  ["a cookie for another path is not sent", ["lb=1; Path=/v2"], undefined],
  ["a cookie for a path with the same beginning is not sent", ["lb=1; Path=/v1/mc"], undefined],
  ["cookies are sent with the longest path first", ["a=1; Path=/", "b=2; Path=/v1"], "b=2; a=1"],
  ["a cookie is sent before its Max-Age has passed", ["lb=1; Max-Age=60"], "lb=1"],
  ["Max-Age=0 deletes a cookie", ["lb=1", "lb=; Max-Age=0"], undefined],
  [
    "a past Expires deletes a cookie",
    ["lb=1", "lb=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
    undefined,
  ],
  ["Max-Age takes precedence over Expires", [
    "lb=1; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
  ], "lb=1"],
  ["an invalid Expires is ignored", ["lb=1; Expires=soon"], "lb=1"],
];

for (const [title, setCookieLines, header] of CASES) {
  Deno.test(`[remote.cookies] ${title}`, () => {
    assert.equal(headerAfter(URL_HTTPS, ...setCookieLines), header);
  });
}

Deno.test("[remote.cookies] secure cookies are ignored without TLS", () => {
  assert.equal(headerAfter(URL_HTTP, "lb=1; Secure", "other=2"), "other=2");
});

Deno.test("[remote.cookies] a cookie of the entry replaces the server's cookie of the same name; other cookies are sent too", () => {
  const jar = new CookieJar();
  jar.store(new Headers({ "set-cookie": "lb=server" }), URL_HTTP);
  assert.equal(jar.headerFor(URL_HTTP, "lb=entry; key=1"), "lb=entry; key=1");
  assert.equal(jar.headerFor(URL_HTTP, "key=1"), "key=1; lb=server");
});

Deno.test("[remote.cookies] [memory.session-names] a session keeps at most 16 cookies of at most 4096 characters", () => {
  const jar = new CookieJar();
  for (let count = 0; count < 200; count++) {
    jar.store(new Headers({ "set-cookie": `c${count}=1` }), URL_HTTP);
  }
  jar.store(new Headers({ "set-cookie": `long=${"x".repeat(4096)}` }), URL_HTTP);
  assert.equal(jar.values.length, 16);
});

Deno.test("[remote.cookies] each session sends its own cookie to the load balancer, and errors and log do not contain it", async () => {
  let sessionCount = 0;
  await using server = await FakeHttpServer.start(({ headers, message }, response) => {
    if (message.method === "initialize") {
      assert.equal(headers.cookie, undefined);
      response.setHeader("set-cookie", [
        `lb=canary-${++sessionCount}; Path=/`,
        "other=1; Path=/else",
      ]);
      return false;
    }
    const replica = headers["mcp-session-id"]?.replace("session", "lb=canary");
    if (headers.cookie === replica) return false;
    response.writeHead(404).end();
    return true;
  });
  await using fixture = createRemoteFixture(server.url, { options: { isolation: "agent" } });
  const callers = ["one", "other"].map((agent) => fixture.client.asAgent(agent));
  for (const caller of [...callers, ...callers]) {
    assert.match(readResultJson(await fixture.call("echo", { caller })), /called echo/);
  }
  assert.equal(server.countRequests("initialize"), 2);
  // Neither the error nor the log contains the cookie of the session.
  server.handler = (_, response) => (response.writeHead(500).end("canary-1 canary-2"), true);
  const message = await expectFailure(
    fixture.call("echo", { caller: fixture.client.asAgent("one") }),
  );
  assert.match(message, /HTTP 500/);
  assert.doesNotMatch([message, ...fixture.log].join(""), /canary-1/);
});
