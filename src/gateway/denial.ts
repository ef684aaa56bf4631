import type { AccessRequest, Decision } from "../policy/mod.ts";
import { denialErrorBody, type ErrorBody } from "./error_body.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import { similarAllowedServers } from "./tools/mod.ts";

/** Returns the error for a denied operation; logs the errors while deciding, if there were any. */
export function explainDenial(
  decision: Decision,
  { context: { snapshot, log }, ...denial }: {
    readonly operation: string;
    readonly agent: string;
    readonly accessRequest: AccessRequest;
    readonly context: PipelineContext;
  },
): ErrorBody {
  const { operation, agent, accessRequest } = denial;
  const { policy, configuration: { servers: serverConfigs, unavailableReasons } } = snapshot;
  /** Whether the agent may know that the server exists, so that it needs no similar names. */
  const mayKnow = (server: string): boolean =>
    policy.allows(agent, { kind: "server", server }) &&
    (serverConfigs.has(server) || unavailableReasons.has(server));
  const { errors } = decision;
  if (errors.length > 0) {
    const errorId = crypto.randomUUID();
    const reason = errors.map(({ stack, message }) => stack ?? message).join("\n");
    log.error("Denied an operation because deciding about it failed", {
      id: errorId,
      operation,
      agent,
      reason,
    });
    return denialErrorBody(decision, { ...denial, similarServers: [], errorId });
  }
  const similarServers = accessRequest.kind === "status" || mayKnow(accessRequest.server)
    ? []
    : similarAllowedServers(accessRequest.server, { agent, policy, serverConfigs });
  return denialErrorBody(decision, { ...denial, similarServers, errorId: undefined });
}
