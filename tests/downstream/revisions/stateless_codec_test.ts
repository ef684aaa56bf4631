import assert from "node:assert/strict";
import type { Caller } from "../../../src/downstream/mod.ts";
import { DownstreamError } from "../../../src/errors.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";
import {
  type CallOptions,
  type DownstreamFixture,
  expectFailure,
  readResultJson,
} from "../../contract/downstream_fixture.ts";
import { createResultReply, FakeClient } from "../../contract/fake_client.ts";
import type { Fields } from "../../contract/scripted_server.ts";
import {
  type Answer,
  AnsweringServer,
  answerStateless,
  claimOf,
  type ServedMessage,
} from "./answering_server.ts";

const CAPABILITIES = { elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

/** Creates a server whose calls are answered by a function of the number of the call. */
function createServer(
  answerCall: (message: ServedMessage, number: number) => Answer,
): AnsweringServer {
  let count = 0;
  return new AnsweringServer((message) => {
    return message.method === "tools/call"
      ? answerCall(message, count++)
      : answerStateless(message);
  });
}

/** Returns the answer that asks for input. */
function needInput(inputRequests?: Fields, requestState?: string): Answer {
  return { result: { resultType: "input_required", inputRequests, requestState } };
}

const DONE: Answer = { result: { resultType: "complete", content: [] } };

function form(message: string): Fields {
  return { method: "elicitation/create", params: { mode: "form", message, requestedSchema: {} } };
}

/** Calls the tool as a client with all capabilities. */
function call(fixture: DownstreamFixture, client: FakeClient, options: CallOptions = {}) {
  return fixture.call("echo", { caller: client.asAgent("agent"), ...options });
}

function calls(server: AnsweringServer): ServedMessage[] {
  return server.received.all.filter(({ method }) => method === "tools/call");
}

Deno.test("[eras.meta] each request has the gateway's claim, the level of its client and what the client added", async () => {
  const server = createServer(() => DONE);
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  const meta = {
    "vendor/x": [1],
    progressToken: "mine",
    "io.modelcontextprotocol/protocolVersion": "2099-01-01",
    "io.modelcontextprotocol/clientInfo": { name: "client" },
  };
  await call(fixture, client, { meta });
  client.logLevel = "warning";
  await call(fixture, client);
  const [first, second] = calls(server);
  assert.ok(first !== undefined && second !== undefined);
  const { progressToken, ...others } = first.params?._meta as Fields;
  assert.equal(typeof progressToken, "number");
  assert.deepEqual(others, {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "agent-mcp-gateway", version: "1.2.3" },
    // A server cannot be notified of changed roots.
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {}, url: {} }, roots: {} },
    "vendor/x": [1],
  });
  assert.equal(claimOf(second, "logLevel"), "warning");
});

Deno.test("[eras.meta] a result loses what only this revision has, and stays as it was written otherwise", async () => {
  const result = '{"resultType":"complete", "content":[ {"big":12345678901234567890} ],"x":-0,' +
    '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"},"vendor":1e400},"twice":1,"twice":2}';
  const server = createServer((message) => {
    server.sendText(`{"jsonrpc":"2.0","id":${message.id},"result":${result}}`);
    return undefined;
  });
  await using fixture = server.fixture();
  assert.equal(
    readResultJson(await fixture.call("echo")),
    '{"content":[ {"big":12345678901234567890} ],"x":-0,"twice":1,"twice":2,"_meta":{"vendor":1e400}}',
  );
});

