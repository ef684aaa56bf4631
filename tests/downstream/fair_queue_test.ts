import assert from "node:assert/strict";
import { FairQueue } from "../../src/downstream/fair_queue.ts";

Deno.test("[servers.max-concurrency] thousands of waiting calls may be cancelled at the same time", async () => {
  const queue = new FairQueue(1);
  const { signal } = new AbortController();
  await queue.acquire("first", signal);
  const controllers = Array.from({ length: 40_000 }, () => new AbortController());
  const waiting = controllers.map((controller) => queue.acquire("many", controller.signal));
  const last = queue.acquire("last", signal);
  const start = performance.now();
  for (const controller of controllers) controller.abort("enough");
  const outcomes = await Promise.allSettled(waiting);
  assert.ok(performance.now() - start < 2000);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  queue.release();
  await last;
});
