import { compileAgent, type CompiledAgent } from "./compile.ts";
import { decideFor, decideUnknownAgent, denyForError } from "./decide.ts";
import type { AccessRequest, Decision, Step } from "./decision.ts";
import { formatPath } from "../json.ts";
import { OWN_SERVER } from "../own_server.ts";
import { findResultLimitPath } from "./result_limit_path.ts";
import type { PolicyRules } from "./rules.ts";
import { createToolEntryCompiler } from "./tool_entries.ts";

/** A decision with the steps that led to it. */
export interface Explanation extends Decision {
  /** The steps in the order taken; the last one has the decision. */
  readonly steps: readonly Step[];
}

/**
 * The compiled rules. The same request always gets the same decision, and an agent that is not in the rules
 * is always denied. No function throws: an error while deciding denies, and is part of the decision. The
 * functions do not use `this`.
 */
export interface Policy {
  /** Whether the agent is in the rules. */
  readonly has: (agent: string) => boolean;
  /** Decides about an access request of the agent. */
  readonly decide: (agent: string, request: AccessRequest) => Decision;
  /**
   * Whether an access request of the agent is allowed, or may be: a tool is shown to an agent although its calls depend
   * on arguments, or need a person's approval. Whatever shadow mode lets through is allowed.
   */
  readonly allows: (agent: string, request: AccessRequest) => boolean;
  /** Returns the same decision as `decide`, with its steps. */
  readonly explain: (agent: string, request: AccessRequest) => Explanation;
}

/** Facts that a policy depends on besides the rules. */
export interface PolicyOptions {
  /** Names of the servers whose results are limited, so that agents may read the rest; default: none. */
  readonly limitedServers?: readonly string[];
}

/**
 * Compiles rules to a policy.
 *
 * @param rules Valid rules, which must not change afterwards: an agent's rules are compiled at its first
 * request.
 */
export function compilePolicy(
  rules: PolicyRules,
  { limitedServers = [] }: PolicyOptions = {},
): Policy {
  const { agents, denyOverrides } = rules;
  // Contains only agents in the rules, so that callers cannot make it grow.
  const compiledAgents = new Map<string, CompiledAgent>();
  const compileTools = createToolEntryCompiler();

  const compiledRulesOf = (agent: string): CompiledAgent | undefined => {
    const cached = compiledAgents.get(agent);
    if (cached !== undefined) return cached;
    const grants = agents.get(agent);
    if (grants === undefined) return undefined;
    const compiledGrants = compileAgent(grants, { agent, compileTools });
    const resultLimitPath = findResultLimitPath(agent, { rules, limitedServers, compiledGrants });
    const compiledAgent = { ...compiledGrants, resultLimitPath };
    compiledAgents.set(agent, compiledAgent);
    return compiledAgent;
  };

  const decide = (agent: string, request: AccessRequest, steps?: Step[]): Decision => {
    try {
      const compiledAgent = compiledRulesOf(agent);
      if (compiledAgent === undefined) {
        return decideUnknownAgent(formatPath(["agents", agent]), steps);
      }
      const decision = decideFor(compiledAgent, request, { denyOverrides, steps });
      const isLetThrough = compiledAgent.isShadowed && decision.effect !== "allow" &&
        !isEnforced(request);
      return isLetThrough ? { ...decision, isShadowed: true } : decision;
    } catch (error) {
      return denyForError(formatPath(["agents", agent]), error, steps);
    }
  };

  return {
    has: (agent) => agents.has(agent),
    decide: (agent, request) => decide(agent, request),
    allows: (agent, request) => {
      const { effect, isShadowed = false } = decide(agent, request);
      return effect !== "deny" || isShadowed;
    },
    explain: (agent, request) => {
      const steps: Step[] = [];
      const decision = decide(agent, request, steps);
      return { ...decision, steps };
    },
  };
}

/** Whether the rules are enforced even in shadow mode, as for the status and the gateway's own server. */
function isEnforced(request: AccessRequest): boolean {
  return request.kind === "status" || request.server === OWN_SERVER;
}
