import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { SleepingClock } from "../../sleeping_clock.ts";
import { FORM } from "./asking_tool.ts";
import { ParkedFixture, questionOf } from "./parked_fixture.ts";

const ACCEPTED = { action: "accept", content: { which: "this" } };

Deno.test("[interaction.parks] a call that asks is answered with the question, waits, and goes on with the response", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state, requests } = questionOf(await answer);
  assert.deepEqual(requests, { g1: { method: "elicitation/create", params: FORM.params } });
  assert.equal(fixture.sessions.stateless.waitingCount, 1);
  const continued = fixture.call({ state, responses: { g1: ACCEPTED } });
  assert.equal(await response, "accepted");
  call.end('{"done":true}');
  const { result } = await continued;
  assert.equal(result?.resultType, "complete");
  assert.deepEqual(result?.content, [{ type: "text", text: '{"done":true}' }]);
  assert.equal(fixture.tool.calls.length, 1);
  assert.equal(fixture.sessions.stateless.waitingCount, 0);
  assert.deepEqual([...fixture.sessions.metrics.parked.endings], [["answered", 1]]);
});

Deno.test("[interaction.audit] an operation over several requests has one line, with its rounds and how long it waited", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const first = call.ask(FORM);
  const one = questionOf(await answer);
  const again = fixture.call({ state: one.state, responses: { g1: ACCEPTED } });
  await first;
  const second = call.ask(FORM);
  const two = questionOf(await again);
  assert.deepEqual(Object.keys(two.requests), ["g2"]);
  const last = fixture.call({ state: two.state, responses: { g2: { action: "decline" } } });
  assert.equal(await second, "declined");
  call.end();
  await last;
  const lines = fixture.sessions.readAuditEntries();
  assert.equal(lines.length, 1);
  const [{ operation, rounds, waited_ms, latency_ms } = assert.fail()] = lines;
  assert.deepEqual([operation, rounds], ["ask", 2]);
  assert.ok(Number(waited_ms) > 0 && Number(waited_ms) <= Number(latency_ms), String(waited_ms));
});

Deno.test("[interaction.once] a state is used once, by its own client, for its own call, in its own round", async () => {
  await using fixture = await ParkedFixture.open();
  fixture.sessions.addClient();
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  const responses = { g1: ACCEPTED };
  const middle = state.length >> 1;
  const tampered = state.slice(0, middle) + (state[middle] === "A" ? "B" : "A") +
    state.slice(middle + 1);
  const refusals = await Promise.all([
    fixture.call({ state: tampered, responses }),
    fixture.call({ state: `${state}AAAA`, responses }),
    fixture.call({ state: "", responses }),
    fixture.call({ state: "{}", responses }),
    fixture.call({ state: 7, responses }),
    fixture.call({ state: "A".repeat(200_000), responses }),
    fixture.call({ state, responses, client: 1 }),
    fixture.call({ state, responses, args: { agent_id: "b" } }),
    fixture.call({ state, responses, args: { agent_id: "a", x: 1 } }),
  ]);
  for (const { error } of refusals) {
    assert.equal(error?.code, -32602);
    assert.match(error?.message ?? "", /waited for your input.*make it anew/);
  }
  // Two copies at the same time: one wins.
  const copies = [fixture.call({ state, responses }), fixture.call({ state, responses })];
  assert.equal(await response, "accepted");
  call.end();
  const answers = await Promise.all(copies);
  const codes = answers.map(({ result, error }) => error?.code ?? result?.resultType);
  assert.deepEqual(codes.map(String).sort(), ["-32602", "complete"]);
  assert.equal((await fixture.call({ state, responses })).error?.code, -32602);
  assert.equal(fixture.tool.calls.length, 1);
  const codesRecorded = fixture.sessions.readAuditEntries().map(({ code }) => code);
  assert.equal(codesRecorded.filter((code) => code === "INVALID_ARGUMENTS").length, 11);
});

