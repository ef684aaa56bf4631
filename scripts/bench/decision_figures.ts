import { cpuUsage } from "node:process";
import { type AgentGrants, compilePolicy } from "../../src/policy/mod.ts";
import type { ToolEntry } from "../../src/tool_entry.ts";
import type { Figures } from "./summary.ts";

/** Number of agents with 100 entries each. */
const AGENT_COUNT = 1_000;

/** Number of decisions for each agent before the measured ones: the first compiles the rules, others the program. */
const WARM_UP_ROUNDS = 4;

/** A kind of rules whose denials are measured. */
interface Variant {
  /** The name in the table of figures. */
  readonly name: string;
  /** Returns the tool of an entry with a condition; the called tool is `write_file`. */
  readonly toolOf: (index: number) => string;
  /** Returns the folder that the conditions of an agent name. */
  readonly folderOf: (agent: number) => string;
}

const VARIANTS: readonly Variant[] = [
  {
    name: "all conditions are judged",
    toolOf: () => "write_*",
    folderOf: () => "/srv/notes",
  },
  {
    name: "all conditions are judged, each agent has its own",
    toolOf: () => "write_*",
    folderOf: (agent) => `/srv/agents/${agent}`,
  },
  {
    name: "three conditions are judged, each agent has its own",
    toolOf: (index) => index < 9 ? "write_*" : `tool_${index}`,
    folderOf: (agent) => `/srv/agents/${agent}`,
  },
];

/** Returns 100 entries, a third of them with conditions. */
function createEntries({ toolOf, folderOf }: Variant, agent: number): ToolEntry[] {
  return Array.from({ length: 100 }, (_, index) => {
    if (index % 3 !== 0) return `other_${index}_*`;
    const folder = folderOf(agent);
    const test = index % 2 === 0 ? { within: [folder] } : { like: [`${folder}/a*`, "*b?"] };
    return { tool: toolOf(index), when: new Map([["path", test]]) };
  });
}

/** Returns rules by which a call of `write_file` is denied, after one of several searches in the entries. */
function createGrants(variant: Variant, agent: number): AgentGrants {
  const entries = createEntries(variant, agent);
  const servers = ["*"];
  switch (agent % 3) {
    case 0:
      return { allow: { servers, tools: new Map([["files", entries]]) } };
    case 1:
      return {
        allow: { servers, tools: new Map([["files", ["read_*"]]]) },
        ask: { tools: new Map([["files", entries]]) },
      };
    default:
      return { allow: { servers }, deny: { tools: new Map([["files", [...entries, "write_*"]]]) } };
  }
}

/**
 * Measures the processor time of the decision to deny a call, in the process of the benchmark: the median over 1,000
 * agents of 100 entries, of which a third have conditions.
 */
export function measureDecisions(rounds: number, figures: Figures): void {
  for (const variant of VARIANTS) measureVariant(variant, { rounds, figures });
}

function measureVariant(
  variant: Variant,
  { rounds, figures }: { readonly rounds: number; readonly figures: Figures },
): void {
  const value = { path: "/srv/private/a.txt", content: "x".repeat(500) };
  const json = JSON.stringify(value);
  const request = {
    kind: "tool",
    server: "files",
    tool: "write_file",
    args: () => ({ json, value }),
  } as const;
  const ids = Array.from({ length: AGENT_COUNT }, (_, index) => `agent-${index}`);
  const agents = new Map(ids.map((id, index) => [id, createGrants(variant, index)]));
  const policy = compilePolicy({ agents, denyOverrides: false });
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const timesMs = ids.map((id) => {
      const startMs = processorMs();
      const { effect } = policy.decide(id, request);
      const timeMs = processorMs() - startMs;
      if (effect !== "deny") throw new Error(`Not denied: ${effect}`);
      return timeMs;
    }).sort((left, right) => left - right);
    if (round < 0) continue;
    const title = `the decision of a denial: 1,000 agents of 100 entries; ${variant.name}; p50`;
    figures.addValue(title, "source", "ms", timesMs[AGENT_COUNT / 2] ?? NaN);
  }
}

/** Returns the processor time of this process so far, in milliseconds. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}
