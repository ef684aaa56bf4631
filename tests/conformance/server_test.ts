import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { conformanceServer, misbehavingServer, startGateway } from "../e2e/gateway.ts";
import { NameAdapter } from "./name_adapter.ts";
import { listScenarios, RELEASES, runServerScenarios } from "./package.ts";

/** Scenarios of the gateway's own endpoint: lifecycle, transport, headers, DNS rebinding. */
const OWN_SCENARIOS = [
  "server-initialize",
  "server-session-lifecycle",
  "ping",
  "logging-set-level",
  "tools-list",
  "server-sse-multiple-streams",
  "dns-rebinding-protection",
] as const;

/** Scenarios that use the tools, resources and prompts of a server with the suite's fixtures. */
const FIXTURE_SCENARIOS = [
  "tools-list",
  "tools-call-simple-text",
  "tools-call-image",
  "tools-call-audio",
  "tools-call-embedded-resource",
  "tools-call-mixed-content",
  "tools-call-with-logging",
  "tools-call-error",
  "tools-call-with-progress",
  "tools-call-sampling",
  "tools-call-elicitation",
  "json-schema-2020-12",
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums",
  "resources-list",
  "resources-read-text",
  "resources-read-binary",
  "resources-templates-read",
  "resources-subscribe",
  "resources-unsubscribe",
  "prompts-list",
  "prompts-get-simple",
  "prompts-get-with-args",
  "prompts-get-embedded-resource",
  "prompts-get-with-image",
  "completion-complete",
] as const;

/** Reasons for skipping the other scenarios of a revision up to 2025-11-25. */
const SKIPPED_SCENARIOS: Readonly<Record<string, string>> = {
  "server-sse-polling":
    "its fixture tool closes the client's HTTP stream during a call, which no server behind the gateway can do",
};

/** Statuses of checks that are no problem. */
const GOOD_STATUSES = ["SUCCESS", "INFO", "SKIPPED"];

Deno.test("[http.conformance] the official suite for servers", async (t) => {
  await ensureServers();
  await using gateway = await startGateway({
    transport: "http",
    servers: { odd: misbehavingServer() },
    initialize: false,
  });
  await using fixtures = await startGateway({
    transport: "http",
    servers: {
      fixtures: {
        ...conformanceServer(),
        gateway: { forward: ["elicitation", "roots", "sampling"] },
      },
    },
    args: ["--agent", "tester", "--face", "direct"],
    initialize: false,
  });
  await using adapter = new NameAdapter(fixtures.url, { server: "fixtures" });

  const unlistedNames = new Set<string>([...OWN_SCENARIOS, ...FIXTURE_SCENARIOS]);
  for (const release of RELEASES) {
    const names = await listScenarios("--server", release);
    for (const name of names) unlistedNames.delete(name);
    await t.step(
      `[http.conformance] every scenario is run, or skipped for a reason, ${release}`,
      () => {
        const known: readonly string[] = [
          ...OWN_SCENARIOS,
          ...FIXTURE_SCENARIOS,
          ...Object.keys(SKIPPED_SCENARIOS),
        ];
        assert.deepEqual(names.filter((name) => !known.includes(name)), []);
      },
    );
    for (
      const [url, scenarios] of [
        [gateway.url, OWN_SCENARIOS],
        [adapter.url, FIXTURE_SCENARIOS],
      ] as const
    ) {
      const checksByScenario = await runServerScenarios(release, url);
      for (const scenario of scenarios) {
        if (!names.includes(scenario)) continue;
        await t.step(`[http.conformance] ${scenario}, ${release}`, () => {
          const checks = checksByScenario.get(scenario) ?? [];
          assert.deepEqual(checks.filter(({ status }) => !GOOD_STATUSES.includes(status)), []);
          assert.ok(checks.some(({ status }) => status === "SUCCESS"));
        });
      }
    }
  }
  assert.deepEqual([...unlistedNames], [], "No release has these scenarios");
});
