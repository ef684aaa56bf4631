import { compileAgent, type CompiledAgent } from "./compile.ts";
import {
  type AccessRequest,
  decideFor,
  decideUnknownAgent,
  type Decision,
  denyForError,
  type Step,
} from "./decide.ts";
import { formatPath } from "../json.ts";
import type { PolicyRules } from "./rules.ts";

/** A decision with the steps that led to it. */
export interface Explanation extends Decision {
  /** The steps in the order taken; the last one's `found` is the decision. */
  readonly steps: readonly Step[];
}

/**
 * The compiled rules. Decisions never change, contain nothing of the request, and deny every agent that
 * is not in the rules. Nothing here throws: an error while deciding is part of the decision, and denies.
 * The functions do not need `this`.
 */
export interface Policy {
  /** Whether the agent is in the rules. */
  readonly has: (agent: string) => boolean;
  /** Decides whether the agent may do something. */
  readonly decide: (agent: string, request: AccessRequest) => Decision;
  /** Whether the decision is to allow; for filters. */
  readonly allows: (agent: string, request: AccessRequest) => boolean;
  /** Returns the same decision with its steps. */
  readonly explain: (agent: string, request: AccessRequest) => Explanation;
}

/**
 * Compiles rules to a policy.
 *
 * @param rules Valid rules, which must not change afterwards: an agent's rules are compiled at its first
 * request.
 */
export function compilePolicy(rules: PolicyRules): Policy {
  const { agents, denyOverrides } = rules;
  // Contains only agents of the rules, so that no caller can make it grow.
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

  const decide = (agent: string, request: AccessRequest, steps?: Step[]): Decision => {
    try {
      const found = find(agent);
      if (found === undefined) return decideUnknownAgent(formatPath(["agents", agent]), steps);
      return decideFor(found, request, { denyOverrides, steps });
    } catch (error) {
      return denyForError(formatPath(["agents", agent]), error, steps);
    }
  };

  return {
    has: (agent) => agents.has(agent),
    decide: (agent, request) => decide(agent, request),
    allows: (agent, request) => decide(agent, request).effect === "allow",
    explain: (agent, request) => {
      const steps: Step[] = [];
      const decision = decide(agent, request, steps);
      return { ...decision, steps };
    },
  };
}
