import assert from "node:assert/strict";
import { similarNames } from "../src/similar_names.ts";
import { cpuMs } from "./cpu_time.ts";

Deno.test("[security.many-tools] searching 100,000 names for similar ones takes less than 200 ms of CPU time", () => {
  for (const length of [1, 8, 60, 64, 200]) {
    const names = Array.from({ length: 100_000 }, (_, index) => `${index}_`.padEnd(length, "x"));
    const startMs = cpuMs();
    similarNames("y".padEnd(length, "x"), names, { max: 3 });
    const usedMs = cpuMs() - startMs;
    assert.ok(usedMs < 200, `${usedMs} ms for names of ${length} characters`);
  }
});

Deno.test("[security.many-tools] of 1,000 names with 20 characters, the last can be found", () => {
  const names = Array.from({ length: 1000 }, (_, index) => `tool_${index}`.padEnd(20, "abcdef"));
  const last = names.at(-1) ?? "";
  assert.deepEqual(similarNames(`${last.slice(0, -1)}z`, names, { max: 1 }), [last]);
});
