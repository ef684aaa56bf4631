/**
 * Decides about agents: which agent makes a call, and whether it may use a server, call a tool, read a
 * resource, get a prompt or read the gateway's status. Each decision has the path of the rule that decided.
 *
 * Pure: no I/O, no clock, no runtime APIs and no state that changes a decision, so that a decision depends only
 * on the rules and the request. Does not know which servers are configured. Imports `wildcards` and the leaves.
 *
 * @module
 */
export { type CallerFacts, type IdentityError, type Resolution, resolveAgent } from "./identity.ts";
export type { CallArguments } from "./call_arguments.ts";
export type { ListedTool } from "./condition.ts";
export type {
  AccessRequest,
  DecidingCondition,
  Decision,
  SkippedStep,
  Step,
  StepName,
} from "./decision.ts";
export { compilePattern, type Pattern } from "../wildcards/mod.ts";
export { compilePolicy, type Explanation, type Policy, type PolicyOptions } from "./policy.ts";
export type {
  AgentGrants,
  AskLists,
  Effect,
  GrantLists,
  PolicyRules,
  ResultLimits,
} from "./rules.ts";
