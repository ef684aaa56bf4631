import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { misbehavingServer, startGateway } from "../e2e/gateway.ts";
import { listScenarios, PASSED, runConformance } from "./package.ts";

/** Scenarios that apply to every server: lifecycle, transport, headers, DNS rebinding. */
const SCENARIOS = [
  "server-initialize",
  "ping",
  "logging-set-level",
  "tools-list",
  "server-sse-multiple-streams",
  "dns-rebinding-protection",
] as const;

/** Reasons for skipping the other scenarios of `conformance list --server`, by the start of their names. */
const SKIPPED_SCENARIOS: Readonly<Record<string, string>> = {
  "tools-call-": "they call fixture tools by name, and the gateway's tools are its own three",
  "elicitation-": "they call fixture tools by name",
  "json-schema-2020-12": "it looks for a fixture tool in tools/list",
  "server-sse-polling":
    "it calls the fixture tool test_reconnection, and checks nothing without it",
  "resources-": "the gateway offers no resources in this version",
  "prompts-": "the gateway offers no prompts in this version",
  "completion-complete": "without prompts and resources there is nothing to complete",
};

Deno.test("[http.conformance] the official suite for servers", async (t) => {
  await ensureServers();
  await using gateway = await startGateway({
    transport: "http",
    servers: { odd: misbehavingServer() },
    initialize: false,
  });

  await t.step("[http.conformance] every scenario is run, or skipped for a reason", async () => {
    const names = await listScenarios("--server");
    const unknownNames = names.filter((name) => {
      const isSkipped = Object.keys(SKIPPED_SCENARIOS).some((prefix) => name.startsWith(prefix));
      return !isSkipped && !SCENARIOS.some((scenario) => scenario === name);
    });
    assert.deepEqual(unknownNames, []);
  });

  for (const scenario of SCENARIOS) {
    await t.step(`[http.conformance] ${scenario}`, async () => {
      const args = ["--url", gateway.url, "--scenario", scenario];
      const { code, output } = await runConformance("server", ...args);
      assert.equal(code, 0, output);
      assert.match(output, PASSED);
    });
  }
});