Deno.test("[interaction.missing] requests without a valid response are asked again, and unknown keys are ignored", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const form = call.ask(FORM);
  const sampling = call.ask({ kind: "sampling", params: { messages: [], maxTokens: 1 } });
  const roots = call.ask({ kind: "roots", params: undefined });
  const one = questionOf(await answer);
  assert.deepEqual(Object.values(one.requests).map(({ method }) => method), [
    "elicitation/create",
    "sampling/createMessage",
    "roots/list",
  ]);
  const wrong = { g1: { action: "maybe" }, g2: "text", g3: { roots: [] }, g9: {}, other: null };
  const list = await fixture.call({ state: one.state, responses: [wrong] });
  assert.match(list.error?.message ?? "", /inputResponses must be an object.*same requestState/);
  const two = questionOf(await fixture.call({ state: one.state, responses: wrong }));
  assert.deepEqual(Object.keys(two.requests), ["g1", "g2"]);
  assert.equal(await roots, "accepted");
  // The client's roots are remembered during the call.
  assert.equal(await call.ask({ kind: "roots", params: undefined }), "accepted");
  assert.equal((await fixture.call({ state: one.state, responses: wrong })).error?.code, -32602);
  const three = questionOf(await fixture.call({ state: two.state }));
  const rest = { g1: { action: "cancel" }, g2: { role: "assistant" } };
  const last = fixture.call({ state: three.state, responses: rest });
  assert.deepEqual(await Promise.all([form, sampling]), ["cancelled", "accepted"]);
  call.end();
  assert.equal((await last).result?.resultType, "complete");
});

Deno.test("[interaction.capabilities] only kinds of input that the attached request declares are asked for", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start({ capabilities: { elicitation: {} } });
  const url = { kind: "url", params: { url: "https://a.example", message: "Open" } } as const;
  assert.equal(await call.ask(url), "unsupported");
  assert.equal(await call.ask({ kind: "roots", params: undefined }), "unsupported");
  const form = call.ask(FORM);
  const { state } = questionOf(await answer);
  const last = fixture.call({ state, responses: { g1: ACCEPTED }, capabilities: {} });
  await form;
  assert.equal(await call.ask(FORM), "unsupported");
  call.end();
  await last;
});

Deno.test("[interaction.ends] a call that ends while it is parked keeps its answer for the client", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const stopped = new AbortController();
  const response = call.ask(FORM, stopped.signal);
  const { state } = questionOf(await answer);
  stopped.abort("The server does not wait any longer");
  assert.equal(await response, "none: The server does not wait any longer");
  call.end('{"late":1}');
  const { result } = await fixture.call({ state, responses: { g1: ACCEPTED } });
  assert.deepEqual(result?.content, [{ type: "text", text: '{"late":1}' }]);
});

Deno.test("[interaction.ends] a call whose client does not come back ends, and is recorded", async () => {
  await using fixture = await ParkedFixture.open({
    interactions: { settings: { stateTtlS: 0.1 } },
  });
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  assert.equal(await response, "none: The client did not come back");
  assert.ok(call.signal.aborted);
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
  assert.equal((await fixture.call({ state, responses: {} })).error?.code, -32602);
  const [line] = fixture.sessions.readAuditEntries();
  assert.deepEqual([line?.code, line?.rounds], ["CANCELLED", 1]);
  assert.deepEqual([...fixture.sessions.metrics.parked.endings], [["expired", 1]]);
});

Deno.test("[wake.clocks] a state is not valid for hours because the clock was set back", async () => {
  using clock = new SleepingClock();
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  clock.sleep(-5 * 3_600_000);
  assert.equal((await fixture.call({ state, responses: { g1: ACCEPTED } })).error?.code, -32602);
  clock.sleep(5 * 3_600_000);
  const continued = fixture.call({ state, responses: { g1: ACCEPTED } });
  assert.equal(await response, "accepted");
  call.end();
  assert.equal((await continued).error, undefined);
});

Deno.test("[interaction.ends] an answer that nobody fetches is forgotten", async () => {
  await using fixture = await ParkedFixture.open({
    interactions: { settings: { stateTtlS: 0.1 } },
  });
  const { call, answer } = await fixture.start();
  void call.ask(FORM);
  questionOf(await answer);
  call.end();
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
});

