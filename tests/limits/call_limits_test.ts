import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { CallLimits, limitsOf } from "../../src/limits/mod.ts";
import { openMemoryCounter } from "../../src/limits/minute_counter.ts";
import { createRecordingLog } from "../audit/audit_log_fixtures.ts";
import { readConfiguration } from "../gateway/session_fixture.ts";

const KIB = 1024;

const OPTIONS = { maxCalls: 100_000, stateStore: "memory", log: createRecordingLog() };

Deno.test("[rules.limits] each limit of an agent is its own, or else the default", async () => {
  const { rules } = await readConfiguration({
    agents: {
      without: {},
      partial: { limits: { per_minute: 5 } },
      complete: { limits: { per_minute: 6, concurrent: 7 } },
    },
    defaults: { limits: { per_minute: 1, concurrent: 2 } },
  });
  assert.deepEqual(limitsOf(rules, "without"), { perMinute: 1, concurrent: 2 });
  assert.deepEqual(limitsOf(rules, "partial"), { perMinute: 5, concurrent: 2 });
  assert.deepEqual(limitsOf(rules, "complete"), { perMinute: 6, concurrent: 7 });
  assert.deepEqual(
    limitsOf((await readConfiguration({ agents: { without: {} } })).rules, "without"),
    {},
  );
});

Deno.test("[rules.limits] 10,000 agents with limits take at most 10 kB of memory each", async () => {
  const limits = new CallLimits(OPTIONS);
  const bytesBefore = Deno.memoryUsage().heapUsed;
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 10_000; index++) {
      const agent = `agent-${index}`;
      const agentLimits = { perMinute: 2, concurrent: 1 };
      const admission = await limits.admit({ agent, limits: agentLimits, unansweredCount: 1 });
      assert.equal(admission.kind, round < 2 ? "admitted" : "denied");
      if (admission.kind === "admitted") admission[Symbol.dispose]();
    }
  }
  const bytesPerAgent = (Deno.memoryUsage().heapUsed - bytesBefore) / 10_000;
  // The heap includes garbage that is not yet collected, so the result varies: 2 to 4.6 kB were measured.
  assert.ok(bytesPerAgent < 10_000, `${bytesPerAgent} bytes per agent`);
  assert.equal(limits.callCount, 0);
  await limits.close();
});

Deno.test("[rules.limits] a call that ends twice releases one permit", async () => {
  const limits = new CallLimits(OPTIONS);
  const request = { agent: "a", limits: { concurrent: 2 }, unansweredCount: 1 };
  const firstCall = await limits.admit(request);
  const secondCall = await limits.admit(request);
  assert.ok(firstCall.kind === "admitted" && secondCall.kind === "admitted");
  firstCall[Symbol.dispose]();
  firstCall[Symbol.dispose]();
  assert.equal(limits.callCount, 1);
  assert.equal((await limits.admit(request)).kind, "admitted");
  assert.equal((await limits.admit(request)).kind, "denied");
  await limits.close();
});

Deno.test("[rules.limits] a paused call does not count until it has been resumed as often as it was paused", async () => {
  const limits = new CallLimits(OPTIONS);
  const request = { agent: "a", limits: { concurrent: 1 }, unansweredCount: 1 };
  const firstCall = await limits.admit(request);
  assert.ok(firstCall.kind === "admitted");
  firstCall.pause();
  firstCall.pause();
  assert.equal(limits.callCount, 0);
  const secondCall = await limits.admit(request);
  assert.ok(secondCall.kind === "admitted");
  assert.equal((await limits.admit(request)).kind, "denied");
  // Resumed calls may exceed the limit.
  firstCall.resume();
  assert.equal(limits.callCount, 1);
  firstCall.resume();
  assert.equal(limits.callCount, 2);
  secondCall[Symbol.dispose]();
  assert.equal((await limits.admit(request)).kind, "denied");
  firstCall.pause();
  // A call may end while it is paused; later events have no effect.
  firstCall[Symbol.dispose]();
  firstCall.resume();
  firstCall.pause();
  assert.equal(limits.callCount, 0);
  assert.equal((await limits.admit(request)).kind, "admitted");
  await limits.close();
});

Deno.test("[rules.limits] the minute of a key begins with its first call, and closing the counter resets it", async () => {
  const counter = await openMemoryCounter();
  const { count, resetMs } = await counter.increment("a");
  assert.equal(count, 1);
  assert.equal(resetMs, 60_000);
  assert.equal((await counter.increment("a")).count, 2);
  assert.equal((await counter.increment("b")).count, 1);
  await counter.close();
  assert.equal((await counter.increment("a")).count, 1);
  await counter.close();
});

