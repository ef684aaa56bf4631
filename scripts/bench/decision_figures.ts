import { cpuUsage } from "node:process";
import { type AgentGrants, compilePolicy } from "../../src/policy/mod.ts";
import type { ToolEntry } from "../../src/tool_entry.ts";
import type { Figures } from "./summary.ts";

/** Number of agents with 100 entries each. */
const AGENT_COUNT = 1_000;

const ENTRIES = Array.from({ length: 100 }, (_, index): ToolEntry => {
  if (index % 3 !== 0) return `other_${index}_*`;
  const test = index % 2 === 0 ? { within: ["/srv/notes"] } : { like: ["a*", "*b?"] };
  return { tool: "write_*", when: new Map([["path", test]]) };
});

/** Rules by which a call of `write_file` is denied, after one of several searches in 100 entries. */
const GRANTS: readonly AgentGrants[] = [
  { allow: { servers: ["*"], tools: new Map([["files", ENTRIES]]) } },
  {
    allow: { servers: ["*"], tools: new Map([["files", ["read_*"]]]) },
    ask: { tools: new Map([["files", ENTRIES]]) },
  },
  { allow: { servers: ["*"] }, deny: { tools: new Map([["files", [...ENTRIES, "write_*"]]]) } },
];

/**
 * Measures the processor time of the decision to deny a call, in the process of the benchmark: the median over 1,000
 * agents of 100 entries, of which a third have conditions.
 */
export function measureDecisions(rounds: number, figures: Figures): void {
  const value = { path: "/srv/private/a.txt", content: "x".repeat(500) };
  const json = JSON.stringify(value);
  const request = {
    kind: "tool",
    server: "files",
    tool: "write_file",
    args: () => ({ json, value }),
  } as const;
  const ids = Array.from({ length: AGENT_COUNT }, (_, index) => `agent-${index}`);
  const agents = new Map(ids.map((id, index) => [id, GRANTS[index % GRANTS.length] ?? {}]));
  const policy = compilePolicy({ agents, denyOverrides: false });
  for (let round = -1; round < rounds; round++) {
    const timesMs = ids.map((id) => {
      const startMs = processorMs();
      const { effect } = policy.decide(id, request);
      const timeMs = processorMs() - startMs;
      if (effect !== "deny") throw new Error(`Not denied: ${effect}`);
      return timeMs;
    }).sort((left, right) => left - right);
    // The first round compiles the rules.
    if (round < 0) continue;
    const title = "the decision of a denial, 1,000 agents of 100 entries, a third with conditions";
    figures.addValue(`${title}, p50`, "source", "ms", timesMs[AGENT_COUNT / 2] ?? NaN);
  }
}

/** Returns the processor time of this process so far, in milliseconds. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}