Deno.test("[eras.questions] all questions are asked at the same time, and the call goes on with the answers and the state", async () => {
  const state = 'a "state"\n';
  const server = createServer((_, number) => {
    return number === 0
      ? needInput({
        one: form("One?"),
        "two\n": form("[other] Two?"),
        roots: { method: "roots/list" },
      }, state)
      : number === 1
      ? needInput({ three: form("Three?") })
      : DONE;
  });
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  const asked = Promise.withResolvers<void>();
  client.answer = async ({ method, params }) => {
    if (client.received.all.length === 3) asked.resolve();
    await asked.promise;
    if (method === "roots/list") return createResultReply({ roots: [] });
    const action = params.message === "[files] Two?" ? "decline" : "accept";
    return createResultReply({ action, message: params.message });
  };
  let pauses = 0;
  const permit = { pause: () => void pauses++, resume: () => void pauses-- };
  const caller: Caller = { ...client.asAgent("agent"), permit };
  assert.equal(
    readResultJson(await fixture.call("echo", { caller, args: '{"a":1}' })),
    '{"content":[]}',
  );
  assert.equal(pauses, 0);
  const [first, second, third] = calls(server);
  assert.deepEqual(second?.params?.arguments, { a: 1 });
  assert.notEqual(second?.id, first?.id);
  assert.equal(second?.params?.requestState, state);
  assert.deepEqual(second?.params?.inputResponses, {
    one: { action: "accept", message: "[files] One?" },
    "two\n": { action: "decline", message: "[files] Two?" },
    roots: { roots: [] },
  });
  assert.deepEqual(third?.params?.inputResponses, {
    three: { action: "accept", message: "[files] Three?" },
  });
  assert.equal(Object.hasOwn(third?.params ?? {}, "requestState"), false);
});

Deno.test("[eras.questions] a page to open has an id for the client, and is done when the call is answered", async () => {
  const params = { mode: "url", message: "Open", url: "https://example.com" };
  const server = createServer((_, number) => {
    return number === 0 ? needInput({ u: { method: "elicitation/create", params } }) : DONE;
  });
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  client.answer = () => Promise.resolve(createResultReply({ action: "accept" }));
  await call(fixture, client);
  const [question, done] = client.received.all;
  assert.match(String(question?.params.elicitationId), /^[0-9a-f-]{36}$/);
  assert.deepEqual(done, {
    method: "notifications/elicitation/complete",
    params: { elicitationId: question?.params.elicitationId },
  });
});

Deno.test("[eras.questions] an error of the client ends the call, and withdraws the other questions", async () => {
  const server = createServer(() => needInput({ one: form("One?"), two: form("Two?") }));
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  const withdrawn = Promise.withResolvers<void>();
  client.answer = ({ params, signal }) => {
    if (params.message === "[files] One?") {
      const error = { code: -32000, message: "no window" };
      return Promise.resolve({ ok: false, error, text: new JsonText(JSON.stringify(error)) });
    }
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        withdrawn.resolve();
        reject(signal.reason);
      });
    });
  };
  const outcome = await call(fixture, client);
  assert.ok(outcome.kind === "replied" && !outcome.reply.ok);
  assert.match(outcome.reply.error.message, /did not give the input .*form.*no window/);
  await withdrawn.promise;
  assert.equal(calls(server).length, 1);
});

Deno.test("[eras.undeclared] a question that the client has not declared fails the call before anything is asked", async () => {
  const undeclared: readonly [Fields, RegExp][] = [
    [{ method: "sampling/createMessage", params: {} }, /sampling\/createMessage of a kind that/],
    [
      { method: "elicitation/create", params: { mode: "url", message: "", url: "https://x" } },
      /of a kind/,
    ],
    [{ method: "tools/call" }, /a request that no client knows/],
    [{}, /a request that no client knows/],
  ];
  const client = new FakeClient("1", { elicitation: {} });
  for (const [request, expected] of undeclared) {
    const server = createServer(() => needInput({ first: form("First?"), request }));
    await using fixture = server.fixture({ options: { forward: ["elicitation", "sampling"] } });
    assert.match(await expectFailure(call(fixture, client)), expected);
  }
  assert.deepEqual(client.received.all, []);
});

for (
  const [description, result, expected] of [
    [
      "of no request and no state",
      { resultType: "input_required" },
      /neither "inputRequests" nor a "requestState"/,
    ],
    [
      "whose state is no text",
      { resultType: "input_required", requestState: 1 },
      /"requestState" that is not a string/,
    ],
    [
      "of an unknown type",
      { resultType: "task", task: {} },
      /answered with resultType "task", which is not a complete result/,
    ],
  ] as const
) {
  Deno.test(`[sessions.incomplete] a result ${description} fails the call`, async () => {
    const server = createServer(() => ({ result }));
    await using fixture = server.fixture();
    assert.match(await expectFailure(fixture.call("echo")), expected);
  });
}

