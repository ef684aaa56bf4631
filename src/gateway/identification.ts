import { type Resolution, resolveAgent } from "../policy/mod.ts";
import type { OperationRequest } from "./operation.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { OperationRecord } from "./records.ts";

/** The name, which no agent has, under which the calls of unidentified callers are counted together. */
export const UNIDENTIFIED = "";

/** Finds the agent of a call, or the reason why the call has none. */
export function identify(
  agentId: string | undefined,
  { snapshot, identity }: PipelineContext,
): Resolution {
  const { configuration: { rules }, policy } = snapshot;
  return resolveAgent(agentId, {
    ...identity,
    denyOnMissing: rules.denyOnMissingAgent,
    has: policy.has,
  });
}

/**
 * Returns the agent that a call without `agent_id` is made as; `undefined` if such a call is denied.
 */
export function connectionAgent(context: PipelineContext): string | undefined {
  const resolution = identify(undefined, context);
  return "agent" in resolution ? resolution.agent : undefined;
}

/**
 * Returns the caller to record if it is not identified: the agent that the connection is bound to, or
 * on an unbound connection the agent id that the call claims.
 */
export function callerToRecord(
  { claimedAgent }: OperationRequest,
  { identity: { bound } }: PipelineContext,
): OperationRecord["caller"] {
  if (!bound) return { id: claimedAgent, agent: undefined };
  return { id: bound, agent: bound, claimedId: claimedAgent === bound ? undefined : claimedAgent };
}

/**
 * Returns the agent that a client is bound to; `""`, which is no agent, if the process and the client's
 * credential are bound to different agents.
 */
export function boundAgent(
  processAgent: string | undefined,
  credentialAgent: string | undefined,
): string | undefined {
  if (processAgent === undefined || credentialAgent === undefined) {
    return processAgent ?? credentialAgent;
  }
  return processAgent === credentialAgent ? processAgent : "";
}
