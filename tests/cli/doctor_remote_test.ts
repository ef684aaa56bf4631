import assert from "node:assert/strict";
import { createServer } from "node:https";
import {
  FakeHttpServer,
  type RequestHandler,
  sendJson,
} from "../downstream/remote/fake_http_server.ts";
import { Shell } from "./shell.ts";

type Entry = Readonly<Record<string, unknown>>;
// deno-lint-ignore no-explicit-any -- as printed
type Reports = ReadonlyMap<string, any>;

const FIXTURES = new URL("../fixtures/tls/", import.meta.url);

function readPem(name: string): { cert: string; key: string } {
  const pem = Deno.readTextFileSync(new URL(`${name}.pem`, FIXTURES));
  const start = pem.indexOf("-----BEGIN PRIVATE KEY");
  return { cert: pem.slice(0, start), key: pem.slice(start) };
}

/** Runs `doctor` for some servers; returns its report about each by name. */
async function runDoctor(servers: Readonly<Record<string, Entry>>, env = {}): Promise<Reports> {
  await using shell = new Shell({ servers, env });
  const { stdout, stderr } = await shell.run(["doctor", "--json"]);
  assert.notEqual(stdout, "", stderr);
  const { servers: reports } = JSON.parse(stdout);
  return new Map(reports.map((report: { server: string }) => [report.server, report]));
}

/** Returns a port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Handlers that answer in place of the server, by path. A handler returns false to let the server answer. */
const PATHS: Readonly<Record<string, (...args: Parameters<RequestHandler>) => boolean>> = {
  "/key": ({ headers }, response) => {
    if (headers.authorization === "Bearer good-key") return false;
    return (response.writeHead(403).end('{"error":"no such key"}'), true);
  },
  "/missing": (_, response) => (response.writeHead(404).end(), true),
  "/files": (_, response) => {
    // Like Python's file server.
    const page = "<!DOCTYPE HTML><html><head><title>Error response</title></head></html>";
    response.writeHead(501, { "content-type": "text/html" }).end(page);
    return true;
  },
  "/static": ({ method }, response) => {
    if (method === "POST") return (response.writeHead(405).end(), true);
    response.writeHead(200, { "content-type": "text/html" });
    return (response.end("<!doctype html><title>Our product</title>"), true);
  },
  "/page": (_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    return (response.end("<!doctype html><title>Sign in</title>"), true);
  },
  "/fails": (_, response) => (response.writeHead(500).end("database is locked"), true),
  "/proxy": (_, response) => (response.writeHead(502).end(), true),
  "/busy": (_, response) => (response.writeHead(429).end(), true),
  "/moved": (_, response) => (response.writeHead(301, { location: "/mcp" }).end(), true),
  "/newer": ({ message: { id } }, response) => {
    const data = { supported: ["2027-03-01"] };
    const error = { code: -32022, message: "Unsupported protocol version", data };
    return sendJson(response, { jsonrpc: "2.0", id, error }, 400);
  },
  // Accepts the message and never answers.
  "/mute": () => true,
  "/closes": (_, response) => (response.socket?.destroy(), true),
};

