import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { EventReader } from "../gateway/http/http_fixture.ts";
import { postText, RawConnection } from "../gateway/http/raw_http.ts";
import { claim, StatelessClient, statelessHeaders } from "./eras_clients.ts";
import {
  executeToolParams,
  type Fields,
  misbehavingServer,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const SERVERS = { odd: misbehavingServer() };

/** Calls a tool of the server without a session, and returns the text of its result. */
async function callForText(
  client: StatelessClient,
  tool: string,
  args: Fields = {},
): Promise<string> {
  const { message } = await client.send("tools/call", executeToolParams("odd", tool, args));
  const [{ text }] = message.result?.content as [{ text: string }];
  return text;
}

/** Returns a call of a server's tool with its headers. */
function buildCall(tool: string, { args = {}, meta = {} }: { args?: Fields; meta?: Fields } = {}) {
  const params = { ...executeToolParams("odd", tool, args), _meta: claim({ meta }) };
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
  return { headers: statelessHeaders(message), body: JSON.stringify(message) };
}

async function readGauge({ url }: RunningGateway, name: string): Promise<string | undefined> {
  const metrics = await (await fetch(new URL("/metrics", url))).text();
  return new RegExp(`^mcp_gateway_http_${name} (\\d+)$`, "m").exec(metrics)?.[1];
}

Deno.test("[eras.http-hang-up] the call of a client that hangs up is cancelled at the server, before a stream starts and on it", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    args: ["--agent", "tester"],
    transport: "http",
    initialize: false,
  });
  const client = StatelessClient.connect(gateway);
  const port = Number(new URL(gateway.url).port);
  const waitForPendingCalls = (count: number) => {
    return waitUntil(`${count} calls are pending`, async () => {
      return await callForText(client, "waiting") === String(count);
    });
  };
  await waitForPendingCalls(0);
  const staying = client.send("tools/call", executeToolParams("odd", "wait"));
  const early = await RawConnection.open(port);
  await early.send(postText(port, buildCall("wait")));
  await waitForPendingCalls(2);
  early[Symbol.dispose]();
  await waitForPendingCalls(1);

  const late = await RawConnection.open(port);
  await late.send(postText(port, buildCall("wait")));
  await waitForPendingCalls(2);
  assert.ok(await late.readUntil((text) => text.includes("text/event-stream")));
  late[Symbol.dispose]();
  await waitForPendingCalls(1);

  const cancellations = (await callForText(client, "received")).split("\n")
    .filter((line) => line.includes('"notifications/cancelled"'));
  assert.equal(cancellations.length, 2);
  await callForText(client, "release");
  assert.match(JSON.stringify((await staying).message.result), /released/);
  await waitUntil("the cancelled calls are recorded", () => {
    return gateway.readAuditLog().filter(({ code }) => code === "CANCELLED").length === 2;
  });
});

Deno.test("[eras.http-nothing-left] a thousand requests without sessions leave one client, and neither sessions nor further servers", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    args: ["--agent", "tester"],
    transport: "http",
    initialize: false,
  });
  const clients = Array.from({ length: 20 }, () => StatelessClient.connect(gateway));
  const [first] = clients;
  assert.ok(first);
  const pid = await callForText(first, "pid");
  for (let round = 0; round < 50; round++) {
    const texts = await Promise.all(clients.map((client, index) => {
      return round % 2 === 0
        ? callForText(client, "echo", { round, index })
        : client.send("tools/list", {}).then(({ message }) => JSON.stringify(message.result));
    }));
    for (const [index, text] of texts.entries()) {
      if (round % 2 === 0) assert.match(text, new RegExp(`"round":${round},"index":${index}\\b`));
      else assert.match(text, /execute_tool/);
    }
  }
  assert.equal(await callForText(first, "pid"), pid);
  assert.equal(await readGauge(gateway, "sessions"), "0");
  assert.equal(await readGauge(gateway, "stateless_clients"), "1");
});

Deno.test("[eras.http-credential-end] a reload that removes a token ends its requests; others continue", async () => {
  const makeRules = (tokens: readonly string[]) => ({
    agents: Object.fromEntries(tokens.map((token) => [token, {
      token_sha256: [sha256(token)],
      allow: { servers: ["*"] },
    }])),
  });
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: makeRules(["one", "two"]),
    transport: "http",
    initialize: false,
  });
  const post = (token: string, { headers, body }: ReturnType<typeof buildCall>) => {
    const authorization = `Bearer ${token}`;
    return fetch(gateway.url, { method: "POST", body, headers: { ...headers, authorization } });
  };
  const [one, two] = ["one", "two"].map((token) => StatelessClient.connect(gateway, token));
  assert.ok(one && two);
  assert.notEqual(await callForText(one, "pid"), "");
  const progress = buildCall("slow_progress", {
    args: { every_ms: 50, times: 10_000 },
    meta: { progressToken: 1 },
  });
  const stream = new EventReader(await post("one", progress));
  assert.match((await stream.nextMessage())?.data ?? "", /progress/);
  const staying = two.send("tools/call", executeToolParams("odd", "wait"));
  await waitUntil("the other call is pending", async () => {
    return await callForText(two, "waiting") !== "0";
  });
  gateway.setup.writeFile(".mcp-gateway-rules.json", makeRules(["two"]));
  for (const data of await stream.remainingMessages()) assert.match(data, /progress/);
  const refused = await post("one", buildCall("echo"));
  assert.equal(refused.status, 401);
  await refused.text();
  await callForText(two, "release");
  assert.match(JSON.stringify((await staying).message.result), /released/);
});

Deno.test("[eras.http-drain] after a signal, a call without a session is finished, and no new one is accepted", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    args: ["--agent", "tester"],
    transport: "http",
    initialize: false,
  });
  const call = buildCall("slow_progress", {
    args: { every_ms: 150, times: 8 },
    meta: { progressToken: 1 },
  });
  const response = await fetch(gateway.url, { method: "POST", ...call });
  const reader = new EventReader(response);
  assert.match((await reader.nextMessage())?.data ?? "", /progress/);
  gateway.program.sendSignal("SIGTERM");
  await waitUntil("new calls are refused", async () => {
    const refused = await fetch(gateway.url, { method: "POST", ...buildCall("echo") });
    await refused.text();
    return refused.status === 503;
  });
  const messages = await reader.remainingMessages();
  assert.equal(JSON.parse(messages.at(-1) ?? "").result.resultType, "complete");
  assert.equal((await gateway.program.waitForEnd()).code, 0);
});

Deno.test("[eras.http-headers] a mismatch is in the log of refusals and in the metrics", async () => {
  await using gateway = await startGateway({
    args: ["--agent", "tester"],
    transport: "http",
    initialize: false,
  });
  const { headers, body } = buildCall("echo");
  const response = await fetch(gateway.url, {
    method: "POST",
    headers: { ...headers, "mcp-name": "list_servers" },
    body,
  });
  assert.equal((await response.json()).error.code, -32020);
  const metrics = await (await fetch(new URL("/metrics", gateway.url))).text();
  assert.match(
    metrics,
    /^mcp_gateway_http_refused_total\{status="400",reason="headers"\} 1$/m,
  );
});
