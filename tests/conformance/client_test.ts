import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers } from "../../scripts/test_servers.ts";
import { SCENARIOS, SKIPPED_SCENARIOS } from "./client_scenarios.ts";
import { listScenarios, PASSED, runConformance } from "./package.ts";

const DRIVER = fileURLToPath(new URL("driver.ts", import.meta.url));

/** Number of concurrent scenarios: each has its own processes and ports, and mostly waits. */
const CONCURRENT_SCENARIOS = 2;

/**
 * Scenarios that run alone because they measure time: the suite warns about a delay of 0.2 s. They are repeated
 * when they fail, because a busy machine delays more.
 */
const TIMED_SCENARIOS: readonly string[] = ["sse-retry"];

/** Maximum number of runs of a scenario that measures time. */
const MAX_TIMED_RUNS = 5;

/** Maximum duration of a scenario, in milliseconds. */
const SCENARIO_TIMEOUT_MS = 30_000;

/** Command of the client; the suite appends the URL of the server and runs it in a shell. */
const CLIENT_COMMAND = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", DRIVER]
  .map((word) => `"${word}"`).join(" ");

async function checkScenario(name: string, maxRuns = 1): Promise<void> {
  const args = [
    "--scenario",
    name,
    "--command",
    CLIENT_COMMAND,
    "--timeout",
    String(SCENARIO_TIMEOUT_MS),
  ];
  const { code, output } = await runConformance("client", ...args);
  if (!PASSED.test(output) && maxRuns > 1) return await checkScenario(name, maxRuns - 1);
  assert.equal(code, 0, output);
  assert.match(output, PASSED);
  const { refusal } = SCENARIOS[name] ?? {};
  if (refusal === undefined) assert.doesNotMatch(output, /Client exited with code/);
  else assert.match(output, refusal);
}

Deno.test("[remote.conformance] the official suite for clients", async (t) => {
  await ensureServers();

  await t.step("[remote.conformance] every scenario is run, or skipped for a reason", async () => {
    const knownNames = [...Object.keys(SCENARIOS), ...Object.keys(SKIPPED_SCENARIOS)];
    assert.deepEqual((await listScenarios("--client")).sort(), knownNames.sort());
  });

  const runQueue = async (queue: string[], maxRuns = 1): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const scenario = name;
      await t.step({
        name: `[remote.conformance] ${scenario}`,
        fn: () => checkScenario(scenario, maxRuns),
        // Steps run concurrently: a step's sanitizers would see the resources of other steps. The
        // sanitizers of the whole test stay on.
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      });
    }
  };
  await runQueue([...TIMED_SCENARIOS], MAX_TIMED_RUNS);
  const sharedQueue = Object.keys(SCENARIOS).filter((name) => !TIMED_SCENARIOS.includes(name));
  await Promise.all(Array.from({ length: CONCURRENT_SCENARIOS }, () => runQueue(sharedQueue)));
});
