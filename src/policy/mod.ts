/**
 * All decisions about agents: identifies the agent that is calling, and decides whether it may use a
 * server, call a tool or read the gateway's status, with the path of the rule that decided.
 *
 * Pure: no input or output, no clock, nothing of the runtime, and nothing kept of a question, so
 * that an answer depends on the rules alone. Does not read files and does not know which servers are
 * configured. Imports nothing of the project but leaves.
 *
 * @module
 */
export {
  type Identity,
  type IdentityRefusal,
  isAgentId,
  type Resolution,
  resolveAgent,
} from "./identity.ts";
export type { Decision, Question, Step, StepName } from "./decide.ts";
export { compilePattern, type Pattern } from "../wildcards/mod.ts";
export { compilePolicy, type Explanation, type Policy } from "./policy.ts";
export type { AgentGrants, GrantLists, PolicyRules } from "./rules.ts";
