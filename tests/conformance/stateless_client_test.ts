import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { ClientDriver } from "./client_driver.ts";
import { listRequired } from "./package.ts";
import { SKIPPED_STATELESS_SCENARIOS, STATELESS_SCENARIOS } from "./stateless_client_scenarios.ts";

const REVISION = "2026-07-28";

Deno.test("[remote.stateless-conformance] the official suite for clients of revision 2026-07-28", async (t) => {
  await ensureServers();
  await using driver = new ClientDriver("0.2.0-alpha.12", STATELESS_SCENARIOS);

  await t.step(
    "[remote.stateless-conformance] every scenario is run, or skipped for a reason",
    async () => {
      const { scored, others } = await listRequired(REVISION);
      const run = Object.keys(STATELESS_SCENARIOS);
      assert.deepEqual(scored.filter((scenario) => !run.includes(scenario)), []);
      const known = [...run, ...Object.keys(SKIPPED_STATELESS_SCENARIOS)];
      assert.deepEqual(known.sort(), [...scored, ...others].sort());
    },
  );

  const { output } = await driver.runSuite("--requirements", REVISION);
  for (const scenario of Object.keys(STATELESS_SCENARIOS)) {
    await t.step(`[remote.stateless-conformance] ${scenario}`, () => {
      const lines = output.split("\n").filter((line) => line.includes(` ${scenario}: `));
      assert.equal(lines.length, 1, output);
      assert.match(lines[0] ?? "", /^✓ \S+ [1-9]\d* passed, 0 failed$/, output);
      driver.checkRefusal(scenario);
    });
  }
});
