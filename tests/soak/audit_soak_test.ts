import assert from "node:assert/strict";
import { TestFolder } from "../audit/support.ts";
import { auditText, runStats, runTail } from "../cli/audit_support.ts";

Deno.test("[audit.stream] a log of a gigabyte is read in bounded memory", async () => {
  using folder = new TestFolder();
  const path = folder.at("audit.jsonl");
  const lines = Array.from({ length: 100_000 }, (_, n) => {
    return auditText({ agent_id: `agent-${n}`, tool: `tool-${n}`, latency_ms: n % 5000 });
  }).join("");
  const times = Math.ceil(1e9 / lines.length);
  // Encoded once: what the test itself leaves to be collected would count as the reader's.
  const bytes = new TextEncoder().encode(lines);
  for (let time = 0; time < times; time++) Deno.writeFileSync(path, bytes, { append: true });
  const { count, agents } = JSON.parse((await runStats(path)).stdout);
  assert.equal(count, times * 100_000);
  // Names beyond ten thousand count as one.
  assert.equal(agents.length, 10_001);
  assert.ok(Deno.memoryUsage().rss < 600e6, `${Deno.memoryUsage().rss} bytes`);
  const since = performance.now();
  assert.equal(
    (await runTail(path, { lines: 3, json: true })).stdout,
    lines.split("\n").slice(-4).join("\n"),
  );
  assert.ok(performance.now() - since < 500, "the end is read from the end");
});
