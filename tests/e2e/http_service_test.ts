import assert from "node:assert/strict";
import { type Fields, misbehavingServer, readSingleText, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import { RawClient } from "./raw_client.ts";
import { runOnce } from "./run_once.ts";
import { waitUntil } from "./wait.ts";

const HTTP_TRANSPORT = { transport: "http" } as const;
const METRICS_TOKEN = "metrics-token-of-this-test";
const TOKEN_HASH = "0".repeat(64);
const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "x", version: "1" },
  },
};

/** Requests a path of the service, and returns its status and body. */
async function fetchPath(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(new URL(path, url), { headers });
  return { status: response.status, text: await response.text() };
}

/** Connects another client to the gateway. */
async function connectClient(
  url: string,
): Promise<RawClient & { readonly transport: HttpTransport }> {
  const client = new RawClient(new HttpTransport({ url }));
  await client.initialize();
  return client as RawClient & { readonly transport: HttpTransport };
}

/** Calls a tool of the server `odd`; returns the text of the result. */
async function callOddTool(client: RawClient, tool: string): Promise<string> {
  const params = { name: "execute_tool", arguments: { server: "odd", tool, args: {} } };
  return readSingleText((await client.request("tools/call", params)).result);
}

Deno.test("the HTTP service, with a server that answers and a server that does not", async (t) => {
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    servers: {
      odd: misbehavingServer("--pid-file=starts"),
      slow: misbehavingServer("--hold=initialize"),
    },
    env: { GATEWAY_DEBUG: "1" },
    initialize: false,
  });
  const { url, program } = gateway;
  // Over HTTP, the end of standard input does not end the gateway.
  await program.closeInput();
  const readPid = (client: RawClient) => callOddTool(client, "pid");

  await t.step(
    "[http.health] [http.ready] the service is alive, but not ready before its servers have answered",
    async () => {
      assert.deepEqual(await fetchPath(url, "/health"), { status: 200, text: '{"status":"ok"}' });
      assert.equal((await fetchPath(url, "/ready")).status, 503);
    },
  );

  await t.step("[http.eager] servers start before any client connects", async () => {
    const countStarts = () =>
      Deno.readTextFileSync(`${gateway.setup.workingFolder}/starts`).split("\n").length - 1;
    await waitUntil("the server starts", () => {
      try {
        return countStarts() === 1;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    });
    await gateway.client.initialize();
    assert.equal(await callOddTool(gateway.client, "count"), "1");
    assert.equal(countStarts(), 1, "the first client uses the server that has started");
  });

  await t.step("[http.isolation] each client has its own sessions, which end with it", async () => {
    const otherClient = await connectClient(url);
    assert.notEqual(await readPid(otherClient), await readPid(gateway.client));
    const countSessions = async () => {
      const { servers } = await gateway.callGatewayToolForJson<
        { servers: Record<string, { sessions: number }> }
      >(
        "get_gateway_status",
      );
      return servers.odd?.sessions;
    };
    assert.equal(await countSessions(), 2);
    const headers = { "mcp-session-id": otherClient.transport.sessionId ?? "" };
    await (await fetch(url, { method: "DELETE", headers })).text();
    await waitUntil("the session with the server ends", async () => await countSessions() === 1);
    await otherClient.transport.close();
  });

  await t.step(
    "[http.audit] the audit log distinguishes clients, and contains no session id",
    async () => {
      const otherClient = await connectClient(url);
      await readPid(otherClient);
      const auditedSessions = new Set(gateway.readAuditLog().map(({ session }) => session));
      assert.equal(auditedSessions.size, 3, "one for each client so far");
      assert.equal(auditedSessions.has(otherClient.transport.sessionId), false);
      await otherClient.transport.close();
    },
  );

  const metricsTitle =
    "[http.metrics] without a token, this machine may read the metrics, and forwarded requests may not";
  await t.step(metricsTitle, async () => {
    const { status, text } = await fetchPath(url, "/metrics");
    assert.equal(status, 200);
    assert.match(text, /^mcp_gateway_operation_requests_total\{operation="execute_tool"/m);
    assert.match(text, /^mcp_gateway_tool_duration_seconds_bucket\{tool="odd\/\w+",le="\+Inf"\} /m);
    assert.match(text, /^mcp_gateway_http_sessions 2$/m);
    assert.equal((await fetchPath(url, "/metrics", { "x-forwarded-for": "10.0.0.1" })).status, 403);
  });

  await t.step("[http.input-ignored] the service runs after the end of its input", async () => {
    assert.equal((await fetchPath(url, "/health")).status, 200);
    await gateway.end();
  });
});

