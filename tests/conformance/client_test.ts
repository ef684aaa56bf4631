import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { SCENARIOS, SKIPPED_SCENARIOS } from "./client_scenarios.ts";
import { ClientDriver } from "./client_driver.ts";
import { listScenarios, PASSED } from "./package.ts";

/**
 * Scenarios that run alone because they measure time: the suite warns about a delay of 0.2 s. They are repeated
 * when they fail, because a busy machine delays more.
 */
const TIMED_SCENARIOS: readonly string[] = ["sse-retry"];

/** Maximum number of runs of a scenario that measures time. */
const MAX_TIMED_RUNS = 5;

Deno.test("[remote.conformance] the official suite for clients", async (t) => {
  await ensureServers();
  await using driver = new ClientDriver("0.1.16", SCENARIOS);

  await t.step("[remote.conformance] every scenario is run, or skipped for a reason", async () => {
    const knownNames = [...Object.keys(SCENARIOS), ...Object.keys(SKIPPED_SCENARIOS)];
    assert.deepEqual((await listScenarios("--client")).sort(), knownNames.sort());
  });

  for (const scenario of TIMED_SCENARIOS) {
    await t.step(`[remote.conformance] ${scenario}`, async () => {
      let run = await driver.runSuite("--scenario", scenario);
      for (let count = 1; count < MAX_TIMED_RUNS && !PASSED.test(run.output); count++) {
        run = await driver.runSuite("--scenario", scenario);
      }
      assert.equal(run.code, 0, run.output);
      assert.match(run.output, PASSED);
      driver.checkRefusal(scenario);
    });
  }

  const { output } = await driver.runSuite("--suite", "all");
  for (const scenario of Object.keys(SCENARIOS)) {
    if (TIMED_SCENARIOS.includes(scenario)) continue;
    await t.step(`[remote.conformance] ${scenario}`, () => {
      const lines = output.split("\n").filter((line) => line.includes(` ${scenario}: `));
      assert.equal(lines.length, 1, output);
      assert.match(lines[0] ?? "", /^✓ \S+ [1-9]\d* passed, 0 failed$/, output);
      driver.checkRefusal(scenario);
    });
  }
});
