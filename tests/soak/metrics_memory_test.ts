import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BusyPipeline } from "../metrics/busy_pipeline.ts";
import { countOperations } from "../metrics/observe_operations.ts";

const MAX_GROWTH_MB = 20;

/** Measures the memory of this process after garbage collections, in MB. */
async function measureMemory(): Promise<{ rss: number; used: number }> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round++) {
    gc();
    // Buffers are freed only in a later tick.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return { rss: Math.round(rss / 1e6), used: Math.round((heapUsed + external) / 1e6) };
}

Deno.test("[metrics.flat] a million operations from 10,000 agents do not increase the memory", async () => {
  await using pipeline = new BusyPipeline();
  await pipeline.run(10_000);
  const early = await measureMemory();
  await pipeline.run(1_000_000 - 10_000);
  const late = await measureMemory();
  const figures = JSON.stringify({ early, late });
  assert.ok(late.rss - early.rss < MAX_GROWTH_MB, figures);
  assert.ok(late.used - early.used < MAX_GROWTH_MB, figures);
  const { operations, agents, servers, tools } = pipeline.metrics.summary();
  assert.equal(countOperations(operations), 1_000_000);
  assert.equal(Object.keys(agents).length, 101);
  assert.equal(Object.keys(tools).length, 201);
  assert.equal(Object.keys(servers).length, 1);
  Deno.stdout.writeSync(new TextEncoder().encode(`${figures}\n`));
});
