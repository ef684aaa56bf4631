import assert from "node:assert/strict";
import { FairQueue } from "../../src/downstream/fair_queue.ts";

Deno.test("[servers.max-concurrency] thousands of waiting calls may be cancelled at the same time", async () => {
  const line = new FairQueue(1);
  const { signal } = new AbortController();
  await line.acquire("first", signal);
  const controllers = Array.from({ length: 40_000 }, () => new AbortController());
  const waiting = controllers.map((one) => line.acquire("many", one.signal));
  const last = line.acquire("last", signal);
  const start = performance.now();
  for (const one of controllers) one.abort("enough");
  const outcomes = await Promise.allSettled(waiting);
  assert.ok(performance.now() - start < 2000);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  line.release();
  await last;
});
