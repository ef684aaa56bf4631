/**
 * Who may do what: says which agent is calling, and whether it may use a server or a tool, with the
 * place in the rules that decided.
 *
 * Pure: no input or output, no clock, nothing of the runtime, and nothing kept of what was asked, so
 * that an answer depends on the rules alone. Does not read files and does not know which servers are
 * configured. Imports nothing of the project but leaves.
 *
 * @module
 */
export {
  type Identity,
  isAgentId,
  type Refusal,
  type Resolution,
  resolveAgent,
} from "./identity.ts";
export type { Decision, Step, StepName } from "./decide.ts";
export { compilePattern, type Pattern } from "../wildcards/mod.ts";
export { compilePolicy, type Explanation, type Policy } from "./policy.ts";
export type { AgentGrants, GrantLists, PolicyRules } from "./rules.ts";
