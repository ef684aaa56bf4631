import assert from "node:assert/strict";
import type { ServerConfig, ServerOptions } from "../../src/config/mod.ts";
import {
  type Caller,
  type CallOutcome,
  DownstreamServer,
  LoginNeedsCaller,
  openTransport,
  Processes,
  type ServerContext,
  type Transport,
} from "../../src/downstream/mod.ts";
import { CircuitBreaker } from "../../src/downstream/circuit_breaker.ts";
import { DownstreamError } from "../../src/errors.ts";
import { errorBodyOf } from "../../src/gateway/error_body.ts";
import { createMemoryChannels, JsonText } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";
import { NO_SPAN } from "../../src/trace.ts";
import { createResultReply, FakeClient } from "../contract/fake_client.ts";
import { runScriptedServer } from "../contract/scripted_server.ts";
import { withTimeout } from "../e2e/wait.ts";
import { catchDownstreamError, followLink, OAuthFixture, sendRequest } from "./oauth_fixture.ts";

const GRACE_PERIODS = { afterInputCloseMs: 1000, afterTerminateMs: 1000 };

/** Opens a scripted server in this process, after the protected server has accepted a request. */
async function openScriptedServer(
  { connection }: ServerConfig,
  { authorization }: Parameters<ServerContext["open"]>[1],
): Promise<Transport> {
  if (!("url" in connection) || authorization === undefined) throw new Error("not remote");
  const status = await sendRequest(authorization, connection.url);
  if (status !== 200) throw new Error(`HTTP ${status}`);
  const [gatewayChannel, serverChannel] = createMemoryChannels();
  runScriptedServer(serverChannel, {}, {
    printToStderr: () => {},
    exit: () => void serverChannel.close(),
  });
  return {
    channel: gatewayChannel,
    readLastOutput: () => Promise.resolve(""),
    kill: () => void gatewayChannel.close(),
    end: () => gatewayChannel.close(),
  };
}

function createServer(
  fixture: OAuthFixture,
  open: ServerContext["open"] = openScriptedServer,
  options: Partial<ServerOptions> = {},
): DownstreamServer & AsyncDisposable {
  const config = fixture.createConfig();
  const server = new DownstreamServer({ ...config, options: { ...config.options, ...options } }, {
    version: "1.2.3",
    log: createLog({ level: "debug", write: (line) => fixture.logLines.push(line) }),
    open,
    authorize: (_config, pending) => fixture.createAuth(pending),
  });
  return Object.assign(server, {
    [Symbol.asyncDispose]: () => server.close(0, GRACE_PERIODS),
  });
}

function callTool(server: DownstreamServer, caller: Caller, tool = "echo"): Promise<CallOutcome> {
  const signal = new AbortController().signal;
  return server.callTool({ tool, args: new JsonText("{}"), signal, span: NO_SPAN }, caller);
}

Deno.test("[oauth.discovered] an eager start prompts nobody, and the status reports that a login is required", async () => {
  await using fixture = new OAuthFixture();
  await using server = createServer(fixture);
  await server.warm(fixture.client);
  assert.deepEqual([fixture.openedLinks, fixture.authorizationServer.requests], [[], []]);
  const statusBeforeCall = server.status();
  assert.equal(statusBeforeCall.state, "login-required");
  assert.match(statusBeforeCall.last_error ?? "", /needs a login; the first call will start it/);
  assert.match(fixture.logLines.join(""), /^Server "notes" needs a login/m);
  assert.equal((await callTool(server, fixture.client.asAgent("a"))).kind, "replied");
  assert.equal(server.status().state, "ready");
});

Deno.test("[oauth.discovered] if an eager start fails because it needs a login, a call that waits for it starts the server again", async () => {
  await using fixture = new OAuthFixture();
  const refused = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let openCount = 0;
  await using server = createServer(fixture, async (config, options) => {
    openCount++;
    try {
      return await openScriptedServer(config, options);
    } catch (error) {
      assert.ok(error instanceof LoginNeedsCaller);
      refused.resolve();
      await gate.promise;
      throw error;
    }
  });
  const warming = server.warm(fixture.client);
  // If a call came before the refusal, the eager start itself would start the login.
  await withTimeout("the server refuses the eager start", refused.promise);
  const answer = callTool(server, fixture.client.asAgent("a"));
  gate.resolve();
  assert.equal((await answer).kind, "replied");
  await warming;
  assert.deepEqual([openCount, fixture.openedLinks.length], [2, 1]);
});

