/** Contract: calls and their answers, one at a time and concurrently. */
import assert from "node:assert/strict";
import { FakeClient } from "./fake_client.ts";
import {
  DownstreamFixture,
  expectFailure,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { createDefinition, type Fields, TOOLS } from "./scripted_server.ts";

/** A result that parsing and serializing would change. */
const ODD_RESULT = [
  '{"content":[{"type":"text","text":"tab\\t \\ud800 😀 \\u2028"},{"type":"hologram","deep":[[1.10]]}],',
  '"structuredContent":{"big":12345678901234567890,"minus":-0,"twice":1,"twice":2,"__proto__":{}},',
  '"isError":true,"_meta":{"a/b":1e400},"unknown":null}',
].join("");

/** Script of a server whose tool `held` must run as a task. */
const TASK_SCRIPT = {
  capabilities: { tools: {}, tasks: { requests: { tools: { call: {} } } } },
  pages: [[createDefinition("held", { execution: { taskSupport: "required" } })]],
};

export function describeCalls(name: string, create: () => TransportUnderTest): void {
  for (const revision of ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]) {
    const isRead = revision === "2025-03-26";
    const predicate = isRead ? "read" : "skipped";
    Deno.test(`[protocol.batch] ${name}: a batch of a server of revision ${revision} is ${predicate}`, async () => {
      await using fixture = new DownstreamFixture(create(), { script: { revision } });
      const { connection, request, answer } = await fixture.startHeldCall();
      const answerTexts = ["in a batch", "alone"].map((text) => {
        const content = [{ type: "text", text }];
        return JSON.stringify({ jsonrpc: "2.0", id: request.id, result: { content } });
      });
      connection.sendTexts(`[${answerTexts[0]}]`, answerTexts[1] ?? "");
      const expected = isRead ? "in a batch" : "alone";
      assert.equal(
        readResultJson(await answer),
        `{"content":[{"type":"text","text":"${expected}"}]}`,
      );
    });
  }

  Deno.test(`[sessions.results] ${name}: a result arrives as exactly the text that was sent`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { answer, connection, request } = await fixture.startHeldCall();
    connection.sendTexts(`{ "id":${request.id} ,"result": ${ODD_RESULT} ,"jsonrpc":"2.0"}`);
    assert.equal(readResultJson(await answer), ODD_RESULT);
  });

  Deno.test(`[sessions.results] ${name}: a JSON-RPC error arrives as exactly the text that was sent`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { answer, connection, request } = await fixture.startHeldCall();
    const error = '{"code":-32602,"message":"no \\u0041","data":{"big":12345678901234567890}}';
    connection.sendTexts(`{"jsonrpc":"2.0","id":${request.id},"error":${error}}`);
    const result = await answer;
    assert.ok(result.kind === "replied" && !result.reply.ok);
    assert.equal(result.reply.text.json, error);
    assert.equal(result.reply.error.code, -32602);
    // An error is an answer, not a failure of the server.
    assert.equal(fixture.server.status().last_error, null);
  });

  const incompleteResults: readonly [unknown, RegExp][] = [
    [
      "input_required",
      /answered with resultType "input_required", which is not a complete result/,
    ],
    ["task", /answered with resultType "task", which is not a complete result/],
    [null, /answered with resultType null, /],
    [{ task: 1 }, /answered with resultType an object, /],
  ];
  for (const [resultType, expected] of incompleteResults) {
    Deno.test(`[sessions.incomplete] ${name}: a result of type ${JSON.stringify(resultType)} is an error, and never passed on`, async () => {
      await using fixture = new DownstreamFixture(create());
      const { answer, connection, request } = await fixture.startHeldCall();
      connection.answer(request, { resultType, inputRequests: {}, content: [] });
      assert.match(await expectFailure(answer), expected);
      // A complete result is passed on unchanged, and the session stays.
      const nextCall = await fixture.startHeldCall();
      connection.answer(nextCall.request, { resultType: "complete", content: [] });
      assert.equal(readResultJson(await nextCall.answer), '{"resultType":"complete","content":[]}');
      assert.equal(fixture.connections.length, 1);
    });
  }

  Deno.test(`[sessions.arguments] ${name}: arguments and _meta arrive unchanged`, async () => {
    await using fixture = new DownstreamFixture(create());
    const args = '{"big":12345678901234567890,"precise":1.10,"twice":1,"twice":2,"😀":"\\ud800"}';
    const meta = { "vendor/x": [1], progressToken: "the client's own", traceparent: "00-1" };
    await fixture.call("echo", { args, meta });
    const { text, params } = await (await fixture.waitForConnection()).waitForMessage("tools/call");
    assert.ok(text.includes(`"arguments":${args}`), text);
    const { progressToken, ...otherMeta } = params?._meta as Fields;
    assert.deepEqual(otherMeta, { "vendor/x": [1], traceparent: "00-1" });
    assert.equal(typeof progressToken, "number");
  });

  Deno.test(`[sessions.concurrency] ${name}: calls do not wait for each other, and each gets its own answer`, async () => {
    await using fixture = new DownstreamFixture(create());
    const calls = Array.from({ length: 20 }, (_, number) => {
      return fixture.call("held", { args: `{"number":${number}}` });
    });
    const connection = await fixture.waitForConnection();
    const requests = [];
    for (const _ of calls) requests.push(await connection.waitForMessage("tools/call"));
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.server.status().calls_in_flight, calls.length);
    for (const request of requests.reverse()) {
      connection.answer(request, {
        content: [],
        number: (request.params?.arguments as Fields).number,
      });
    }
    for (const [number, call] of calls.entries()) {
      assert.equal(readResultJson(await call), `{"content":[],"number":${number}}`);
    }
    assert.equal(fixture.server.status().calls_in_flight, 0);
  });

  Deno.test(`[sessions.max-concurrency] ${name}: calls above the maximum are queued, and agents take turns`, async () => {
    const options = { isolation: "shared", maxConcurrency: 1 } as const;
    await using fixture = new DownstreamFixture(create(), { options });
    const tools = fixture.listTools(new FakeClient("1").asAgent("greedy"));
    const connection = await fixture.waitForConnection();
    await tools;
    const [greedy, modest] = [
      new FakeClient("1").asAgent("greedy"),
      new FakeClient("2").asAgent("modest"),
    ];
    const controller = new AbortController();
    const call = (number: number, caller = greedy, signal = new AbortController().signal) => {
      return fixture.call("held", { args: `{"number":${number}}`, caller, signal });
    };
    const calls = [call(1), call(2), call(3), call(4, modest)];
    const cancelledCall = assert.rejects(
      call(5, new FakeClient("3").asAgent("gone"), controller.signal),
      /no longer/,
    );
    const arrivedNumbers = [];
    for (const _ of calls) {
      const request = await connection.waitForMessage("tools/call");
      // The session is shared, and only this call uses it: the others are queued.
      assert.equal(fixture.server.status().calls_in_flight, 1);
      arrivedNumbers.push((request.params?.arguments as Fields).number);
      controller.abort(new Error("no longer"));
      await cancelledCall;
      connection.answer(request, { content: [] });
    }
    assert.deepEqual(arrivedNumbers, [1, 2, 4, 3]);
    await Promise.all(calls);
    assert.match(readResultJson(await fixture.call("echo", { caller: greedy })), /"done"/);
    assert.equal(connection.countReceived("tools/call"), calls.length + 1);
  });

  Deno.test(`[sessions.progress] ${name}: progress reaches its call with every field`, async () => {
    await using fixture = new DownstreamFixture(create());
    const progressParams: Fields[] = [];
    const { answer, connection, request } = await fixture.startHeldCall({
      onProgress: (params) => progressParams.push(params),
    });
    const { progressToken } = request.params?._meta as Fields;
    const steps = [
      { progressToken, progress: 1, total: 3.5, message: "one", odd: [null] },
      { progressToken, progress: 2 },
    ];
    for (const params of steps) connection.send({ method: "notifications/progress", params });
    const unrelated = { progressToken: Number(progressToken) + 1, progress: 9 };
    connection.send({ method: "notifications/progress", params: unrelated });
    connection.answer(request, { content: [] });
    await answer;
    assert.deepEqual(progressParams, steps);
  });

  Deno.test(`[sessions.tasks] ${name}: a tool that must run as a task is run as a task`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { ...TASK_SCRIPT, heldMethods: ["tasks/result"] },
    });
    const { answer, connection, request } = await fixture.startHeldCall({ args: '{"a":1}' });
    assert.deepEqual(request.params?.task, {});
    assert.deepEqual(request.params?.arguments, { a: 1 });
    connection.answer(request, { task: { taskId: "t1", status: "working" } });
    const resultRequest = await connection.waitForMessage("tasks/result");
    assert.deepEqual(resultRequest.params, { taskId: "t1" });
    connection.sendTexts(`{"jsonrpc":"2.0","id":${resultRequest.id},"result":${ODD_RESULT}}`);
    assert.equal(readResultJson(await answer), ODD_RESULT);
  });

  Deno.test(`[sessions.tasks] ${name}: the progress of a task reaches its call until the task ends`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { ...TASK_SCRIPT, heldMethods: ["tasks/result"] },
    });
    const progressParams: Fields[] = [];
    const { answer, connection, request } = await fixture.startHeldCall({
      onProgress: (params) => progressParams.push(params),
    });
    const { progressToken } = request.params?._meta as Fields;
    const step = { progressToken, progress: 1 };
    connection.answer(request, { task: { taskId: "t1", status: "working" } });
    const resultRequest = await connection.waitForMessage("tasks/result");
    // The request `tools/call` is already answered, but its progress token is valid until the task ends.
    connection.send({ method: "notifications/progress", params: step });
    connection.sendTexts(`{"jsonrpc":"2.0","id":${resultRequest.id},"result":${ODD_RESULT}}`);
    assert.equal(readResultJson(await answer), ODD_RESULT);
    assert.deepEqual(progressParams, [step]);
  });

  Deno.test(`[sessions.tasks] ${name}: cancelling the call of a task cancels the task`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { ...TASK_SCRIPT, heldMethods: ["tasks/result"] },
    });
    const controller = new AbortController();
    const { answer, connection, request } = await fixture.startHeldCall({
      signal: controller.signal,
    });
    connection.answer(request, { task: { taskId: "t1", status: "working" } });
    await connection.waitForMessage("tasks/result");
    controller.abort(new Error("enough"));
    await assert.rejects(answer, /enough/);
    assert.deepEqual((await connection.waitForMessage("tasks/cancel")).params, { taskId: "t1" });
  });

  const optionalTaskTool = createDefinition("held", { execution: { taskSupport: "optional" } });
  const ordinaryCalls = [
    ["if the server offers no tasks", { pages: TASK_SCRIPT.pages }],
    ["if the tool need not run as a task", { ...TASK_SCRIPT, pages: [[optionalTaskTool]] }],
  ] as const;
  for (const [condition, script] of ordinaryCalls) {
    Deno.test(`[sessions.tasks] ${name}: ${condition}, the call does not run as a task`, async () => {
      await using fixture = new DownstreamFixture(create(), { script });
      const { answer, connection, request } = await fixture.startHeldCall();
      assert.equal(request.params?.task, undefined);
      connection.answer(request, { content: [] });
      assert.equal(readResultJson(await answer), '{"content":[]}');
    });
  }

  Deno.test(`[sessions.results] ${name}: an answer above the size limit fails only its own call`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      maxBytes: 20_000,
      script: { pages: [TOOLS] },
    });
    const { answer, connection, request } = await fixture.startHeldCall();
    const secondCall = await fixture.startHeldCall();
    connection.answer(request, { content: [{ type: "text", text: "x".repeat(50_000) }] });
    // The message names the default limit, not the smaller limit of this test.
    assert.match(
      await expectFailure(answer),
      /answered with more than 64 MiB, the gateway's limit for one message; ask for less/,
    );
    connection.answer(secondCall.request, { content: [] });
    assert.equal(readResultJson(await secondCall.answer), '{"content":[]}');
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 1);
  });
}