Deno.test("[http.ready] the gateway is ready when its servers have answered", async () => {
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    servers: { odd: misbehavingServer() },
    initialize: false,
  });
  await waitUntil(
    "the gateway is ready",
    async () => (await fetchPath(gateway.url, "/ready")).status === 200,
  );
});

Deno.test("[tools.status-http] only agents with the permission may read the status", async () => {
  const agents = {
    a: { allow: { servers: ["*"] }, status: true },
    "team.b": { allow: { servers: ["*"] } },
  };
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    rules: { agents },
    args: ["--debug"],
  });
  assert.ok(await gateway.callGatewayToolForJson<Fields>("get_gateway_status", { agent_id: "a" }));
  const { code, rule } = await gateway.expectRefusal("get_gateway_status", { agent_id: "team.b" });
  assert.deepEqual([code, rule], ["DENIED_BY_POLICY", 'agents["team.b"].status']);
  assert.equal(gateway.readAuditLog().at(-1)?.decision, "DENY");
});

Deno.test("[http.metrics] with GATEWAY_METRICS_TOKEN, the metrics require that token", async () => {
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    env: { GATEWAY_METRICS_TOKEN: METRICS_TOKEN, GATEWAY_LOG_LEVEL: "debug" },
    initialize: false,
  });
  const requestMetrics = async (authorization: string) => {
    return (await fetchPath(gateway.url, "/metrics", { authorization })).status;
  };
  assert.equal((await fetchPath(gateway.url, "/metrics")).status, 401);
  for (
    const wrong of [`Bearer ${METRICS_TOKEN}x`, "Bearer", `Basic ${METRICS_TOKEN}`, "Bearer x"]
  ) {
    assert.equal(await requestMetrics(wrong), 401, wrong);
  }
  assert.equal(await requestMetrics(`Bearer ${METRICS_TOKEN}`), 200);
  await gateway.end();
  assert.equal(gateway.program.stderr.includes(METRICS_TOKEN), false);
});

Deno.test("[http.drain] after a signal, the gateway finishes calls and accepts no new ones", async () => {
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    servers: { odd: misbehavingServer() },
  });
  const { client, program, url } = gateway;
  const params = { server: "odd", tool: "slow_progress", args: { every_ms: 150, times: 8 } };
  const call = client.request("tools/call", {
    name: "execute_tool",
    arguments: params,
    _meta: { progressToken: 1 },
  });
  await client.waitForMessage("progress", ({ method }) => method === "notifications/progress");
  program.sendSignal("SIGTERM");
  await waitUntil(
    "the gateway drains",
    async () => (await fetchPath(url, "/ready")).status === 503,
  );
  const refused = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(INITIALIZE),
  });
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
  await refused.text();
  // Existing sessions can send notifications, but no requests.
  await client.notify("notifications/roots/list_changed");
  void client.sendLine('{"jsonrpc":"2.0","id":"late","method":"ping"}');
  await client.waitForMessage(
    "a refusal",
    ({ error }) => /shutting down/.test(error?.message ?? ""),
  );
  assert.equal(readSingleText((await call).result), "done");
  await gateway.checkEnd(0);
});

Deno.test("[http.second-signal] a second signal ends the gateway immediately", async () => {
  await using gateway = await startGateway({
    ...HTTP_TRANSPORT,
    servers: { odd: misbehavingServer() },
  });
  const { client, program, url } = gateway;
  const call = client.request("tools/call", {
    name: "execute_tool",
    arguments: { server: "odd", tool: "wait", args: {} },
  });
  const callEnds = assert.rejects(call, /The program ended/);
  await waitUntil(
    "the server holds the call",
    async () => await callOddTool(client, "waiting") === "1",
  );
  const startedMs = performance.now();
  program.sendSignal("SIGTERM");
  await waitUntil(
    "the gateway drains",
    async () => (await fetchPath(url, "/ready")).status === 503,
  );
  program.sendSignal("SIGTERM");
  await program.waitForEnd();
  assert.ok(performance.now() - startedMs < 4500, "the call would have had 5 s");
  await gateway.checkEnd(0);
  await callEnds;
});

