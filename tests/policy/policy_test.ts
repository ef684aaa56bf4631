import assert from "node:assert/strict";
import {
  type AccessRequest,
  type AgentGrants,
  compilePattern,
  compilePolicy,
  type Policy,
} from "../../src/policy/mod.ts";
import type { ToolEntry } from "../../src/tool_entry.ts";
import { readRules } from "./read_rules.ts";
import { cpuMs } from "../cpu_time.ts";

const toolOf = (server: string, tool: string): AccessRequest => ({ kind: "tool", server, tool });

Deno.test("[rules.explain-steps] an explanation lists the steps in order, with the lists that each step searched and its decision", () => {
  const policy = compilePolicy(readRules({
    agents: {
      backend: {
        allow: { servers: ["pg"], tools: { pg: ["query"], "*": ["list_*"] } },
        deny: { tools: { "p*": ["drop_*"] } },
      },
    },
  }));
  const allow = ["agents.backend.allow.tools.pg", 'agents.backend.allow.tools["*"]'];
  const deny = ['agents.backend.deny.tools["p*"]'];
  const granted = { effect: "allow", rule: "agents.backend.allow.servers[0]", errors: [] };
  const denied = { effect: "deny", rule: 'agents.backend.deny.tools["p*"][0]', errors: [] };
  assert.deepEqual(policy.explain("backend", toolOf("pg", "drop_table")), {
    ...denied,
    steps: [
      { name: "server deny", searched: ["agents.backend.deny.servers"] },
      { name: "server allow", searched: ["agents.backend.allow.servers"], decision: granted },
      { name: "explicit deny", searched: deny },
      { name: "explicit allow", searched: allow },
      { name: "wildcard deny", searched: deny, decision: denied },
    ],
  });
  const stepNames = (server: string, tool?: string) =>
    policy.explain(
      "backend",
      tool === undefined ? { kind: "server", server } : toolOf(server, tool),
    )
      .steps.map(({ name }) => name);
  assert.deepEqual(stepNames("pg"), ["server deny", "server allow"]);
  assert.deepEqual(stepNames("git", "x"), ["server deny", "server allow", "server default"]);
  assert.deepEqual(stepNames("pg", "insert").slice(2), [
    "explicit deny",
    "explicit allow",
    "wildcard deny",
    "wildcard allow",
    "tool default",
  ]);
  assert.deepEqual(policy.explain("ghost", toolOf("pg", "query")).steps.map(({ name }) => name), [
    "agent",
  ]);
});

Deno.test("[rules.explain-steps] with deny_overrides, both deny steps come before the allow steps", () => {
  const policy = compilePolicy(readRules({
    agents: { a: { allow: { servers: ["*"] } } },
    defaults: { deny_overrides: true },
  }));
  assert.deepEqual(policy.explain("a", toolOf("pg", "x")).steps.map(({ name }) => name), [
    "server deny",
    "server allow",
    "explicit deny",
    "wildcard deny",
    "explicit allow",
    "wildcard allow",
    "tool default",
  ]);
});

Deno.test("[rules.explain-steps] a list is searched once, even if its key is a pattern and also names the server", () => {
  const policy = compilePolicy(readRules({
    agents: { a: { allow: { servers: ["*"], tools: { "p*": ["x"] } } } },
  }));
  const { steps } = policy.explain("a", toolOf("p*", "y"));
  assert.deepEqual(steps.find(({ name }) => name === "explicit allow")?.searched, [
    'agents.a.allow.tools["p*"]',
  ]);
});

Deno.test("methods of a policy and of a pattern can be called detached from their object", () => {
  const { has, allows } = compilePolicy(readRules({ agents: { a: {} } }));
  assert.deepEqual(["a", "b"].filter(has), ["a"]);
  assert.equal(allows("a", toolOf("s", "t")), false);
  assert.deepEqual(["get_a", "set_a"].filter(compilePattern("get_*").matches), ["get_a"]);
});

/** Creates the grants of an agent with 100 rules in one of four shapes, none of which decides early. */
function createHundredRules(shape: number): AgentGrants {
  type Write = (index: number) => string;
  const writeAll = (count: number, write: Write) =>
    Array.from({ length: count }, (_, index) => write(index));
  const writeTools = (keyCount: number, writeEntry: Write, writeKey: Write) =>
    new Map(
      writeAll(keyCount, writeKey).map((key): [string, string[]] => {
        return [key, writeAll(50 / keyCount, writeEntry)];
      }),
    );
  switch (shape % 4) {
    case 0:
      return {
        allow: { servers: writeAll(50, (index) => `s${index}`) },
        deny: { servers: writeAll(50, (index) => `*x${index}*`) },
      };
    case 1:
      return {
        allow: { servers: ["*"], tools: writeTools(1, (index) => `get_${index}*`, () => "pg") },
        deny: { tools: writeTools(1, (index) => `drop_${index}`, () => "pg") },
      };
    case 2:
      return {
        allow: {
          servers: ["*"],
          tools: writeTools(50, () => "get_*", (index) => `server${index}`),
        },
        deny: {
          tools: writeTools(50, () => "*", (index) => index === 7 ? "pg" : `server${index}`),
        },
      };
    default:
      return {
        allow: {
          servers: ["*"],
          tools: writeTools(10, (index) => `*t${index}*x`, (index) => `*${"*".repeat(index)}`),
        },
        deny: {
          tools: writeTools(10, (index) => `*d${index}*y`, (index) => `p*${"*".repeat(index)}`),
        },
      };
  }
}

/**
 * Returns the median CPU time of denials to the agents, in milliseconds: that of the fastest of several rounds, because
 * other programs share the caches of the processor.
 */
