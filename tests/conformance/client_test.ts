import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers } from "../../scripts/test_servers.ts";
import { LEFT_OUT, SCENARIOS } from "./client_scenarios.ts";
import { listScenarios, PASSED, runConformance } from "./package.ts";

const DRIVER = fileURLToPath(new URL("driver.ts", import.meta.url));

/** Scenarios at a time: each has its own processes and ports, and waits most of its time. */
const AT_A_TIME = 2;

/** It measures time, and a fifth of a second late is a warning. */
const ALONE: readonly string[] = ["sse-retry"];

/** How long a scenario may take, in milliseconds. */
const PATIENCE_MS = 30_000;

/** The suite hands this to a shell, with the server's address after it. */
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

  await t.step("[remote.conformance] every scenario is run, or left out for a reason", async () => {
    const known = [...Object.keys(SCENARIOS), ...Object.keys(LEFT_OUT)];
    assert.deepEqual((await listScenarios("--client")).sort(), known.sort());
  });

  const work = async (waiting: string[]): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const scenario = name;
      await t.step({
        name: `[remote.conformance] ${scenario}`,
        fn: () => checkScenario(scenario),
        // Of steps side by side nobody can tell whose an operation is; the test itself can.
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
