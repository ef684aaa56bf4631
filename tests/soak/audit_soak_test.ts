import assert from "node:assert/strict";
import { KILL_STAGES, killDuringChangingCall } from "../e2e/kill_during_change.ts";
import { killAtMoments } from "../e2e/kill_under_load.ts";
import { TestFolder } from "../audit/audit_log_fixtures.ts";
import { createAuditLine, runStats, runTail } from "../cli/run_audit_commands.ts";

Deno.test("[audit.stream] audit stats reads a log of a gigabyte in bounded memory, and audit tail reads only its end", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const lines = Array.from({ length: 100_000 }, (_, number) => {
    return createAuditLine({
      agent_id: `agent-${number}`,
      tool: `tool-${number}`,
      latency_ms: number % 5000,
    });
  }).join("");
  const repetitions = Math.ceil(1e9 / lines.length);
  // The lines are encoded only once, because garbage of the test would count as memory of the reader.
  const bytes = new TextEncoder().encode(lines);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    Deno.writeFileSync(path, bytes, { append: true });
  }
  const { count, agents } = JSON.parse((await runStats(path)).stdout);
  assert.equal(count, repetitions * 100_000);
  // Beyond ten thousand agents, all further names are counted together.
  assert.equal(agents.length, 10_001);
  assert.ok(Deno.memoryUsage().rss < 600e6, `${Deno.memoryUsage().rss} bytes`);
  const startMs = performance.now();
  assert.equal(
    (await runTail(path, { lines: 3, json: true })).stdout,
    lines.split("\n").slice(-4).join("\n"),
  );
  assert.ok(performance.now() - startMs < 500, "More than the end of the log was read");
});

Deno.test("[audit.killed] every answered call is in the audit log after a SIGKILL at each of 40 moments", async () => {
  await killAtMoments(40);
});

for (const stage of KILL_STAGES) {
  Deno.test(`[audit.killed] after each of 20 SIGKILLs when a call is ${stage}, the log has each call that reached its server`, async () => {
    const lastStages: string[] = [];
    for (let kill = 0; kill < 20; kill++) {
      lastStages.push((await killDuringChangingCall(stage)).lastStage);
    }
    assert.ok(lastStages.includes(stage), `no kill was in this stage: ${lastStages}`);
  });
}
