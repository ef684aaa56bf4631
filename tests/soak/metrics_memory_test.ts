import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BusyPipeline } from "../metrics/busy_pipeline.ts";
import { countOf } from "../metrics/observe.ts";

const MAX_MB = 20;

/** Memory of the process after a garbage collection, in MB. */
async function measure(): Promise<{ rss: number; held: number }> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let time = 0; time < 3; time++) {
    gc();
    // Buffers are freed in a tick of their own.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { rss, heapUsed, external } = Deno.memoryUsage();
  return { rss: Math.round(rss / 1e6), held: Math.round((heapUsed + external) / 1e6) };
}

Deno.test("[metrics.flat] a million operations from 10,000 agents do not increase the memory", async () => {
  await using pipeline = new BusyPipeline();
  await pipeline.run(10_000);
  const early = await measure();
  await pipeline.run(1_000_000 - 10_000);
  const late = await measure();
  const figures = JSON.stringify({ early, late });
  assert.ok(late.rss - early.rss < MAX_MB, figures);
  assert.ok(late.held - early.held < MAX_MB, figures);
  const { operations, agents, servers, tools } = pipeline.metrics.summary();
  assert.equal(countOf(operations), 1_000_000);
  assert.equal(Object.keys(agents).length, 101);
  assert.equal(Object.keys(tools).length, 201);
  assert.equal(Object.keys(servers).length, 1);
  Deno.stdout.writeSync(new TextEncoder().encode(`${figures}\n`));
});
