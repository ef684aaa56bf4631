import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers } from "../../scripts/test_servers.ts";
import { LEFT_OUT, SCENARIOS } from "./client_scenarios.ts";
import { listScenarios, PASSED, runConformance } from "./package.ts";

const DRIVER = fileURLToPath(new URL("driver.ts", import.meta.url));

/** Number of concurrent scenarios: each has its own processes and ports, and mostly waits. */
const AT_A_TIME = 2;

/** Scenarios that measure time: a delay of 0.2 s is a warning. */
const ALONE: readonly string[] = ["sse-retry"];

/** Maximum duration of a scenario, in milliseconds. */
const PATIENCE_MS = 30_000;

/** The suite passes this to a shell, followed by the server's address. */
const COMMAND = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", DRIVER]
  .map((word) => `"${word}"`).join(" ");

async function checkScenario(name: string): Promise<void> {
  const words = ["--scenario", name, "--command", COMMAND, "--timeout", String(PATIENCE_MS)];
  const { code, output } = await runConformance("client", ...words);
  assert.equal(code, 0, output);
  assert.match(output, PASSED);
  const { refusal } = SCENARIOS[name] ?? {};
  if (refusal === undefined) assert.doesNotMatch(output, /Client exited with code/);
  else assert.match(output, refusal);
}

Deno.test("[remote.conformance] the official suite for clients", async (t) => {
  await ensureServers();

  await t.step("[remote.conformance] every scenario is run, or skipped for a reason", async () => {
    const known = [...Object.keys(SCENARIOS), ...Object.keys(LEFT_OUT)];
    assert.deepEqual((await listScenarios("--client")).sort(), known.sort());
  });

  const work = async (waiting: string[]): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const scenario = name;
      await t.step({
        name: `[remote.conformance] ${scenario}`,
        fn: () => checkScenario(scenario),
        // Operations of concurrent steps cannot be distinguished; the sanitizers of the test are on.
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
      });
    }
  };
  await work([...ALONE]);
  const others = Object.keys(SCENARIOS).filter((name) => !ALONE.includes(name));
  await Promise.all(Array.from({ length: AT_A_TIME }, () => work(others)));
});
