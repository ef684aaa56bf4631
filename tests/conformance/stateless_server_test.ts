import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { ALL_CAPABILITIES, StatelessClient } from "../e2e/eras_clients.ts";
import { conformanceServer, type Fields, startGateway } from "../e2e/gateway.ts";
import { NameAdapter } from "./name_adapter.ts";
import { listStatelessScenarios, runStatelessScenarios } from "./package.ts";

/** A gateway in front of a server of one kind. */
interface Cell {
  readonly flags: readonly string[];
  /** The key of the gateway's questions, if they do not have the keys of the server. */
  readonly questionKey?: string;
  /** Reasons for the checks that do not pass, by id. */
  readonly exceptions: Readonly<Record<string, string>>;
}

const FIRST_CALL =
  "responses without a state of the gateway belong to no call that waits, so the call is a first one";

const CELLS: Readonly<Record<string, Cell>> = {
  "a server of the earlier revisions": {
    flags: [],
    questionKey: "g1",
    exceptions: {
      "sep-2322-ignore-unexpected-params": FIRST_CALL,
      "sep-2575-server-rejects-undeclared-capability":
        "a server of the earlier revisions cannot say which capability a client lacks",
      "sep-2575-missing-capability-http-400":
        "a server of the earlier revisions cannot say which capability a client lacks",
    },
  },
  "a server without sessions": {
    flags: ["--stateless"],
    exceptions: { "sep-2322-ignore-unexpected-params": FIRST_CALL },
  },
};

/** Reasons for skipping scenarios that the suite runs and does not score. */
const SKIPPED: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^tasks-/, "the gateway does not offer the extension for tasks"],
  [/^http-custom-header-server-validation$/, "no tool of the gateway has parameters in headers"],
];

/** Capabilities that the suite declares. Servers have a session for each set of them, and calls have short time limits. */
const CAPABILITIES: readonly Fields[] = [
  {},
  { elicitation: {} },
  { sampling: {} },
  ALL_CAPABILITIES,
  { ...ALL_CAPABILITIES, elicitation: {} },
];

/** Statuses of checks that are no problem. */
const GOOD_STATUSES = ["SUCCESS", "INFO", "SKIPPED"];

/** Checks for which the suite waits 0.6 s, which is too short on a busy machine; their scenario runs once more. */
const TIMED = [
  "sep-2575-http-server-no-independent-requests-on-stream",
  "sep-2575-server-no-log-without-loglevel",
];

for (const [title, { flags, questionKey, exceptions }] of Object.entries(CELLS)) {
  Deno.test(`[eras.http-conformance] the official suite without sessions, with ${title}`, async (t) => {
    await ensureServers();
    const names = await listStatelessScenarios();
    assert.ok(names.length >= 37);
    await using gateway = await startGateway({
      transport: "http",
      servers: {
        fixtures: {
          ...conformanceServer(...flags),
          gateway: { forward: ["elicitation", "roots", "sampling"] },
        },
      },
      args: ["--agent", "tester", "--face", "direct"],
      initialize: false,
    });
    const client = StatelessClient.connect(gateway);
    for (const capabilities of CAPABILITIES) {
      const params = { name: "fixtures__test_simple_text", arguments: {} };
      await client.request("tools/call", params, { capabilities });
    }
    await using adapter = new NameAdapter(gateway.url, {
      server: "fixtures",
      ...(questionKey === undefined ? {} : { questionKey }),
    });
    const checksByScenario = await runStatelessScenarios(adapter.url);
    const missed = new Set(Object.keys(exceptions));
    for (const name of new Set([...names, ...checksByScenario.keys()])) {
      if (SKIPPED.some(([pattern]) => pattern.test(name))) continue;
      await t.step(`[eras.http-conformance] ${name}`, async () => {
        let checks = checksByScenario.get(name) ?? [];
        if (
          checks.some(({ id, status }) => TIMED.includes(id) && !GOOD_STATUSES.includes(status))
        ) {
          const again = await runStatelessScenarios(adapter.url, ["--scenario", name]);
          checks = again.get(name) ?? [];
        }
        assert.ok(checks.some(({ status }) => GOOD_STATUSES.includes(status)));
        const problems = checks.filter(({ status }) => !GOOD_STATUSES.includes(status));
        for (const { id } of problems) missed.delete(id);
        const unexplained = problems.filter(({ id }) => exceptions[id] === undefined)
          .map(({ id, errorMessage }) => `${id}: ${errorMessage}`);
        assert.deepEqual(unexplained, []);
      });
    }
    assert.deepEqual([...missed], [], "These checks pass now");
  });
}
