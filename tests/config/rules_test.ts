import assert from "node:assert/strict";
import type { Rules } from "../../src/config/mod.ts";
import { checkFiles } from "./check_files.ts";

async function loadRules(rules: string | object): Promise<Rules> {
  const { configuration, errors } = await checkFiles(undefined, rules);
  assert.deepEqual(errors, []);
  assert.ok(configuration !== undefined);
  return configuration.rules;
}

Deno.test("[rules.shape] every key of a rules file is read", async () => {
  const rules = await loadRules({
    $schema: "rules.schema.json",
    agents: {
      "team.role": {
        allow: {
          servers: ["pg", "*"],
          tools: { pg: ["query", "list_*"], "*": ["*"] },
          resources: { pg: ["pg://*"] },
          prompts: { constructor: [], pg: ["report"] },
        },
        deny: { servers: [], tools: {}, resources: {}, prompts: {} },
        ask: { tools: { pg: ["drop_*", { tool: "*", hint: "destructive" }] } },
        token_sha256: [
          "A".repeat(64),
          { sha256: "b".repeat(64), expires: "2027-01-31T12:00:00+01:00" },
          { sha256: "c".repeat(64), expires: "2027-01-31" },
        ],
        limits: { per_minute: 5, concurrent: 2 },
        status: true,
      },
      enforced: { mode: "enforce" },
    },
    defaults: {
      deny_on_missing_agent: false,
      deny_overrides: true,
      limits: { per_minute: 9 },
      mode: "shadow",
      approval: { expires_s: 3600, wait_s: 0 },
    },
    auth: {
      jwt: {
        issuer: "https://example.com",
        audience: "gateway",
        jwks_url: "https://example.com/keys",
        agent_claim: "agent",
      },
    },
  });
  assert.deepEqual(rules, {
    agents: new Map<string, unknown>([["team.role", {
      allow: {
        servers: ["pg", "*"],
        tools: new Map([["pg", ["query", "list_*"]], ["*", ["*"]]]),
        resources: new Map([["pg", ["pg://*"]]]),
        prompts: new Map([["constructor", []], ["pg", ["report"]]]),
      },
      deny: { servers: [], tools: new Map(), resources: new Map(), prompts: new Map() },
      ask: { tools: new Map([["pg", ["drop_*", { tool: "*", hint: "destructive" }]]]) },
      limits: { perMinute: 5, concurrent: 2 },
      isShadowed: true,
      status: true,
      tokens: [
        { sha256: "a".repeat(64) },
        { sha256: "b".repeat(64), expiresAtMs: Date.UTC(2027, 0, 31, 11) },
        { sha256: "c".repeat(64), expiresAtMs: Date.UTC(2027, 0, 31) },
      ],
    }], ["enforced", { status: false, tokens: [] }]]),
    denyOnMissingAgent: false,
    denyOverrides: true,
    approval: { expiresS: 3600, waitS: 0 },
    limits: { perMinute: 9 },
    jwt: {
      issuer: "https://example.com",
      audience: "gateway",
      jwksUrl: "https://example.com/keys",
      agentClaim: "agent",
    },
  });
});

Deno.test("[rules.defaults] by default a missing agent id is denied", async () => {
  assert.deepEqual(await loadRules({ agents: { a: {} } }), {
    agents: new Map([["a", { status: false, tokens: [] }]]),
    denyOnMissingAgent: true,
    denyOverrides: false,
    approval: { expiresS: 600, waitS: 30 },
  });
  assert.equal((await loadRules({ agents: {}, defaults: {} })).denyOnMissingAgent, true);
});

Deno.test("[rules.odd-names] __proto__ and constructor are ordinary names everywhere", async () => {
  const names = ["b", "__proto__", "10", "constructor", "2", "toString", "hasOwnProperty"];
  const agents = names.map((name) =>
    `"${name}": {"allow": {"servers": ["${name}"], "tools": {"${name}": ["${name}"]}}}`
  );
  const rules = await loadRules(`{"agents": {${agents.join(", ")}}}`);
  assert.deepEqual([...rules.agents.keys()], names);
  for (const name of names) {
    const allow = rules.agents.get(name)?.allow;
    assert.deepEqual(allow, { servers: [name], tools: new Map([[name, [name]]]) });
  }
});

Deno.test("[rules.unknown-server-warns] a rule for an unknown server causes a warning and is kept", async () => {
  const { configuration, warnings } = await checkFiles({ mcpServers: { a: { command: "x" } } }, {
    agents: { x: { allow: { servers: ["a", "gone", "go*"] }, deny: { tools: { lost: ["y"] } } } },
  });
  assert.deepEqual(warnings.map(({ path, message }) => [path, message]), [
    [
      "agents.x.allow.servers[1]",
      'agent "x" names server "gone", which is not configured; the rule is kept',
    ],
    [
      "agents.x.allow.servers[2]",
      'agent "x" names servers "go*", which no configured server matches; the rule is kept',
    ],
    [
      "agents.x.deny.tools.lost",
      'agent "x" names server "lost", which is not configured; the rule is kept',
    ],
  ]);
  assert.deepEqual(configuration?.warnings, warnings);
  assert.deepEqual(configuration?.rules.agents.get("x")?.allow?.servers, ["a", "gone", "go*"]);
});
