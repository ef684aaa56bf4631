import assert from "node:assert/strict";
import { FairQueue } from "../src/fair_queue.ts";
import { cpuMs } from "./cpu_time.ts";

Deno.test("[servers.max-concurrency] thousands of waiting calls may be cancelled at the same time", async () => {
  const queue = new FairQueue(1, () => false);
  const { signal } = new AbortController();
  await queue.acquire("first", signal);
  const controllers = Array.from({ length: 40_000 }, () => new AbortController());
  const waitingCalls = controllers.map((controller) => queue.acquire("many", controller.signal));
  const lastCall = queue.acquire("last", signal);
  const startedMs = cpuMs();
  for (const controller of controllers) controller.abort("enough");
  const outcomes = await Promise.allSettled(waitingCalls);
  assert.ok(cpuMs() - startedMs < 2000);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  queue.release("first");
  await lastCall;
});

for (
  const { limit, shares } of [
    { limit: 1, shares: [1, 0, 0] },
    { limit: 2, shares: [1, 1, 0] },
    { limit: 4, shares: [3, 1, 0] },
    { limit: 64, shares: [48, 12, 3] },
  ]
) {
  Deno.test(`[tenants.slots] of ${limit} slots, agents that ask for all of them get ${shares.join(", ")}`, async () => {
    const queue = new FairQueue(limit, () => true);
    const controller = new AbortController();
    const waitingCalls: Promise<void>[] = [];
    const counts = ["a", "b", "c"].map((agent) => {
      const waits = Array.from({ length: limit }, () => queue.acquire(agent, controller.signal))
        .filter((wait) => wait !== undefined);
      waitingCalls.push(...waits);
      return limit - waits.length;
    });
    assert.deepEqual(counts, shares);
    controller.abort("enough");
    await Promise.allSettled(waitingCalls);
  });
}

Deno.test("[tenants.slots] a call that waits because of its agent's share is admitted when a call of that agent ends", async () => {
  const queue = new FairQueue(2, () => true);
  const { signal } = new AbortController();
  assert.equal(queue.acquire("a", signal), undefined);
  const waiting = queue.acquire("a", signal);
  assert.notEqual(waiting, undefined);
  queue.release("a");
  await waiting;
});

Deno.test("[servers.max-concurrency] the connections of one agent take turns", async () => {
  const queue = new FairQueue(1, () => false);
  const { signal } = new AbortController();
  const order: string[] = [];
  const call = async (connection: string, agent = "a"): Promise<void> => {
    await queue.acquire(agent, signal, connection);
    order.push(connection);
    queue.release(agent);
  };
  await queue.acquire("a", signal);
  const calls = ["one", "one", "one", "two", "two", "three"].map((connection) => call(connection));
  calls.push(call("other", "b"));
  queue.release("a");
  await Promise.all(calls);
  assert.deepEqual(order, ["one", "other", "two", "three", "one", "two", "one"]);
});
