import assert from "node:assert/strict";
import type { ServerConfig, ServerOptions } from "../../src/config/mod.ts";
import {
  type Authorization,
  type CallAnswer,
  type Caller,
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
import { failure, follow, OAuthScene, send } from "./scene.ts";

const GRACE_PERIODS = { inputMs: 1000, terminateMs: 1000 };

/** A server that is opened once its authorization permits it, and then answers from memory. */
async function openMemory(
  { connect }: ServerConfig,
  authorization: Authorization | undefined,
): Promise<Transport> {
  if (!("url" in connect) || authorization === undefined) throw new Error("not remote");
  const status = await send(authorization, connect.url);
  if (status !== 200) throw new Error(`HTTP ${status}`);
  const [ours, theirs] = createMemoryChannels();
  runScriptedServer(theirs, {}, { printToStderr: () => {}, exit: () => void theirs.close() });
  return {
    channel: ours,
    readLastOutput: () => Promise.resolve(""),
    kill: () => void ours.close(),
    end: () => ours.close(),
  };
}

function makeServer(
  scene: OAuthScene,
  open: ServerContext["open"] = openMemory,
  options: Partial<ServerOptions> = {},
): DownstreamServer & AsyncDisposable {
  const config = scene.config();
  const server = new DownstreamServer({ ...config, options: { ...config.options, ...options } }, {
    version: "1.2.3",
    log: createLog({ level: "debug", write: (line) => scene.log.push(line) }),
    open: open,
    authorize: (_config, pending) => scene.gateway(pending),
  });
  return Object.assign(server, {
    [Symbol.asyncDispose]: () => server.close(0, GRACE_PERIODS),
  });
}

function call(server: DownstreamServer, by: Caller, tool = "echo"): Promise<CallAnswer> {
  const signal = new AbortController().signal;
  return server.callTool({ tool, args: new JsonText("{}"), signal, span: NO_SPAN }, by);
}

Deno.test("[oauth.discovered] eager starts ask for no login, and the status reports it", async () => {
  await using scene = new OAuthScene();
  await using server = makeServer(scene);
  await server.warm(scene.client);
  assert.deepEqual([scene.opened, scene.service.requests], [[], []]);
  const before = server.status();
  assert.equal(before.state, "login-required");
  assert.match(before.last_error ?? "", /needs a login; the first call will start it/);
  assert.match(scene.log.join(""), /^Server "notes" needs a login/m);
  assert.equal((await call(server, scene.client.asAgent("a"))).kind, "answer");
  assert.equal(server.status().state, "ready");
});

Deno.test("[oauth.discovered] a call that joins an eager start starts it again", async () => {
  await using scene = new OAuthScene();
  const refused = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let opened = 0;
  await using server = makeServer(scene, async (config, authorization) => {
    opened++;
    try {
      return await openMemory(config, authorization);
    } catch (error) {
      assert.ok(error instanceof LoginNeedsCaller);
      refused.resolve();
      await gate.promise;
      throw error;
    }
  });
  const warming = server.warm(scene.client);
  // Earlier, this call would be the one that the eager start asks for the login.
  await withTimeout("the gateway has seen the refusal", refused.promise);
  const answer = call(server, scene.client.asAgent("a"));
  gate.resolve();
  assert.equal((await answer).kind, "answer");
  await warming;
  assert.deepEqual([opened, scene.opened.length], [2, 1]);
});

Deno.test("[errors.auth-required] [oauth.wait] a missing login is not a failed start", async () => {
  await using scene = new OAuthScene({ browser: "none" });
  await using server = makeServer(scene);
  for (let time = 0; time < 8; time++) {
    const error = await failure(call(server, scene.client.asAgent("a")));
    assert.equal(error.code, "AUTH_REQUIRED");
    // The error as the agent receives it.
    const wire = errorBodyOf(error);
    assert.equal(wire?.command, "agent-mcp-gateway auth login notes");
    assert.match(wire?.url ?? "", /^http:\/\/127\.0\.0\.1:\d+\/authorize\?/);
  }
  assert.equal(server.status().state, "login-required");
});

Deno.test("[errors.auth-required] a server that answers on trial is used again", async () => {
  let now = 0;
  const breaker = new CircuitBreaker("notes", () => now);
  const fail = () => breaker.run(() => Promise.reject(new Error("down")));
  for (let time = 0; time < 5; time++) await assert.rejects(fail(), /down/);
  await assert.rejects(fail(), /several times in a row/);
  now = 10_000;
  const missing = new DownstreamError("AUTH_REQUIRED", "notes", "log in");
  for (let time = 0; time < 3; time++) {
    await assert.rejects(breaker.run(() => Promise.reject(missing)), /log in/);
  }
});

Deno.test("[oauth.link] among the waiting calls, one whose client shows links is asked", async () => {
  await using scene = new OAuthScene();
  const gate = Promise.withResolvers<void>();
  await using server = makeServer(scene, async (config, authorization) => {
    await gate.promise;
    return await openMemory(config, authorization);
  });
  const plain = new FakeClient("plain");
  const linked = new FakeClient("linked", { elicitation: { url: {} } });
  linked.answer = async ({ params }) => {
    await (await fetch(String(params.url))).body?.cancel();
    return createResultReply({ action: "accept" });
  };
  const calls = [call(server, plain.asAgent("a")), call(server, linked.asAgent("a"))];
  gate.resolve();
  for (const answer of await Promise.all(calls)) assert.equal(answer.kind, "answer");
  assert.deepEqual(scene.opened, []);
  assert.equal(linked.received.all[0]?.method, "elicitation/create");
});

Deno.test("[oauth.wait] a login during a call pauses the call's clock", async () => {
  await using scene = new OAuthScene();
  const log = createLog({ write: () => {} });
  await using server = makeServer(
    scene,
    (config, authorization) =>
      openTransport(config, { log, authorization, processes: new Processes(1, log) }),
    { callTimeoutMs: 300 },
  );
  const client = new FakeClient("linked", { elicitation: { url: {} } });
  let thinkMs = 0;
  client.answer = async ({ params }) => {
    await new Promise((resolve) => setTimeout(resolve, thinkMs));
    await follow(String(params.url));
    return createResultReply({ action: "accept" });
  };
  const read = () => call(server, client.asAgent("a"), "read");
  assert.equal((await read()).kind, "answer");
  scene.service.revokeLogins();
  thinkMs = 700;
  assert.equal((await read()).kind, "answer");
  assert.equal(
    client.received.all.filter(({ method }) => method === "elicitation/create").length,
    2,
  );
});

Deno.test("[oauth.renewal] a token that is refused during a session is renewed transparently", async () => {
  await using scene = new OAuthScene();
  await using server = makeServer(scene);
  assert.equal((await call(server, scene.client.asAgent("a"))).kind, "answer");
  scene.service.revokeAccessTokens();
  // The session of another agent.
  assert.equal((await call(server, scene.client.asAgent("b"))).kind, "answer");
  assert.deepEqual([scene.opened.length, scene.service.refreshCount], [1, 1]);
});