Deno.test("[rules.limits] of 200 simultaneous calls, ten are admitted, as many as the concurrent limit allows", async () => {
  const limits = new CallLimits(OPTIONS);
  const request = { agent: "a", limits: { perMinute: 50, concurrent: 10 }, unansweredCount: 1 };
  const admissions = await Promise.all(Array.from({ length: 200 }, () => limits.admit(request)));
  const admitted = admissions.filter(({ kind }) => kind === "admitted");
  assert.equal(admitted.length, 10);
  const messages = new Set(
    admissions.map((admission) => admission.kind === "denied" ? admission.message : ""),
  );
  // An empty message for admitted calls, and one message for each of the two limits.
  assert.equal(messages.size, 3);
  for (const admission of admitted) {
    if (admission.kind === "admitted") admission[Symbol.dispose]();
  }
  await limits.close();
});

Deno.test("[memory.calls] an agent's calls take at most a quarter of the memory, all calls at most the whole", async () => {
  const limits = new CallLimits({ ...OPTIONS, memory: new Budget(1000 * KIB) });
  const call = (agent: string, kib: number) => {
    return limits.admit({ agent, limits: {}, unansweredCount: 1, memory: kib * KIB });
  };
  const first = await call("a", 200);
  assert.ok(first.kind === "admitted");
  const refusal = await call("a", 60);
  assert.ok(refusal.kind === "denied");
  assert.match(refusal.message, /The active calls of agent "a" take .* its limit is/);
  // A call that is larger than the agent's quarter may run alone.
  const second = await call("b", 700);
  assert.ok(second.kind === "admitted");
  const otherRefusal = await call("c", 101);
  assert.ok(otherRefusal.kind === "denied");
  assert.match(otherRefusal.message, /The gateway holds its maximum of messages and active calls/);
  for (const permit of [first, first, second]) permit[Symbol.dispose]();
  assert.equal((await call("c", 1000)).kind, "admitted");
});

Deno.test("[memory.calls] a call without arguments takes 8 KiB of the agent's share of the memory", async () => {
  const limits = new CallLimits({ ...OPTIONS, memory: new Budget(4 * 80 * KIB) });
  const request = { agent: "a", limits: {}, unansweredCount: 1, memory: 100 };
  for (let count = 0; count < 10; count++) {
    assert.equal((await limits.admit(request)).kind, "admitted");
  }
  const refusal = await limits.admit(request);
  assert.ok(refusal.kind === "denied");
  assert.match(refusal.message, /The active calls of agent "a" take 1 MiB of memory/);
});

Deno.test("[tenants.calls] an agent cannot take the last active call of the gateway if there are several agents", async () => {
  for (const [severalAgents, expectedCount] of [[true, 75], [false, 100]] as const) {
    const limits = new CallLimits({
      ...OPTIONS,
      maxCalls: 100,
      hasSeveralAgents: () => severalAgents,
    });
    const admit = (agent: string) => limits.admit({ agent, limits: {}, unansweredCount: 1 });
    let admittedCount = 0;
    while ((await admit("a")).kind === "admitted") admittedCount++;
    assert.equal(admittedCount, expectedCount);
    assert.equal((await admit("b")).kind, severalAgents ? "admitted" : "denied");
  }
});

Deno.test("[tenants.calls] an agent cannot make the last call of the minute, even with simultaneous calls, if there are several agents", async () => {
  for (const [severalAgents, expectedCount] of [[true, 75], [false, 100]] as const) {
    const limits = new CallLimits({
      ...OPTIONS,
      callsPerMinute: 100,
      hasSeveralAgents: () => severalAgents,
    });
    const admit = (agent: string) => limits.admit({ agent, limits: {}, unansweredCount: 1 });
    const admissions = await Promise.all(Array.from({ length: 300 }, () => admit("a")));
    const admitted = admissions.filter(({ kind }) => kind === "admitted");
    assert.equal(admitted.length, expectedCount);
    const refusal = await admit("a");
    assert.ok(refusal.kind === "denied");
    assert.ok(refusal.retryAfterMs > 50_000 && refusal.retryAfterMs <= 60_000);
    const whose = severalAgents
      ? /^Agent "a" has used its share of the 100 calls that all agents may make in a minute\./
      : /^The gateway has made the 100 calls/;
    assert.match(refusal.message, whose);
    assert.equal((await admit("b")).kind, severalAgents ? "admitted" : "denied");
    await limits.close();
  }
});