Deno.test("[interaction.ends] a client that cancels the request with which it continues ends the call", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  const cancelled = new AbortController();
  const continued = fixture.call({
    state,
    responses: { g1: ACCEPTED },
    signal: cancelled.signal,
  });
  await response;
  cancelled.abort("enough");
  await assert.rejects(continued);
  await waitUntil("the call is cancelled", () => call.signal.aborted);
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
  assert.deepEqual([...fixture.sessions.metrics.parked.endings], [["cancelled", 1]]);
});

Deno.test("[interaction.cancelled] a client ends a call by cancelling the request whose answer asked it", async () => {
  await using fixture = await ParkedFixture.open();
  fixture.sessions.addClient();
  const cancel = (client: number, requestId: unknown) => {
    const { sessions } = fixture;
    sessions.peer(client).notify("notifications/cancelled", { requestId, reason: "enough" });
    // The answer to the next request comes after the notification was read.
    return sessions.peer(client).request("ping", {});
  };
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  // The peer numbers its requests.
  const id = 1;
  for (const other of [id + 100, String(id), -1, null]) await cancel(0, other);
  await cancel(1, id);
  assert.equal(call.signal.aborted, false);
  await cancel(0, id);
  assert.equal(await response, "none: enough");
  assert.ok(call.signal.aborted);
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
  assert.equal((await fixture.call({ state, responses: { g1: ACCEPTED } })).error?.code, -32602);
  assert.deepEqual([...fixture.sessions.metrics.parked.endings], [["cancelled", 1]]);
});

Deno.test("[interaction.ends] parked calls end when their client leaves, and when the gateway ends", async () => {
  await using fixture = await ParkedFixture.open();
  fixture.sessions.addClient();
  const park = async (client: number) => {
    const { call, answer } = await fixture.start({ client });
    const response = call.ask(FORM);
    questionOf(await answer);
    return { response };
  };
  const [ofFirst, ofSecond] = [await park(0), await park(1)];
  await fixture.sessions.peer(1).close();
  assert.equal(await ofSecond.response, "none: The client is gone");
  await waitUntil("one call is over", () => fixture.sessions.stateless.waitingCount === 1);
  fixture.sessions.stateless.close();
  assert.equal(await ofFirst.response, "none: The gateway ends");
  const { call, answer } = await fixture.start();
  assert.equal(await call.ask(FORM), "failed");
  call.end();
  assert.equal((await answer).result?.resultType, "complete");
});

Deno.test("[interaction.rules] the rules decide again; a call that they deny ends at once", async () => {
  const RULES = { agents: { a: { allow: { servers: ["*"] }, limits: { per_minute: 1 } } } };
  await using fixture = await ParkedFixture.open({}, RULES);
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  await fixture.sessions.reload({ agents: { b: {} } });
  const { result } = await fixture.call({ state, responses: { g1: ACCEPTED } });
  assert.equal(result?.isError, true);
  assert.match(JSON.stringify(result?.content), /INVALID_AGENT_ID|DENIED_BY_POLICY|not/);
  assert.equal(await response, "none: The rules do not allow the call any more");
  assert.ok(call.signal.aborted);
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
  assert.deepEqual([...fixture.sessions.metrics.parked.endings], [["denied", 1]]);
});

Deno.test("[interaction.limits] a call counts once a minute, and takes no place while it waits", async () => {
  const limits = { per_minute: 2, concurrent: 1 };
  const RULES = { agents: { a: { allow: { servers: ["*"] }, limits } } };
  await using fixture = await ParkedFixture.open({}, RULES);
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  // The parked call takes no place.
  const other = await fixture.start();
  other.call.end();
  assert.equal((await other.answer).result?.isError, undefined);
  const continued = fixture.call({ state, responses: { g1: ACCEPTED } });
  await response;
  call.end();
  assert.equal((await continued).result?.isError, undefined);
  const { result } = await fixture.call();
  assert.match(JSON.stringify(result?.content), /RATE_LIMITED/);
});

