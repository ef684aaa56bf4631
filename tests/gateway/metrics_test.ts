import assert from "node:assert/strict";
import { Metrics } from "../../src/metrics/mod.ts";

Deno.test("[metrics.bounded] a server that makes up codes fills no memory", () => {
  const metrics = new Metrics();
  for (let code = 0; code < 1000; code++) {
    metrics.observe({ operation: "execute_tool", code: String(code), latencyMs: 1 });
  }
  const errors = metrics.summary().operations.execute_tool?.errors ?? {};
  assert.equal(Object.keys(errors).length, 51);
  assert.equal(errors.other, 950);
});
