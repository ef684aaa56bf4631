/**
 * How much agents may do: counts calls per minute and calls under way, for each agent and for the
 * gateway as a whole, and says who has to wait. Knows no rules but the limits that it is given, no
 * client and no record. Imports `config` and the leaves.
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