Deno.test("[errors.auth-required] [oauth.wait] a missing login does not count as a failed start", async () => {
  await using fixture = new OAuthFixture({ browser: "none" });
  await using server = createServer(fixture);
  for (let attempt = 0; attempt < 8; attempt++) {
    const error = await catchDownstreamError(callTool(server, fixture.client.asAgent("a")));
    assert.equal(error.code, "AUTH_REQUIRED");
    const errorBody = errorBodyOf(error);
    assert.equal(errorBody?.command, "agent-mcp-gateway auth login notes");
    assert.match(errorBody?.url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/authorize\?/);
  }
  assert.equal(server.status().state, "login-required");
});

Deno.test("[errors.auth-required] a missing login on a trial start does not open the circuit again", async () => {
  let now = 0;
  const breaker = new CircuitBreaker("notes", () => now);
  const fail = () => breaker.run(() => Promise.reject(new Error("down")));
  for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(fail(), /down/);
  await assert.rejects(fail(), /several times in a row/);
  now = 10_000;
  const missingLogin = new DownstreamError("AUTH_REQUIRED", "notes", "log in");
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(breaker.run(() => Promise.reject(missingLogin)), /log in/);
  }
});

Deno.test("[oauth.link] among the waiting calls, a client that supports links is prompted", async () => {
  await using fixture = new OAuthFixture();
  const gate = Promise.withResolvers<void>();
  await using server = createServer(fixture, async (config, options) => {
    await gate.promise;
    return await openScriptedServer(config, options);
  });
  const clientWithoutLinks = new FakeClient("plain");
  const clientWithLinks = new FakeClient("linked", { elicitation: { url: {} } });
  clientWithLinks.answer = async ({ params }) => {
    await (await fetch(String(params.url))).body?.cancel();
    return createResultReply({ action: "accept" });
  };
  const calls = [
    callTool(server, clientWithoutLinks.asAgent("a")),
    callTool(server, clientWithLinks.asAgent("a")),
  ];
  gate.resolve();
  for (const answer of await Promise.all(calls)) assert.equal(answer.kind, "replied");
  assert.deepEqual(fixture.openedLinks, []);
  assert.equal(clientWithLinks.received.all[0]?.method, "elicitation/create");
});

Deno.test("[oauth.wait] the timeout of a call pauses during a login", async () => {
  await using fixture = new OAuthFixture();
  const log = createLog({ write: () => {} });
  await using server = createServer(
    fixture,
    (config, { authorization }) =>
      openTransport(config, { log, authorization, processes: new Processes(1, log) }),
    { callTimeoutMs: 300 },
  );
  const client = new FakeClient("linked", { elicitation: { url: {} } });
  let loginDelayMs = 0;
  client.answer = async ({ params }) => {
    await new Promise((resolve) => setTimeout(resolve, loginDelayMs));
    await followLink(String(params.url));
    return createResultReply({ action: "accept" });
  };
  const callRead = () => callTool(server, client.asAgent("a"), "read");
  assert.equal((await callRead()).kind, "replied");
  fixture.authorizationServer.revokeLogins();
  loginDelayMs = 700;
  assert.equal((await callRead()).kind, "replied");
  assert.equal(
    client.received.all.filter(({ method }) => method === "elicitation/create").length,
    2,
  );
});

Deno.test("[oauth.renewal] a token that is refused when another session starts is renewed without a prompt", async () => {
  await using fixture = new OAuthFixture();
  await using server = createServer(fixture);
  assert.equal((await callTool(server, fixture.client.asAgent("a"))).kind, "replied");
  fixture.authorizationServer.revokeAccessTokens();
  // Another agent uses another session with the same tokens.
  assert.equal((await callTool(server, fixture.client.asAgent("b"))).kind, "replied");
  assert.deepEqual([fixture.openedLinks.length, fixture.authorizationServer.refreshCount], [1, 1]);
});
