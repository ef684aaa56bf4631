import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { ClientScenario } from "./client_scenarios.ts";
import { type ClientRun, runClient } from "./driver.ts";
import { type Release, runRelease } from "./package.ts";

const RELAY = fileURLToPath(new URL("relay.ts", import.meta.url));

/** Maximum number of gateways at the same time. The suite starts all of its scenarios at once. */
const MAX_GATEWAYS = 2;

/** Maximum duration of a scenario in milliseconds, with the time that it waits for its gateway. */
const SCENARIO_TIMEOUT_MS = 120_000;

/** Runs the gateway for each relay that the suite starts as its client. */
export class ClientDriver implements AsyncDisposable {
  /** The refusal of each scenario, if any. */
  readonly refusals = new Map<string, string | undefined>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => new Response(await this.#run(await request.json())),
  );
  readonly #release: Release;
  readonly #scenarios: Readonly<Record<string, ClientScenario>>;
  #runningCount = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param release The release of the suite.
   * @param scenarios The scenarios, with their settings and expected outcomes.
   */
  constructor(release: Release, scenarios: Readonly<Record<string, ClientScenario>>) {
    this.#release = release;
    this.#scenarios = scenarios;
  }

  /** Runs the suite with a relay as its client; it appends the URL of its server, and uses a shell. */
  async runSuite(...args: string[]): Promise<{ code: number; output: string }> {
    const { hostname, port } = this.#server.addr;
    const permissions = ["--allow-env", `--allow-net=${hostname}`];
    const flags = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...permissions];
    const commandWords = [Deno.execPath(), ...flags, RELAY, `http://${hostname}:${port}`];
    const command = commandWords.map((word) => `"${word}"`).join(" ");
    const timeout = String(SCENARIO_TIMEOUT_MS);
    const words = ["client", "--command", command, "--timeout", timeout, ...args];
    return await runRelease(this.#release, words);
  }

  async #run(clientRun: ClientRun): Promise<string> {
    if (this.#runningCount >= MAX_GATEWAYS) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#runningCount++;
    const refusal = await this.#runClient(clientRun).catch((error) =>
      `The gateway failed: ${error}`
    );
    this.refusals.set(clientRun.scenario, refusal);
    const startNext = this.#waiting.shift() ?? (() => this.#runningCount--);
    startNext();
    return refusal ?? "";
  }

  #runClient(clientRun: ClientRun): Promise<string | undefined> {
    return runClient(clientRun, this.#scenarios[clientRun.scenario]);
  }

  /** Asserts that a scenario's calls succeeded, or that one was refused as expected. */
  checkRefusal(scenario: string): void {
    const refusal = this.refusals.get(scenario);
    const expected = this.#scenarios[scenario]?.refusal;
    if (expected === undefined) assert.equal(refusal, undefined);
    else assert.match(refusal ?? "", expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
