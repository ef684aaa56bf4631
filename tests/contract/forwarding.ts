/** Contract: requests and notifications of servers reach the right client. */
import assert from "node:assert/strict";
import { Client, resultReply } from "./client.ts";
import { type Held, Scene, type TransportUnderTest } from "./scene.ts";
import type { CancelSignal } from "../../src/jsonrpc/mod.ts";
import type { Fields } from "./scripted_server.ts";

const SHARED = { isolation: "shared" } as const;

async function finish({ tap, request, answer }: Held): Promise<void> {
  tap.answer(request, { content: [] });
  await answer;
}

export function describeForwarding(name: string, create: () => TransportUnderTest): void {
  for (
    const params of [
      { message: "Your name?", requestedSchema: { type: "object" }, odd: [1.5, null] },
      { mode: "url", message: "Log in", url: "https://example.com/?a=1", elicitationId: "e1" },
    ]
  ) {
    const { mode = "form" } = params as Fields;
    Deno.test(`[sessions.elicitation] ${name}: in ${mode} mode, it names the server and is answered`, async () => {
      await using scene = new Scene(create());
      const { client } = scene;
      const held = await scene.hold();
      const answer = { action: "accept", content: { name: "Ada" }, _meta: { x: 1 } };
      client.answer = () => Promise.resolve(resultReply(answer));
      assert.deepEqual((await held.tap.ask("q1", "elicitation/create", params)).result, answer);
      const message = await client.received.take();
      assert.equal(message.method, "elicitation/create");
      assert.deepEqual(message.params, { ...params, message: `[files] ${params.message}` });
      await finish(held);
    });
  }

  Deno.test(`[sessions.elicitation] ${name}: the completion of a URL elicitation is passed on`, async () => {
    await using scene = new Scene(create());
    const held = await scene.hold();
    const params = { elicitationId: "e1" };
    held.tap.send({ method: "notifications/elicitation/complete", params });
    const message = await scene.client.received.take();
    assert.deepEqual(message, { method: "notifications/elicitation/complete", params });
    await finish(held);
  });

  Deno.test(`[sessions.roots] ${name}: roots are requested from the client, and their change is passed on`, async () => {
    await using scene = new Scene(create());
    const client = new Client("rooted", { roots: { listChanged: true } });
    await scene.call("echo", { by: client.agent("a") });
    const tap = await scene.opened();
    const roots = { roots: [{ uri: "file:///work", name: "work" }] };
    client.answer = () => Promise.resolve(resultReply(roots));
    assert.deepEqual((await tap.ask("q1", "roots/list")).result, roots);
    assert.equal((await client.received.take()).method, "roots/list");
    scene.server.notifyRootsChanged("another");
    scene.server.notifyRootsChanged("rooted");
    await tap.saw("notifications/roots/list_changed");
    await tap.settle();
    assert.equal(tap.count("notifications/roots/list_changed"), 1);
  });

  Deno.test(`[sessions.roots] ${name}: their change is not passed on to a server that never requested them`, async () => {
    await using scene = new Scene(create(), { options: { forward: ["elicitation"] } });
    const client = new Client("rooted", { roots: { listChanged: true } });
    await scene.call("echo", { by: client.agent("a") });
    const tap = await scene.opened();
    scene.server.notifyRootsChanged("rooted");
    await tap.settle();
    assert.equal(tap.count("notifications/roots/list_changed"), 0);
  });

  Deno.test(`[sessions.sampling] ${name}: sampling reaches the client only if the entry enables it`, async () => {
    const params = { messages: [], maxTokens: 10 };
    const able = new Client("able", { sampling: {} });
    const result = { role: "assistant", content: { type: "text", text: "hm" }, model: "m" };
    able.answer = () => Promise.resolve(resultReply(result));
    for (const forward of [["sampling"], ["elicitation", "roots"]] as const) {
      await using scene = new Scene(create(), { options: { forward } });
      await scene.call("echo", { by: able.agent("a") });
      const tap = await scene.opened();
      const answer = await tap.ask("q1", "sampling/createMessage", params);
      if (forward[0] === "sampling") assert.deepEqual(answer.result, result);
      else assert.equal(answer.error?.code, -32601);
    }
    assert.equal(able.received.all.length, 1);
    assert.deepEqual(able.received.all[0]?.params, params);
  });

  Deno.test(`[sessions.server-requests] ${name}: a client gets only requests that it declared`, async () => {
    await using scene = new Scene(create());
    const plain = new Client("plain", { roots: {} });
    await scene.call("echo", { by: plain.agent("a") });
    const answer = await (await scene.opened()).ask("q1", "elicitation/create", { message: "?" });
    assert.equal(answer.error?.code, -32601);
    assert.equal(plain.received.all.length, 0);
  });

  Deno.test(`[sessions.server-requests] ${name}: a client that declared forms only gets no link`, async () => {
    await using scene = new Scene(create());
    const formed = new Client("formed", { elicitation: {} });
    await scene.call("echo", { by: formed.agent("a") });
    const tap = await scene.opened();
    const link = { mode: "url", message: "?", url: "https://example.com/", elicitationId: "e1" };
    assert.deepEqual((await tap.ask("q1", "elicitation/create", link)).error, {
      code: -32602,
      message: "The client does not support this kind of elicitation/create",
    });
    assert.deepEqual((await tap.ask("q2", "elicitation/create", { message: "?" })).result, {});
    assert.equal(formed.received.all.length, 1);
  });

  Deno.test(`[sessions.server-requests] ${name}: errors of the client arrive unchanged`, async () => {
    await using scene = new Scene(create());
    const held = await scene.hold();
    scene.client.answer = () => Promise.reject(new Error("gone"));
    const answer = await held.tap.ask("q1", "elicitation/create", { message: "?" });
    assert.deepEqual(answer.error, {
      code: -32603,
      message: "The client did not answer elicitation/create",
    });
    await finish(held);
  });

  Deno.test(`[sessions.server-requests] ${name}: a ping is answered, an unknown method refused`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    const tap = await scene.opened();
    assert.deepEqual((await tap.ask("q1", "ping")).result, {});
    for (const method of ["resources/read", "toString", "__proto__", "tools/list"]) {
      assert.equal((await tap.ask(method, method)).error?.code, -32601);
    }
    assert.equal(scene.client.received.all.length, 0);
  });

  Deno.test(`[sessions.server-requests] ${name}: a request that the server cancels is cancelled at the client`, async () => {
    await using scene = new Scene(create());
    const held = await scene.hold();
    const asked = async (id: string): Promise<CancelSignal> => {
      held.tap.send({ id, method: "elicitation/create", params: { message: "?" } });
      const { signal } = await scene.client.received.take();
      assert.ok(signal !== undefined);
      return signal;
    };
    scene.client.answer = () => new Promise(() => {});
    const first = await asked("q1");
    held.tap.send({ method: "notifications/cancelled", params: { requestId: "q1" } });
    await held.tap.settle();
    assert.equal(first.aborted, true);
    const second = await asked("q2");
    assert.equal(second.aborted, false);
    held.tap.crash();
    await assert.rejects(held.answer);
    assert.equal(second.aborted, true);
  });

  Deno.test(`[sessions.log] ${name}: log messages name their server, and are otherwise unchanged`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    const tap = await scene.opened();
    const params = { level: "info", data: { a: [1] }, odd: true };
    tap.send({ method: "notifications/message", params });
    tap.send({ method: "notifications/message", params: { ...params, logger: "db" } });
    const [first, second] = [
      await scene.client.received.take(),
      await scene.client.received.take(),
    ];
    assert.deepEqual(first.params, { ...params, logger: "files" });
    assert.deepEqual(second.params, { ...params, logger: "files/db" });
  });

  Deno.test(`[sessions.log-level] ${name}: the client's level reaches servers that log, early and late`, async () => {
    await using scene = new Scene(create());
    scene.client.logLevel = "warning";
    await scene.listTools();
    const tap = await scene.opened();
    assert.deepEqual((await tap.saw("logging/setLevel")).params, { level: "warning" });
    scene.server.setLogLevel("another", "debug");
    scene.server.setLogLevel("client-1", "error");
    assert.deepEqual((await tap.saw("logging/setLevel")).params, { level: "error" });
    scene.script = { capabilities: { tools: {} } };
    await scene.call("echo", { by: scene.client.agent("other") });
    assert.equal(scene.taps[1]?.count("logging/setLevel"), 0);
  });

  Deno.test(`[sessions.shared-requests] ${name}: on a shared session a request belongs to the one call in flight`, async () => {
    await using scene = new Scene(create(), { options: SHARED });
    const [one, two] = ["1", "2"].map((name) => new Client(name, { elicitation: {} }));
    assert.ok(one !== undefined && two !== undefined);
    const log = { method: "notifications/message", params: { level: "info", data: 1 } };
    const ask = async (tap: Held["tap"]) => {
      tap.send(log);
      return await tap.ask(crypto.randomUUID(), "elicitation/create", { message: "?" });
    };
    const first = await scene.hold({ by: one.agent("a") });
    assert.deepEqual((await ask(first.tap)).result, {});
    assert.equal(one.received.all.length, 2);
    const second = await scene.hold({ by: two.agent("a") });
    const unknown = {
      code: -32603,
      message: "There is no client that could answer elicitation/create",
    };
    assert.deepEqual((await ask(first.tap)).error, unknown);
    await finish(first);
    assert.deepEqual((await ask(first.tap)).result, {});
    await finish(second);
    assert.deepEqual((await ask(first.tap)).error, unknown);
    assert.equal(one.received.all.length, 2);
    assert.equal(two.received.all.length, 2);
    assert.equal(scene.taps.length, 1);
  });

  Deno.test(`[sessions.shared-requests] ${name}: with two calls of one client, a request belongs to neither`, async () => {
    await using scene = new Scene(create(), { options: SHARED });
    const [first, second] = [await scene.hold(), await scene.hold()];
    const answer = await first.tap.ask("q1", "elicitation/create", { message: "?" });
    assert.equal(answer.error?.code, -32603);
    await finish(first);
    await finish(second);
  });
}
