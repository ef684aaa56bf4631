/**
 * All decisions about agents: identifies the calling agent, and decides whether it may use a server,
 * call a tool or read the gateway's status, with the path of the rule that decided.
 *
 * Pure: no input or output, no clock, no runtime APIs, and no memory of questions, so that an answer
 * depends on the rules alone. Does not read files and does not know which servers are configured.
 * Imports only leaves.
 *
 * @module
 */
export { type Identity, type IdentityError, type Resolution, resolveAgent } from "./identity.ts";
export type { AccessRequest, Decision, Step, StepName } from "./decide.ts";
export { compilePattern, type Pattern } from "../wildcards/mod.ts";
export { compilePolicy, type Explanation, type Policy } from "./policy.ts";
export type { AgentGrants, GrantLists, PolicyRules } from "./rules.ts";
