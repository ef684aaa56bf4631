/**
 * Limits of the agents: counts calls per minute and active calls, for each agent and for the whole
 * gateway, and decides which calls have to wait. Knows no rules except the given limits, no clients and
 * no records. Imports `config` and the leaves.
 *
 * @module
 */
export {
  type AdmitResult as Admission,
  CallLimits,
  type CallLimitsOptions,
  type CallRequest as Newcomer,
  limitsOf,
  Permit,
} from "./call_limits.ts";
