/**
 * Limits of the agents: counts calls per minute and active calls, for each agent and for the whole
 * gateway, and decides which calls may start. Does not know clients or records; callers pass the limits.
 * Imports `config` and the leaves.
 *
 * @module
 */
export {
  type AdmitResult,
  CallLimits,
  type CallLimitsOptions,
  type CallRequest,
  type CountedRequest,
  type LimitDenial,
  limitsOf,
} from "./call_limits.ts";
export { Permit } from "./permit.ts";