Deno.test("[interaction.bounds] beyond the limits of parked calls, servers get an error", async () => {
  await using fixture = await ParkedFixture.open({
    interactions: { maxOperations: 3, maxOfClient: 2 },
  });
  fixture.sessions.addClient();
  const ask = async (client: number) => {
    const { call, answer } = await fixture.start({ client });
    const response = call.ask(FORM);
    return await Promise.race([response, answer.then((value) => (questionOf(value), "parked"))])
      .finally(() => call.end());
  };
  assert.deepEqual([await ask(0), await ask(0), await ask(0)], ["parked", "parked", "failed"]);
  assert.deepEqual([await ask(1), await ask(1)], ["parked", "failed"]);
  assert.equal(fixture.sessions.stateless.waitingCount, 3);
});

Deno.test("[interaction.memory] an answer that does not fit into the memory is not kept", async () => {
  await using fixture = await ParkedFixture.open({ maxMemory: 100_000 });
  const { call, answer } = await fixture.start();
  const stopped = new AbortController();
  void call.ask(FORM, stopped.signal);
  const { state } = questionOf(await answer);
  call.end(JSON.stringify("x".repeat(100_000)));
  const { result } = await fixture.call({ state });
  assert.equal(result?.isError, true);
  assert.match(JSON.stringify(result?.content), /too large to be kept/);
});

Deno.test("[interaction.messages] progress and log messages go to the attached request, and only the last progress is kept", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start({ meta: { progressToken: "one" } });
  const response = call.ask(FORM);
  const { state } = questionOf(await answer);
  // Nothing is attached: dropped.
  call.channel.log({ level: "error", data: "lost" });
  const continued = fixture.call({ state, responses: { g1: ACCEPTED } });
  await response;
  call.end();
  assert.equal((await continued).result?.resultType, "complete");
  call.channel.log({ level: "error", data: "late" });
  assert.equal(call.channel.supports("form"), false);
});

Deno.test("[interaction.first] responses without a state begin a new call", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start({ responses: { g1: ACCEPTED } });
  call.end();
  assert.equal((await answer).result?.resultType, "complete");
});

Deno.test("[interaction.bounds] a client that never gives the input is asked 32 times, and then the call is cancelled", async () => {
  await using fixture = await ParkedFixture.open();
  const { call, answer } = await fixture.start();
  const response = call.ask(FORM);
  let { state } = questionOf(await answer);
  for (let round = 1; round < 32; round++) ({ state } = questionOf(await fixture.call({ state })));
  const { error } = await fixture.call({ state });
  assert.equal(error?.code, -32602);
  assert.match(
    error?.message ?? "",
    /cancelled because some of it was still missing after 32 requests/,
  );
  assert.match(await response, /none: The client does not give the input/);
  assert.ok(call.signal.aborted);
  await waitUntil("the call is over", () => fixture.sessions.stateless.waitingCount === 0);
  const codes = fixture.sessions.readAuditEntries().map(({ code }) => code);
  assert.deepEqual(codes.map(String).sort(), ["CANCELLED", "INVALID_ARGUMENTS"]);
});

Deno.test("[interaction.bounds] a request that continues a call counts in its client's memory until it is answered", async () => {
  await using fixture = await ParkedFixture.open({ maxMemory: 3_000_000 });
  const waiting = [await fixture.start(), await fixture.start()];
  const responses = waiting.map(({ call }) => call.ask(FORM));
  const states = await Promise.all(
    waiting.map(async ({ answer }) => questionOf(await answer).state),
  );
  const [one, two] = states.map((state) => ({
    state,
    responses: { g1: ACCEPTED, unknown: "x".repeat(1_000_000) },
  }));
  const first = fixture.call(one);
  assert.equal(await responses[0], "accepted");
  const { result } = await fixture.call(two);
  assert.match(JSON.stringify(result), /RATE_LIMITED/);
  waiting[0]?.call.end();
  assert.equal((await first).result?.resultType, "complete");
  const second = fixture.call(two);
  assert.equal(await responses[1], "accepted");
  waiting[1]?.call.end();
  assert.equal((await second).result?.resultType, "complete");
});
