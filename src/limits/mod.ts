/**
 * Limits of the agents: counts calls per minute and active calls, for each agent and for the whole
 * gateway, and decides which calls have to wait. Knows no rules except the given limits, no clients and
 * no records. Imports `config` and the leaves.
 *
 * @module
 */
export {
  type AdmitResult,
  CallLimits,
  type CallLimitsOptions,
  type CallRequest,
  limitsOf,
  Permit,
} from "./call_limits.ts";
