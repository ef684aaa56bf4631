/** Contract: a server's requests and notifications reach the client that they are for. */
import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { createResultReply, FakeClient } from "./fake_client.ts";
import { DownstreamFixture, type HeldCall, type TransportUnderTest } from "./downstream_fixture.ts";
import type { CancelSignal } from "../../src/jsonrpc/mod.ts";
import type { Fields } from "./scripted_server.ts";

const SHARED_SESSION = { isolation: "shared" } as const;

/** Answers a held call, and waits until the answer has arrived. */
async function finishCall({ connection, request, answer }: HeldCall): Promise<void> {
  connection.answer(request, { content: [] });
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
    Deno.test(`[sessions.elicitation] ${name}: in ${mode} mode, an elicitation names the server and is answered`, async () => {
      await using fixture = new DownstreamFixture(create());
      const { client } = fixture;
      const heldCall = await fixture.startHeldCall();
      const answer = { action: "accept", content: { name: "Ada" }, _meta: { x: 1 } };
      client.answer = () => Promise.resolve(createResultReply(answer));
      assert.deepEqual(
        (await heldCall.connection.sendRequest("q1", "elicitation/create", params)).result,
        answer,
      );
      const message = await client.received.take();
      assert.equal(message.method, "elicitation/create");
      const form = mode === "form" ? { requestedSchema: { type: "object", title: "[files]" } } : {};
      assert.deepEqual(message.params, {
        ...params,
        ...form,
        message: `[files] ${params.message}`,
      });
      await finishCall(heldCall);
    });
  }

  Deno.test(`[sessions.elicitation] ${name}: the completion of a URL elicitation is passed on`, async () => {
    await using fixture = new DownstreamFixture(create());
    const heldCall = await fixture.startHeldCall();
    const params = { elicitationId: "e1" };
    heldCall.connection.send({ method: "notifications/elicitation/complete", params });
    const message = await fixture.client.received.take();
    assert.deepEqual(message, { method: "notifications/elicitation/complete", params });
    await finishCall(heldCall);
  });

  Deno.test(`[sessions.roots] ${name}: roots are requested from the client, and their change is passed on`, async () => {
    await using fixture = new DownstreamFixture(create());
    const client = new FakeClient("rooted", { roots: { listChanged: true } });
    await fixture.call("echo", { caller: client.asAgent("a") });
    const connection = await fixture.waitForConnection();
    const roots = { roots: [{ uri: "file:///work", name: "work" }] };
    client.answer = () => Promise.resolve(createResultReply(roots));
    assert.deepEqual((await connection.sendRequest("q1", "roots/list")).result, roots);
    assert.equal((await client.received.take()).method, "roots/list");
    fixture.server.notifyRootsChanged("another");
    fixture.server.notifyRootsChanged("rooted");
    await connection.waitForMessage("notifications/roots/list_changed");
    await connection.waitUntilAllReceived();
    assert.equal(connection.countReceived("notifications/roots/list_changed"), 1);
  });

  Deno.test(`[sessions.roots] ${name}: a change of the roots is not passed on if the entry does not forward roots`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      options: { forward: ["elicitation"] },
    });
    const client = new FakeClient("rooted", { roots: { listChanged: true } });
    await fixture.call("echo", { caller: client.asAgent("a") });
    const connection = await fixture.waitForConnection();
    fixture.server.notifyRootsChanged("rooted");
    await connection.waitUntilAllReceived();
    assert.equal(connection.countReceived("notifications/roots/list_changed"), 0);
  });

  Deno.test(`[sessions.sampling] ${name}: sampling reaches the client only if the entry enables it`, async () => {
    const params = { messages: [], maxTokens: 10 };
    const samplingClient = new FakeClient("sampling", { sampling: {} });
    const result = { role: "assistant", content: { type: "text", text: "hm" }, model: "m" };
    samplingClient.answer = () => Promise.resolve(createResultReply(result));
    for (const forward of [["sampling"], ["elicitation", "roots"]] as const) {
      await using fixture = new DownstreamFixture(create(), { options: { forward } });
      await fixture.call("echo", { caller: samplingClient.asAgent("a") });
      const connection = await fixture.waitForConnection();
      const answer = await connection.sendRequest("q1", "sampling/createMessage", params);
      if (forward[0] === "sampling") assert.deepEqual(answer.result, result);
      else assert.equal(answer.error?.code, -32601);
    }
    assert.equal(samplingClient.received.all.length, 1);
    assert.deepEqual(samplingClient.received.all[0]?.params, params);
  });

  Deno.test(`[sessions.server-requests] ${name}: a client gets only requests for which it declared the capability`, async () => {
    await using fixture = new DownstreamFixture(create());
    const rootsClient = new FakeClient("roots only", { roots: {} });
    await fixture.call("echo", { caller: rootsClient.asAgent("a") });
    const answer = await (await fixture.waitForConnection()).sendRequest(
      "q1",
      "elicitation/create",
      { message: "?" },
    );
    assert.equal(answer.error?.code, -32601);
    assert.equal(rootsClient.received.all.length, 0);
  });

  Deno.test(`[sessions.server-requests] ${name}: a client that declared only forms gets no elicitation with a link`, async () => {
    await using fixture = new DownstreamFixture(create());
    const formClient = new FakeClient("form", { elicitation: {} });
    await fixture.call("echo", { caller: formClient.asAgent("a") });
    const connection = await fixture.waitForConnection();
    const link = { mode: "url", message: "?", url: "https://example.com/", elicitationId: "e1" };
    assert.deepEqual((await connection.sendRequest("q1", "elicitation/create", link)).error, {
      code: -32602,
      message: "The client does not support this kind of elicitation/create",
    });
    assert.deepEqual(
      (await connection.sendRequest("q2", "elicitation/create", { message: "?" })).result,
      {},
    );
    assert.equal(formClient.received.all.length, 1);
  });

  Deno.test(`[sessions.server-requests] ${name}: a failure of the client is answered with an error`, async () => {
    await using fixture = new DownstreamFixture(create());
    const heldCall = await fixture.startHeldCall();
    fixture.client.answer = () => Promise.reject(new Error("gone"));
    const answer = await heldCall.connection.sendRequest("q1", "elicitation/create", {
      message: "?",
    });
    assert.deepEqual(answer.error, {
      code: -32603,
      message: "The client did not answer elicitation/create",
    });
    await finishCall(heldCall);
  });

  Deno.test(`[sessions.server-requests] ${name}: a ping is answered, and a method that clients do not have is refused`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    assert.deepEqual((await connection.sendRequest("q1", "ping")).result, {});
    for (const method of ["resources/read", "toString", "__proto__", "tools/list"]) {
      assert.equal((await connection.sendRequest(method, method)).error?.code, -32601);
    }
    assert.equal(fixture.client.received.all.length, 0);
  });

  Deno.test(`[sessions.server-requests] ${name}: a request is cancelled at the client when the server cancels it or crashes`, async () => {
    await using fixture = new DownstreamFixture(create());
    const heldCall = await fixture.startHeldCall();
    const sendElicitation = async (id: string): Promise<CancelSignal> => {
      heldCall.connection.send({ id, method: "elicitation/create", params: { message: "?" } });
      const { signal } = await fixture.client.received.take();
      assert.ok(signal !== undefined);
      return signal;
    };
    fixture.client.answer = () => new Promise(() => {});
    const firstSignal = await sendElicitation("q1");
    heldCall.connection.send({ method: "notifications/cancelled", params: { requestId: "q1" } });
    await heldCall.connection.waitUntilAllReceived();
    assert.equal(firstSignal.aborted, true);
    const secondSignal = await sendElicitation("q2");
    assert.equal(secondSignal.aborted, false);
    heldCall.connection.crash();
    await assert.rejects(heldCall.answer);
    assert.equal(secondSignal.aborted, true);
  });

  Deno.test(`[memory.server-requests] ${name}: requests that wait for the client take at most the server's share of the memory, and free it at their end`, async () => {
    const memory = new Budget(4_000_000);
    await using fixture = new DownstreamFixture(create(), { memory });
    fixture.client.answer = ({ signal }) => {
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    };
    const heldCall = await fixture.startHeldCall();
    const { connection } = heldCall;
    const { used: usedBefore } = memory;
    const params = { message: "?".repeat(200_000) };
    const elicit = async (id: string) => {
      return await connection.sendRequest(id, "elicitation/create", params);
    };
    // Each takes 400,000 bytes of the million.
    connection.send({ id: "q1", method: "elicitation/create", params });
    const pending = [elicit("q2")];
    await fixture.client.received.take();
    await fixture.client.received.take();
    assert.deepEqual((await elicit("q3")).error, {
      code: -32603,
      message: "elicitation/create does not fit into the server's share of the gateway's memory; " +
        "send it again when the client has answered other requests",
    });
    connection.send({ method: "notifications/cancelled", params: { requestId: "q1" } });
    await connection.waitUntilAllReceived();
    pending.push(elicit("q4"));
    await fixture.client.received.take();
    assert.equal((await elicit("q5")).error?.code, -32603);
    assert.ok(memory.used <= usedBefore + 1_000_000, String(memory.used));
    await finishCall(heldCall);
    const message = "The call that elicitation/create belongs to has ended";
    for (const answer of pending) assert.equal((await answer).error?.message, message);
    assert.equal(memory.used, usedBefore);
  });

  Deno.test(`[memory.server-requests] ${name}: a request for the client that takes more than 16 MiB of memory is refused`, async () => {
    await using fixture = new DownstreamFixture(create());
    const heldCall = await fixture.startHeldCall();
    const params = { message: "?".repeat(8 * 1024 * 1024) };
    assert.deepEqual(
      (await heldCall.connection.sendRequest("q1", "elicitation/create", params)).error,
      { code: -32602, message: "elicitation/create is too large to be passed on to the client" },
    );
    assert.equal(fixture.client.received.all.length, 0);
    await finishCall(heldCall);
  });

  Deno.test(`[sessions.log] ${name}: log messages name their server and are otherwise unchanged`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    const params = { level: "info", data: { a: [1] }, odd: true };
    connection.send({ method: "notifications/message", params });
    connection.send({ method: "notifications/message", params: { ...params, logger: "db" } });
    const [first, second] = [
      await fixture.client.received.take(),
      await fixture.client.received.take(),
    ];
    assert.deepEqual(first.params, { ...params, logger: "files" });
    assert.deepEqual(second.params, { ...params, logger: "files/db" });
  });

  Deno.test(`[sessions.log-level] ${name}: a server gets the client's log level at its start and at each change, unless it does not log`, async () => {
    await using fixture = new DownstreamFixture(create());
    fixture.client.logLevel = "warning";
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    assert.deepEqual((await connection.waitForMessage("logging/setLevel")).params, {
      level: "warning",
    });
    fixture.server.setLogLevel("another", "debug");
    fixture.server.setLogLevel("client-1", "error");
    assert.deepEqual((await connection.waitForMessage("logging/setLevel")).params, {
      level: "error",
    });
    fixture.script = { capabilities: { tools: {} } };
    await fixture.call("echo", { caller: fixture.client.asAgent("other") });
    assert.equal(fixture.connections[1]?.countReceived("logging/setLevel"), 0);
  });

  Deno.test(`[memory.client-changes] ${name}: while a server has not answered a log level, only the newest further one is kept for it`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { heldMethods: ["logging/setLevel"] },
    });
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    for (const level of ["debug", "info", "notice", "error"]) {
      fixture.server.setLogLevel("client-1", level);
    }
    const first = await connection.waitForMessage("logging/setLevel");
    assert.deepEqual(first.params, { level: "debug" });
    await connection.waitUntilAllReceived();
    assert.equal(connection.countReceived("logging/setLevel"), 1);
    connection.answer(first, {});
    const second = await connection.waitForMessage("logging/setLevel");
    assert.deepEqual(second.params, { level: "error" });
    assert.equal(connection.countReceived("logging/setLevel"), 2);
  });

  Deno.test(`[memory.client-changes] ${name}: many changes of the roots at the same time are passed on as two`, async () => {
    await using fixture = new DownstreamFixture(create());
    const client = new FakeClient("rooted", { roots: { listChanged: true } });
    await fixture.call("echo", { caller: client.asAgent("a") });
    const connection = await fixture.waitForConnection();
    for (let count = 0; count < 100; count++) fixture.server.notifyRootsChanged("rooted");
    await connection.waitForMessage("notifications/roots/list_changed");
    await connection.waitForMessage("notifications/roots/list_changed");
    await connection.waitUntilAllReceived();
    assert.equal(connection.countReceived("notifications/roots/list_changed"), 2);
  });

  Deno.test(`[sessions.shared-requests] ${name}: on a shared session, a server's messages belong to the only call in flight`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: SHARED_SESSION });
    const [one, two] = ["1", "2"].map((name) => new FakeClient(name, { elicitation: {} }));
    assert.ok(one !== undefined && two !== undefined);
    const log = { method: "notifications/message", params: { level: "info", data: 1 } };
    const sendLogAndAsk = async (connection: HeldCall["connection"]) => {
      connection.send(log);
      return await connection.sendRequest(crypto.randomUUID(), "elicitation/create", {
        message: "?",
      });
    };
    const first = await fixture.startHeldCall({ caller: one.asAgent("a") });
    assert.deepEqual((await sendLogAndAsk(first.connection)).result, {});
    assert.equal(one.received.all.length, 2);
    const second = await fixture.startHeldCall({ caller: two.asAgent("a") });
    const noClientError = {
      code: -32603,
      message: "There is no client that could answer elicitation/create",
    };
    assert.deepEqual((await sendLogAndAsk(first.connection)).error, noClientError);
    await finishCall(first);
    assert.deepEqual((await sendLogAndAsk(first.connection)).result, {});
    await finishCall(second);
    assert.deepEqual((await sendLogAndAsk(first.connection)).error, noClientError);
    assert.equal(one.received.all.length, 2);
    assert.equal(two.received.all.length, 2);
    assert.equal(fixture.connections.length, 1);
  });

  Deno.test(`[sessions.shared-requests] ${name}: with two calls of one client in flight, a request belongs to neither`, async () => {
    await using fixture = new DownstreamFixture(create(), { options: SHARED_SESSION });
    const [first, second] = [await fixture.startHeldCall(), await fixture.startHeldCall()];
    const answer = await first.connection.sendRequest("q1", "elicitation/create", { message: "?" });
    assert.equal(answer.error?.code, -32603);
    await finishCall(first);
    await finishCall(second);
  });
}
