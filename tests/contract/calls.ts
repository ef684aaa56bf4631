/** Contract: calls and their answers, also many at a time. */
import assert from "node:assert/strict";
import { Client } from "./client.ts";
import { failure, resultText, Scene, type TransportUnderTest } from "./scene.ts";
import { definition, type Fields, TOOLS } from "./scripted_server.ts";

const ODD_RESULT = [
  '{"content":[{"type":"text","text":"tab\\t \\ud800 😀 \\u2028"},{"type":"hologram","deep":[[1.10]]}],',
  '"structuredContent":{"big":12345678901234567890,"minus":-0,"twice":1,"twice":2,"__proto__":{}},',
  '"isError":true,"_meta":{"a/b":1e400},"unknown":null}',
].join("");

const TASK_SERVER = {
  capabilities: { tools: {}, tasks: { requests: { tools: { call: {} } } } },
  pages: [[definition("held", { execution: { taskSupport: "required" } })]],
};

export function describeCalls(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.results] ${name}: a result arrives as the text that was sent`, async () => {
    await using scene = new Scene(create());
    const { answer, tap, request } = await scene.hold();
    tap.sendText(`{ "id":${request.id} ,"result": ${ODD_RESULT} ,"jsonrpc":"2.0"}`);
    assert.equal(resultText(await answer), ODD_RESULT);
  });

  Deno.test(`[sessions.results] ${name}: a JSON-RPC error arrives as it was sent`, async () => {
    await using scene = new Scene(create());
    const { answer, tap, request } = await scene.hold();
    const error = '{"code":-32602,"message":"no \\u0041","data":{"big":12345678901234567890}}';
    tap.sendText(`{"jsonrpc":"2.0","id":${request.id},"error":${error}}`);
    const result = await answer;
    assert.ok(result.kind === "answer" && !result.reply.ok);
    assert.equal(result.reply.text.json, error);
    assert.equal(result.reply.error.code, -32602);
    // This is an answer: the server has not failed.
    assert.equal(scene.server.status().last_error, null);
  });

  const incomplete: readonly [unknown, RegExp][] = [
    [
      "input_required",
      /asked for input as MCP revision 2026-07-28 defines it \(resultType "input_required"\)/,
    ],
    ["task", /answered with resultType "task", which is not a complete result/],
    [null, /answered with resultType null, /],
  ];
  for (const [resultType, expected] of incomplete) {
    Deno.test(`[sessions.incomplete] ${name}: a result of type ${resultType} is an error, and never passed on`, async () => {
      await using scene = new Scene(create());
      const { answer, tap, request } = await scene.hold();
      tap.answer(request, { resultType, inputRequests: {}, content: [] });
      assert.match(await failure(answer), expected);
      // A complete result is passed on unchanged, and the session stays.
      const next = await scene.hold();
      tap.answer(next.request, { resultType: "complete", content: [] });
      assert.equal(resultText(await next.answer), '{"resultType":"complete","content":[]}');
      assert.equal(scene.taps.length, 1);
    });
  }

  Deno.test(`[sessions.arguments] ${name}: arguments and _meta arrive unchanged`, async () => {
    await using scene = new Scene(create());
    const args = '{"big":12345678901234567890,"precise":1.10,"twice":1,"twice":2,"😀":"\\ud800"}';
    const meta = { "vendor/x": [1], progressToken: "the client's own", traceparent: "00-1" };
    await scene.call("echo", { args, meta });
    const { text, params } = await (await scene.opened()).saw("tools/call");
    assert.ok(text.includes(`"arguments":${args}`), text);
    const { progressToken, ...rest } = params?._meta as Fields;
    assert.deepEqual(rest, { "vendor/x": [1], traceparent: "00-1" });
    assert.equal(typeof progressToken, "number");
  });

  Deno.test(`[sessions.concurrency] ${name}: calls do not wait for others, and answers are not mixed up`, async () => {
    await using scene = new Scene(create());
    const calls = Array.from({ length: 20 }, (_, number) => {
      return scene.call("held", { args: `{"number":${number}}` });
    });
    const tap = await scene.opened();
    const requests = [];
    for (const _ of calls) requests.push(await tap.saw("tools/call"));
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.server.status().calls_in_flight, calls.length);
    for (const request of requests.reverse()) {
      tap.answer(request, { content: [], number: (request.params?.arguments as Fields).number });
    }
    for (const [number, call] of calls.entries()) {
      assert.equal(resultText(await call), `{"content":[],"number":${number}}`);
    }
    assert.equal(scene.server.status().calls_in_flight, 0);
  });

  Deno.test(`[sessions.max-concurrency] ${name}: further calls are queued, with agents in rotation`, async () => {
    const options = { isolation: "shared", maxConcurrency: 1 } as const;
    await using scene = new Scene(create(), { options });
    const tools = scene.listTools(new Client("1").agent("greedy"));
    const tap = await scene.opened();
    await tools;
    const [greedy, modest] = [new Client("1").agent("greedy"), new Client("2").agent("modest")];
    const cancelled = new AbortController();
    const call = (number: number, by = greedy, signal = new AbortController().signal) => {
      return scene.call("held", { args: `{"number":${number}}`, by, signal });
    };
    const calls = [call(1), call(2), call(3), call(4, modest)];
    const given = assert.rejects(
      call(5, new Client("3").agent("gone"), cancelled.signal),
      /no longer/,
    );
    const order = [];
    for (const _ of calls) {
      const request = await tap.saw("tools/call");
      // The session is shared, and only this call uses it: the others are queued.
      assert.equal(scene.server.status().calls_in_flight, 1);
      order.push((request.params?.arguments as Fields).number);
      cancelled.abort(new Error("no longer"));
      await given;
      tap.answer(request, { content: [] });
    }
    assert.deepEqual(order, [1, 2, 4, 3]);
    await Promise.all(calls);
    assert.match(resultText(await scene.call("echo", { by: greedy })), /"done"/);
    assert.equal(tap.count("tools/call"), calls.length + 1);
  });

  Deno.test(`[sessions.progress] ${name}: progress reaches its call, every field of it`, async () => {
    await using scene = new Scene(create());
    const received: Fields[] = [];
    const { answer, tap, request } = await scene.hold({
      onProgress: (params) => received.push(params),
    });
    const { progressToken } = request.params?._meta as Fields;
    const steps = [
      { progressToken, progress: 1, total: 3.5, message: "one", odd: [null] },
      { progressToken, progress: 2 },
    ];
    for (const params of steps) tap.send({ method: "notifications/progress", params });
    const stray = { progressToken: Number(progressToken) + 1, progress: 9 };
    tap.send({ method: "notifications/progress", params: stray });
    tap.answer(request, { content: [] });
    await answer;
    assert.deepEqual(received, steps);
  });

  Deno.test(`[sessions.tasks] ${name}: a tool that must run as a task is run as one`, async () => {
    await using scene = new Scene(create(), {
      script: { ...TASK_SERVER, holds: ["tasks/result"] },
    });
    const { answer, tap, request } = await scene.hold({ args: '{"a":1}' });
    assert.deepEqual(request.params?.task, {});
    assert.deepEqual(request.params?.arguments, { a: 1 });
    tap.answer(request, { task: { taskId: "t1", status: "working" } });
    const wait = await tap.saw("tasks/result");
    assert.deepEqual(wait.params, { taskId: "t1" });
    tap.sendText(`{"jsonrpc":"2.0","id":${wait.id},"result":${ODD_RESULT}}`);
    assert.equal(resultText(await answer), ODD_RESULT);
  });

  Deno.test(`[sessions.tasks] ${name}: the progress of a task reaches its call until it ends`, async () => {
    await using scene = new Scene(create(), {
      script: { ...TASK_SERVER, holds: ["tasks/result"] },
    });
    const seen: Fields[] = [];
    const { answer, tap, request } = await scene.hold({
      onProgress: (params) => seen.push(params),
    });
    const { progressToken } = request.params?._meta as Fields;
    const step = { progressToken, progress: 1 };
    tap.answer(request, { task: { taskId: "t1", status: "working" } });
    const wait = await tap.saw("tasks/result");
    // The call itself is answered; its progress token lives as long as the task.
    tap.send({ method: "notifications/progress", params: step });
    tap.sendText(`{"jsonrpc":"2.0","id":${wait.id},"result":${ODD_RESULT}}`);
    assert.equal(resultText(await answer), ODD_RESULT);
    assert.deepEqual(seen, [step]);
  });

  Deno.test(`[sessions.tasks] ${name}: cancelling the call of a task cancels the task`, async () => {
    await using scene = new Scene(create(), {
      script: { ...TASK_SERVER, holds: ["tasks/result"] },
    });
    const controller = new AbortController();
    const { answer, tap, request } = await scene.hold({ signal: controller.signal });
    tap.answer(request, { task: { taskId: "t1", status: "working" } });
    await tap.saw("tasks/result");
    controller.abort(new Error("enough"));
    await assert.rejects(answer, /enough/);
    assert.deepEqual((await tap.saw("tasks/cancel")).params, { taskId: "t1" });
  });

  const optional = definition("held", { execution: { taskSupport: "optional" } });
  const plain = [
    ["where the server offers no tasks", { pages: TASK_SERVER.pages }],
    ["where the tool need not run as one", { ...TASK_SERVER, pages: [[optional]] }],
  ] as const;
  for (const [where, script] of plain) {
    Deno.test(`[sessions.tasks] ${name}: ${where}, the call is a plain one`, async () => {
      await using scene = new Scene(create(), { script });
      const { answer, tap, request } = await scene.hold();
      assert.equal(request.params?.task, undefined);
      tap.answer(request, { content: [] });
      assert.equal(resultText(await answer), '{"content":[]}');
    });
  }

  Deno.test(`[sessions.results] ${name}: an answer that is too long is reported with the limit, and others arrive`, async () => {
    await using scene = new Scene(create(), { maxBytes: 20_000, script: { pages: [TOOLS] } });
    const { answer, tap, request } = await scene.hold();
    const second = await scene.hold();
    tap.answer(request, { content: [{ type: "text", text: "x".repeat(50_000) }] });
    assert.match(
      await failure(answer),
      /answered with more than 64 MiB, the gateway's limit for one message; ask for less/,
    );
    tap.answer(second.request, { content: [] });
    assert.equal(resultText(await second.answer), '{"content":[]}');
    assert.match(resultText(await scene.call("echo")), /"done"/);
    assert.equal(scene.taps.length, 1);
  });
}