Deno.test("[eras.questions] a server that asks without end is asked no more after eight rounds", async () => {
  const server = createServer((_, number) => needInput({ again: form(`Question ${number}`) }));
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  client.answer = () => Promise.resolve(createResultReply({ action: "accept" }));
  assert.match(await expectFailure(call(fixture, client)), /asked for input more than 8 times/);
  assert.equal(client.received.all.length, 8);
});

Deno.test("[eras.questions] a client that is asked by the answer to its call gets the server's keys and its state", async () => {
  const server = createServer(({ params }) => {
    return params?.requestState === "s1" ? DONE : needInput({ one: form("One?") }, "s1");
  });
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  const channel: Caller["channel"] = {
    relaysInput: true,
    outsideCalls: undefined,
    supports: () => true,
    requestInput: () => Promise.reject(new Error("The client must not be asked")),
    notifyUrlInputDone: () => {},
    log: () => {},
    logLevel: () => undefined,
  };
  const caller: Caller = { ...client.asAgent("agent"), channel };
  const outcome = await fixture.call("echo", { caller });
  assert.ok(outcome.kind === "input-required");
  const { requests, state } = outcome.input;
  assert.equal(state, "s1");
  assert.deepEqual(requests.one?.params, {
    mode: "form",
    message: "[files] One?",
    requestedSchema: { title: "[files]" },
  });
  const responses = new JsonText('{"one":{"action":"accept","big":12345678901234567890}}');
  const answered = await fixture.call("echo", { caller, givenInput: { responses, state } });
  assert.equal(readResultJson(answered), '{"content":[]}');
  assert.deepEqual(client.received.all, []);
});

Deno.test("[eras.cancel] a call that is cancelled while its client is asked withdraws the question", async () => {
  const server = createServer(() => needInput({ one: form("One?") }));
  await using fixture = server.fixture();
  const client = new FakeClient("1", CAPABILITIES);
  const controller = new AbortController();
  client.answer = ({ signal }) => {
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      controller.abort(new Error("enough"));
    });
  };
  await assert.rejects(call(fixture, client, { signal: controller.signal }), /enough/);
  assert.equal(calls(server).length, 1);
});

Deno.test("[eras.lacking] a capability that the entry does not forward is named with the setting", async () => {
  const data = { requiredCapabilities: { sampling: {} } };
  const server = createServer(() => ({
    error: { code: -32021, message: "Missing capability", data },
  }));
  await using fixture = server.fixture();
  const capable = new FakeClient("1", { sampling: {} });
  assert.match(
    await expectFailure(call(fixture, capable)),
    /needs "sampling" of the client, which "gateway\.forward" of its entry does not include/,
  );
  const outcome = await call(fixture, new FakeClient("2"));
  assert.ok(outcome.kind === "replied" && !outcome.reply.ok);
  assert.deepEqual(outcome.reply.error.data, data);
});

Deno.test("[eras.undeclared] a server of revision 2026-07-28 sends no requests", async () => {
  const server = new AnsweringServer((message) => answerStateless(message));
  await using fixture = server.fixture();
  await fixture.call("echo");
  server.send({ id: "x", method: "elicitation/create", params: { message: "?" } });
  const { error } = await server.received.take(({ id }) => id === "x");
  assert.equal(error?.code, -32601);
});

Deno.test("[eras.probe] whether a server of revision 2026-07-28 is alive shows its answer to server/discover", async () => {
  const server = createServer(() => undefined);
  await using fixture = server.fixture({ options: { callTimeoutMs: 50 } });
  const error = await fixture.call("echo").then(() => undefined, (cause) => cause);
  assert.ok(error instanceof DownstreamError && error.code === "TIMEOUT");
  await server.waitFor("server/discover");
  await server.waitFor("server/discover");
  assert.equal(fixture.server.status().state, "ready");
});