function medianDenialMs(policy: Policy, agents: readonly string[], request: AccessRequest): number {
  const mediansMs = Array.from({ length: 8 }, () => {
    const durationsMs = agents.map((agent) => {
      const startMs = cpuMs();
      const { effect } = policy.decide(agent, request);
      const durationMs = cpuMs() - startMs;
      assert.equal(effect, "deny");
      return durationMs;
    });
    durationsMs.sort((left, right) => left - right);
    return durationsMs[durationsMs.length / 2] ?? Infinity;
  });
  return Math.min(...mediansMs);
}

Deno.test("[rules.denial-fast] with 1,000 agents of 100 rules each the median denial takes under 0.1 ms", () => {
  const agents = new Map(
    Array.from(
      { length: 1_000 },
      (_, index) => [`agent${index}`, createHundredRules(index)] as const,
    ),
  );
  const policy = compilePolicy({ agents, denyOverrides: false });
  const request = toolOf("pg", "some_tool_with_d_and_t_in_its_name");
  const medianMs = medianDenialMs(policy, [...agents.keys()], request);
  assert.ok(medianMs < 0.1, `median ${medianMs} ms`);
});

Deno.test("[rules.denial-fast] with conditions in a third of the rules, none of which the call meets, the median denial takes under 0.1 ms", () => {
  const entries = Array.from({ length: 100 }, (_, index): ToolEntry => {
    if (index % 3 !== 0) return `other_${index}*`;
    const test = [
      { within: ["/srv/notes", "/srv/other"] },
      { like: ["a*", "*b?"], maxLength: 100 },
      { equals: { x: [1, 2, 3] } },
      { host: ["*.example.com"] },
    ][index % 4] ?? {};
    const tool = ["write_*", "read_*", "delete_*", "move_*"][Math.floor(index / 12) % 4] ?? "*";
    return { tool, when: new Map([["path", test]]) };
  });
  const agents = new Map(Array.from({ length: 1_000 }, (_, index) => [
    `agent${index}`,
    { allow: { servers: ["*"], tools: new Map([["files", entries]]) } },
  ]));
  const policy = compilePolicy({ agents, denyOverrides: false });
  const value = { path: "/srv/private/notes/a.txt", content: "x".repeat(500), mode: 1 };
  const json = JSON.stringify(value);
  const request = { ...toolOf("files", "write_file"), args: () => ({ json, value }) };
  const medianMs = medianDenialMs(policy, [...agents.keys()], request);
  assert.ok(medianMs < 0.1, `median ${medianMs} ms`);
});

Deno.test("a pattern that looks like another entry with a condition does not replace it", () => {
  const entry: ToolEntry = { tool: "drop", when: new Map([["all", { equals: true }]]) };
  const pattern = JSON.stringify(["allow", "drop", undefined, [...entry.when ?? []]]);
  const allow = { servers: ["*"], tools: new Map([["db", [pattern, entry]]]) };
  const policy = compilePolicy({ agents: new Map([["a", { allow }]]), denyOverrides: false });
  const value = { all: false };
  const args = () => ({ json: JSON.stringify(value), value });
  const request = { ...toolOf("db", "drop"), args };
  const { effect, rule } = policy.decide("a", request);
  assert.deepEqual({ effect, rule }, { effect: "deny", rule: "agents.a.allow.tools.db[1]" });
});

Deno.test("a list with 20,000 conditions for one tool is compiled in under a second", () => {
  const entries = Array.from({ length: 20_000 }, (_, index): ToolEntry => {
    return { tool: "write_file", when: new Map([["path", { equals: index }]]) };
  });
  const allow = { servers: ["*"], tools: new Map([["files", entries]]) };
  const policy = compilePolicy({ agents: new Map([["a", { allow }]]), denyOverrides: false });
  const startMs = cpuMs();
  assert.equal(policy.allows("a", toolOf("files", "read_file")), false);
  const ms = cpuMs() - startMs;
  assert.ok(ms < 1000, `${ms} ms`);
});

Deno.test("[rules.status] only agents whose rules have status: true may read the status", () => {
  const agents = new Map([["ops", { status: true }], ["dev", { status: false }], ["other", {}]]);
  const policy = compilePolicy({ agents, denyOverrides: false });
  const decide = (agent: string) => policy.decide(agent, { kind: "status" });
  assert.deepEqual(decide("ops"), { effect: "allow", rule: "agents.ops.status", errors: [] });
  assert.deepEqual(decide("dev"), { effect: "deny", rule: "agents.dev.status", errors: [] });
  assert.deepEqual(decide("other"), { effect: "deny", rule: "agents.other.status", errors: [] });
  assert.deepEqual(decide("ghost"), { effect: "deny", rule: "agents.ghost", errors: [] });
  assert.deepEqual(policy.explain("ops", { kind: "status" }).steps.map(({ name }) => name), [
    "status",
  ]);
});

Deno.test("[rules.error-denies] an error during a decision denies, and is part of the decision", () => {
  const fault = new Error("The rules cannot be read");
  const tools = new Map([["pg", ["query"]]]);
  tools[Symbol.iterator] = () => {
    throw fault;
  };
  const agents = new Map([["a", { allow: { servers: ["*"], tools } }], ["b", {}]]);
  const policy = compilePolicy({ agents, denyOverrides: false });
  const denied = { effect: "deny", rule: "agents.a", errors: [fault] };
  for (const request of [toolOf("pg", "query"), { kind: "server", server: "pg" } as const]) {
    assert.deepEqual(policy.decide("a", request), denied);
    assert.equal(policy.allows("a", request), false);
    assert.deepEqual(policy.explain("a", request), {
      ...denied,
      steps: [{ name: "error", searched: [], decision: denied }],
    });
  }
  assert.deepEqual(policy.decide("b", toolOf("pg", "query")).errors, []);
});