Deno.test("a listener that other machines can reach", async (t) => {
  const rules = { agents: { a: { allow: { servers: ["*"] }, token_sha256: [TOKEN_HASH] } } };
  const rulesWithoutCredential = { agents: { a: { allow: { servers: ["*"] } } } };
  const publicHost = ["--host", "0.0.0.0"];

  await t.step("[http.public] a public listener is not opened without a credential", async () => {
    const { code, stdout, stderr } = await runOnce(
      ["--transport", "http", "--port", "0", ...publicHost],
      {
        rules: rulesWithoutCredential,
      },
    );
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /other machines can reach 0\.0\.0\.0, and no agent has a credential/);
    assert.match(stderr, /token_sha256/);
  });

  await t.step("[http.public-reload] a reload cannot remove the last credential", async () => {
    await using gateway = await startGateway({
      ...HTTP_TRANSPORT,
      rules,
      args: publicHost,
      initialize: false,
    });
    const url = gateway.url.replace("0.0.0.0", "127.0.0.1");
    const requestStatus = async () => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(INITIALIZE),
      });
      await response.text();
      return response.status;
    };
    assert.equal(await requestStatus(), 401);
    gateway.setup.writeFile(".mcp-gateway-rules.json", rulesWithoutCredential);
    await waitUntil("the reload is refused", () => {
      return /changed configuration is not used:[^]*no agent has a credential/.test(
        gateway.program.stderr,
      );
    });
    assert.equal(await requestStatus(), 401);
  });
});

Deno.test("[http.public] on loopback the gateway starts without a credential, and requires one that is added later", async () => {
  const rulesWithoutCredential = { agents: { a: { allow: { servers: ["*"] } } } };
  await using gateway = await startGateway({ ...HTTP_TRANSPORT, rules: rulesWithoutCredential });
  const rules = { agents: { a: { allow: { servers: ["*"] }, token_sha256: [TOKEN_HASH] } } };
  gateway.setup.writeFile(".mcp-gateway-rules.json", rules);
  await waitUntil("the credential is required", async () => {
    const response = await fetch(gateway.url, { method: "DELETE" });
    await response.text();
    return response.status === 401;
  });
});

Deno.test("[http.start-errors] a start with an unusable address or invalid settings fails with a message that names the cause", async () => {
  using usedPort = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(usedPort.addr.port);
  const httpArgs = ["--transport", "http"];
  const results = await Promise.all([
    runOnce([...httpArgs, "--port", port]),
    runOnce([...httpArgs, "--port", "0", "--host", "192.0.2.1"], {
      rules: { agents: { a: { token_sha256: [TOKEN_HASH] } } },
    }),
    runOnce([...httpArgs, "--port", "0"], { env: { GATEWAY_TLS_CERT: "no.crt" } }),
    runOnce([...httpArgs, "--port", "0"], {
      env: { GATEWAY_TLS_CERT: "a.crt", GATEWAY_TLS_KEY: "a.key" },
    }),
    runOnce([...httpArgs, "--port", "0"], { env: { GATEWAY_METRICS_TOKEN: "a secret" } }),
    runOnce([...httpArgs, "--port", "0"], { env: { GATEWAY_CORS_ORIGINS: "*" } }),
  ]);
  const expected = [
    new RegExp(`127\\.0\\.0\\.1:${port}: the port is in use .*Fix: .*--port`),
    /this machine has no address 192\.0\.2\.1 .*Fix: .*--host/,
    /GATEWAY_TLS_CERT: is set alone/,
    /a\.crt cannot be read/,
    /GATEWAY_METRICS_TOKEN must be 16 to 512 (?!.*a secret)/,
    /GATEWAY_CORS_ORIGINS: expected origins/,
  ];
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, expected[index] ?? /never/);
    assert.doesNotMatch(stderr, /^\s+at /m);
    assert.doesNotMatch(stderr, /is ready|Listening on/);
  }
});
