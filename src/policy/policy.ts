import { compileAgent, type CompiledAgent } from "./compile.ts";
import {
  decideServer,
  decideTool,
  decideUnknownAgent,
  type Decision,
  type Step,
} from "./decide.ts";
import { formatPath } from "./rule_path.ts";
import type { PolicyRules } from "./rules.ts";

/** A decision with the way to it. */
export interface Explanation extends Decision {
  /** The steps in the order taken; the last one's `found` is the decision. */
  readonly steps: readonly Step[];
}

/**
 * The rules, ready to be asked. Answers never change, hold nothing of what was asked, and are
 * denials for every agent that is not in the rules. Its functions may be passed on alone.
 */
export interface Policy {
  /** Whether the agent is in the rules. */
  readonly has: (agent: string) => boolean;
  /** Whether the agent may use the server, be it configured or not. */
  readonly decideServer: (agent: string, server: string) => Decision;
  /** Whether the agent may call the tool; a server that it may not use denies its tools. */
  readonly decideTool: (agent: string, server: string, tool: string) => Decision;
  /** The same decision with its steps: about the tool where one is given, else about the server. */
  readonly explain: (agent: string, server: string, tool?: string) => Explanation;
}

/**
 * Makes a policy of the rules.
 *
 * @param rules Valid rules, which must not be changed afterwards: an agent's are compiled when it
 * first asks.
 */
export function compilePolicy(rules: PolicyRules): Policy {
  const { agents, denyOverrides } = rules;
  // Holds agents of the rules only, so that no caller can make it grow.
  const compiled = new Map<string, CompiledAgent>();

  const find = (agent: string): CompiledAgent | undefined => {
    const known = compiled.get(agent);
    if (known !== undefined) return known;
    const grants = agents.get(agent);
    if (grants === undefined) return undefined;
    const made = compileAgent(agent, grants);
    compiled.set(agent, made);
    return made;
  };

  const decide = (agent: string, asked: { server: string; tool?: string }, steps?: Step[]) => {
    const { server, tool } = asked;
    const rulesOfAgent = find(agent);
    if (rulesOfAgent === undefined) return decideUnknownAgent(formatPath(["agents", agent]), steps);
    if (tool === undefined) return decideServer(rulesOfAgent, server, steps);
    return decideTool(rulesOfAgent, { server, tool, denyOverrides }, steps);
  };

  return {
    has: (agent) => agents.has(agent),
    decideServer: (agent, server) => decide(agent, { server }),
    decideTool: (agent, server, tool) => decide(agent, { server, tool }),
    explain: (agent, server, tool) => {
      const steps: Step[] = [];
      const decision = decide(agent, tool === undefined ? { server } : { server, tool }, steps);
      return { ...decision, steps };
    },
  };
}
