import assert from "node:assert/strict";
import { FairQueue } from "../../src/downstream/fair_queue.ts";

Deno.test("[servers.max-concurrency] thousands of waiting calls may be cancelled at the same time", async () => {
  const queue = new FairQueue(1);
  const { signal } = new AbortController();
  await queue.acquire("first", signal);
  const controllers = Array.from({ length: 40_000 }, () => new AbortController());
  const waitingCalls = controllers.map((controller) => queue.acquire("many", controller.signal));
  const lastCall = queue.acquire("last", signal);
  const startedMs = performance.now();
  for (const controller of controllers) controller.abort("enough");
  const outcomes = await Promise.allSettled(waitingCalls);
  assert.ok(performance.now() - startedMs < 2000);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  queue.release();
  await lastCall;
});
