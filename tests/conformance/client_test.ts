import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ensureServers } from "../../scripts/test_servers.ts";
import { SCENARIOS, SKIPPED_SCENARIOS } from "./client_scenarios.ts";
import { type ClientRun, runClient } from "./driver.ts";
import { listScenarios, PASSED, runConformance } from "./package.ts";

const RELAY = fileURLToPath(new URL("relay.ts", import.meta.url));

/** Maximum number of gateways at the same time. The suite starts all of its scenarios at once. */
const MAX_GATEWAYS = 2;

/**
 * Scenarios that run alone because they measure time: the suite warns about a delay of 0.2 s. They are repeated
 * when they fail, because a busy machine delays more.
 */
const TIMED_SCENARIOS: readonly string[] = ["sse-retry"];

/** Maximum number of runs of a scenario that measures time. */
const MAX_TIMED_RUNS = 5;

/** Maximum duration of a scenario in milliseconds, with the time that it waits for its gateway. */
const SCENARIO_TIMEOUT_MS = 120_000;

/** Runs the gateway for each relay that the suite starts as its client. */
class Driver implements AsyncDisposable {
  /** The refusal of each scenario, if any. */
  readonly refusals = new Map<string, string | undefined>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => new Response(await this.#run(await request.json())),
  );
  #runningCount = 0;
  readonly #waiting: (() => void)[] = [];

  /** Runs the suite with a relay as its client; it appends the URL of its server, and uses a shell. */
  async runSuite(...args: string[]): Promise<{ code: number; output: string }> {
    const { hostname, port } = this.#server.addr;
    const permissions = ["--allow-env", `--allow-net=${hostname}`];
    const flags = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...permissions];
    const words = [Deno.execPath(), ...flags, RELAY, `http://${hostname}:${port}`];
    const command = words.map((word) => `"${word}"`).join(" ");
    const timeout = String(SCENARIO_TIMEOUT_MS);
    return await runConformance("client", "--command", command, "--timeout", timeout, ...args);
  }

  async #run(clientRun: ClientRun): Promise<string> {
    if (this.#runningCount >= MAX_GATEWAYS) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#runningCount++;
    const refusal = await runClient(clientRun).catch((error) => `The gateway failed: ${error}`);
    this.refusals.set(clientRun.scenario, refusal);
    const startNext = this.#waiting.shift() ?? (() => this.#runningCount--);
    startNext();
    return refusal ?? "";
  }

  /** Asserts that a scenario's calls succeeded, or that one was refused as expected. */
  checkRefusal(scenario: string): void {
    const refusal = this.refusals.get(scenario);
    const expected = SCENARIOS[scenario]?.refusal;
    if (expected === undefined) assert.equal(refusal, undefined);
    else assert.match(refusal ?? "", expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("[remote.conformance] the official suite for clients", async (t) => {
  await ensureServers();
  await using driver = new Driver();

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
