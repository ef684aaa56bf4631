/** Contract: requests for resources, prompts and completion. */
import assert from "node:assert/strict";
import type { ItemRequest } from "../../src/downstream/mod.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import {
  DownstreamFixture,
  expectFailure,
  readOutcome,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import type { Fields } from "./scripted_server.ts";

const HELD_READ = { script: { heldMethods: ["resources/read"] } };

/** Requests, each with the method and the parameters that the server receives. */
const REQUESTS: readonly (readonly [ItemRequest, string, Fields])[] = [
  [
    { kind: "resource", uri: 'test://käse/"%2e%2E?q#f' },
    "resources/read",
    { uri: 'test://käse/"%2e%2E?q#f' },
  ],
  [{ kind: "prompt", name: "greet" }, "prompts/get", { name: "greet" }],
  [
    { kind: "prompt", name: "greet", args: new JsonText('{"who":"Zoë","n":1.50}') },
    "prompts/get",
    { name: "greet", arguments: { who: "Zoë", n: 1.5 } },
  ],
  [
    {
      kind: "completion",
      reference: { kind: "prompt", name: "greet" },
      argument: new JsonText('{"name":"who","value":"Z"}'),
      context: new JsonText('{"arguments":{"a":"b"}}'),
    },
    "completion/complete",
    {
      ref: { type: "ref/prompt", name: "greet" },
      argument: { name: "who", value: "Z" },
      context: { arguments: { a: "b" } },
    },
  ],
  [
    {
      kind: "completion",
      reference: { kind: "template", uri: "test://{id}" },
      argument: new JsonText('{"name":"id","value":""}'),
    },
    "completion/complete",
    { ref: { type: "ref/resource", uri: "test://{id}" }, argument: { name: "id", value: "" } },
  ],
];

export function describeItemRequests(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[servers.requests] ${name}: resources are read, prompts gotten and arguments completed, without any list`, async () => {
    await using fixture = new DownstreamFixture(create());
    for (const [request, method, expected] of REQUESTS) {
      const outcome = await fixture.request(request, { meta: { "vendor/x": 1 } });
      const connection = fixture.connections[0] ?? await fixture.waitForConnection();
      const { params } = await connection.waitForMessage(method);
      const { _meta, ...members } = params ?? {};
      assert.deepEqual(members, expected);
      assert.equal((_meta as Fields)["vendor/x"], 1);
      assert.equal(typeof (_meta as Fields).progressToken, "number");
      assert.deepEqual(readOutcome(outcome), { params });
    }
    assert.equal(fixture.connections.length, 1);
    assert.deepEqual(
      fixture.connections[0]?.receivedMethods.filter((method) => method.endsWith("/list")),
      [],
    );
  });

  Deno.test(`[servers.requests] ${name}: a result is returned as the server wrote it, and so is a JSON-RPC error`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_READ);
    const { answer, connection, request } = await fixture.startHeldRead();
    const result = '{ "contents":[{"uri":"test://held","text":"a","big":12345678901234567890}]}';
    connection.sendTexts(`{ "id":${request.id} ,"result": ${result} ,"jsonrpc":"2.0"}`);
    const { reply, downstreamMs } = await answer;
    assert.ok(reply.ok && reply.result.text.json === result);
    assert.ok(downstreamMs >= 0);
    const second = await fixture.startHeldRead();
    const error = { code: -32002, message: "Resource not found", data: { uri: "test://held" } };
    connection.send({ id: second.request.id, error });
    const { reply: refusal } = await second.answer;
    assert.ok(!refusal.ok);
    assert.deepEqual(JSON.parse(refusal.text.json), error);
    assert.equal(fixture.server.status().state, "ready");
  });

  Deno.test(`[servers.requests] ${name}: the progress of a request reaches the client, and cancelling it cancels it at the server`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_READ);
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Fields>();
    const options = { signal: abort.signal, onProgress: resolve };
    const { answer, connection, request } = await fixture.startHeldRead(options);
    const progressToken = (request.params?._meta as Fields).progressToken;
    connection.send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
    assert.equal((await promise).progress, 1);
    abort.abort(new Error("enough"));
    await assert.rejects(answer, /enough/);
    const { params } = await connection.waitForMessage("notifications/cancelled");
    assert.equal(params?.requestId, request.id);
  });

  Deno.test(`[servers.request-failures] ${name}: a request without an answer times out, and one of a crashed server fails`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_READ);
    // The time counts from before the start of the server.
    await fixture.listTools();
    const { answer, connection } = await fixture.startHeldRead({ timeoutMs: 500 });
    await expectFailure(answer, "TIMEOUT");
    await connection.waitForMessage("notifications/cancelled");
    const second = await fixture.startHeldRead();
    // Over HTTP, a read is sent again on a new session, as the call of a read-only tool is.
    fixture.script = { refusals: { initialize: "no licence" } };
    second.connection.crash("out of disk");
    const message = await expectFailure(second.answer);
    assert.ok(
      fixture.quotesOutput(message, "out of disk") || message.includes("no licence"),
      message,
    );
  });

  Deno.test(`[servers.request-failures] ${name}: an answer that is no result is a failure of the server`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_READ);
    for (const result of [null, 7, "text", []]) {
      const { answer, connection, request } = await fixture.startHeldRead();
      connection.send({ id: request.id, result });
      assert.match(
        await expectFailure(answer),
        /^Server "files" answered resources\/read with .* instead of a result\. Report this/,
      );
    }
    assert.equal(fixture.connections.length, 1);
  });

  Deno.test(`[servers.requests] ${name}: during a request, the server can ask the client`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_READ);
    const { answer, connection, request } = await fixture.startHeldRead();
    const asking = connection.sendRequest("ask", "elicitation/create", {
      message: "Which one?",
      requestedSchema: { type: "object", properties: {} },
    });
    const { params } = await fixture.client.received.take();
    assert.equal(params.message, "[files] Which one?");
    await asking;
    connection.answer(request, { contents: [] });
    assert.deepEqual(readOutcome(await answer), { contents: [] });
  });
}