Deno.test("[cli.doctor-remote] each failure of a remote server is reported with its cause and a fix that works", async () => {
  await using server = await FakeHttpServer.start((...args) => {
    const [{ path }] = args;
    return PATHS[path]?.(...args) ?? false;
  });
  await using tls = await FakeHttpServer.start(() => {}, createServer(readPem("localhost")));
  await using elsewhere = await FakeHttpServer.start(() => {}, createServer(readPem("elsewhere")));
  await using expired = await FakeHttpServer.start(() => {}, createServer(readPem("expired")));
  const port = freePort();
  const { host, origin } = new URL(server.url);
  const entryAt = (path: string, members: Entry = {}): Entry => {
    return { url: `${origin}${path}`, ...members };
  };
  const reports = await runDoctor({
    good: entryAt("/mcp"),
    refused: { url: `http://127.0.0.1:${port}/mcp` },
    host: { url: "http://no-such-host.invalid/mcp" },
    plain: { url: `https://${host}/mcp` },
    issuer: { url: `https://localhost:${tls.port}/mcp` },
    "my.server": entryAt("/missing"),
    key: entryAt("/key"),
    "wrong key": entryAt("/key", { headers: { Authorization: "Bearer bad-key" } }),
    files: entryAt("/files", { type: "http" }),
    static: entryAt("/static"),
    page: entryAt("/page"),
    fails: entryAt("/fails"),
    proxy: entryAt("/proxy"),
    busy: entryAt("/busy"),
    moved: entryAt("/moved"),
    newer: entryAt("/newer"),
    closes: entryAt("/closes"),
    mute: entryAt("/mute", { gateway: { connect_timeout_ms: 400 } }),
  });
  const assertCause = (name: string, kind: string, message: RegExp, fix: RegExp): void => {
    const { ok, error } = reports.get(name) ?? {};
    assert.deepEqual([ok, error?.kind], [false, kind], `${name}: ${JSON.stringify(error)}`);
    assert.match(error.message, message, name);
    assert.match(error.fix, fix, name);
    assert.doesNotMatch(error.fix, /GATEWAY_LOG_LEVEL/);
  };
  assert.equal(reports.get("good")?.ok, true);
  assertCause(
    "refused",
    "refused",
    /was refused/,
    new RegExp(`^Start the server at 127.0.0.1:${port}, or`),
  );
  assertCause(
    "host",
    "unknown-host",
    /no host named/,
    /^Correct the host in mcpServers\.host\.url; if /,
  );
  assertCause(
    "plain",
    "tls",
    /does not speak TLS/,
    /^Start mcpServers\.plain\.url with http: instead/,
  );
  assertCause("issuer", "tls", /authority that is unknown/, /^Set NODE_EXTRA_CA_CERTS to a file /);
  const address =
    /into mcpServers\["my\.server"\]\.url: see the server's documentation; .* ends in \/mcp or \/sse$/;
  assertCause("my.server", "wrong-address", /HTTP 404/, address);
  assertCause(
    "key",
    "credentials",
    /HTTP 403: "no such key"/,
    /^Add the credentials .*\.headers, such as /,
  );
  assertCause(
    "wrong key",
    "credentials",
    /HTTP 403: "no such key"/,
    /^Correct the credentials in mcpServers\["wrong key"\]\.headers: /,
  );
  assertCause(
    "files",
    "wrong-address",
    /HTTP 501 \(a web page: "Error response"\); check its url$/,
    /the present address accepts no messages\. If .* SSE transport, remove "type" from its entry$/,
  );
  assertCause(
    "static",
    "not-mcp",
    /HTTP 405.* web page .*"Our product"/,
    /^Put the address of the .*endpoint/,
  );
  assertCause(
    "page",
    "not-mcp",
    /a web page .*"Sign in"/,
    /^Put the address of the server's MCP endpoint/,
  );
  assertCause(
    "fails",
    "server-error",
    /HTTP 500: "database is locked"/,
    /^Look at the log of the server/,
  );
  assertCause("proxy", "server-error", /HTTP 502/, /^Start the server behind /);
  assertCause("busy", "busy", /HTTP 429/, /^Wait and try again/);
  assertCause(
    "moved",
    "wrong-address",
    new RegExp(`to ${origin}/mcp in a way`),
    /^Put the address that it/,
  );
  assertCause(
    "newer",
    "newer-revision",
    /it speaks only MCP revision 2027-03-01, and this gateway speaks up to 2026-07-28$/,
    /^Use a release of the gateway that speaks this revision; .* mcpServers\.newer\.disabled to true$/,
  );
  assertCause(
    "closes",
    "server-error",
    /closed the connection/,
    /^Look at the log of the server at /,
  );

  assertCause(
    "mute",
    "too-slow",
    /within 400 ms/,
    /mute\.gateway\.connect_timeout_ms \(now 400\), or find out why the server at 127\.0\.0\.1:\d+ accepts/,
  );

  // With the fixes applied, the servers work.
  const authority = new URL("authority.pem", FIXTURES).pathname;
  const fixedReports = await runDoctor({
    plain: { url: `http://${host}/mcp` },
    issuer: { url: `https://localhost:${tls.port}/mcp` },
    "my.server": entryAt("/mcp"),
    key: entryAt("/key", { headers: { Authorization: "Bearer ${KEY}" } }),
    moved: entryAt("/mcp"),
    newer: entryAt("/newer", { disabled: true }),
    // These faults show only once the certificate authority is trusted.
    name: { url: `https://localhost:${elsewhere.port}/mcp` },
    date: { url: `https://localhost:${expired.port}/mcp` },
  }, { KEY: "good-key", NODE_EXTRA_CA_CERTS: authority });
  const workingServers = [...fixedReports].filter(([, { ok }]) => ok).map(([name]) => name);
  assert.deepEqual(workingServers, ["plain", "issuer", "my.server", "key", "moved"]);
  assert.match(fixedReports.get("name")?.error.message, /is for another name than "localhost"/);
  assert.match(
    fixedReports.get("name")?.error.fix,
    /^Put the name that the certificate is for into /,
  );
  assert.match(
    fixedReports.get("date")?.error.fix,
    /^Ask the operator of localhost:\d+ to renew its certificate/,
  );
});

Deno.test("[cli.doctor-remote] the position of an unset variable is reported, even if the server's name contains a dot", async () => {
  await using shell = new Shell({
    servers: { "my.server": { url: "http://127.0.0.1/${NOT_SET_ANYWHERE}" } },
  });
  const { stdout } = await shell.run(["doctor"]);
  assert.match(stdout.replace(/\s+/g, " "), /"NOT_SET_ANYWHERE" is not set .*at \.mcp\.json:1:\d+/);
});

Deno.test("[cli.doctor-remote] a warning reports data from a remote server that is not an MCP message", async () => {
  await using server = await FakeHttpServer.start(({ message: { id, method } }, response) => {
    if (method !== "tools/list") return false;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const answer = { jsonrpc: "2.0", id, result: { tools: [] } };
    response.end(`data: Welcome!\n\ndata: ${JSON.stringify(answer)}\n\n`);
    return true;
  });
  const reports = await runDoctor({ chatty: { url: server.url } });
  const { ok, warnings } = reports.get("chatty");
  assert.equal(ok, true);
  assert.ok(
    warnings.includes('it sends data that is not an MCP message, such as "Welcome!"'),
    warnings,
  );
});
