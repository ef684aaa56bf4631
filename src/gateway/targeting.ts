/** The target stage of the pipeline: finds the server that an operation is for. */

import { CallerError } from "../errors.ts";
import { startOfText } from "../text.ts";
import { type ErrorBody, errorBodyOf, similarServersHint } from "./error_body.ts";
import {
  type ClientOffers,
  loadDirectTools,
  loadItemOperations,
  readOfferedName,
  type SearchContext,
} from "./offered/mod.ts";
import { MAX_UNKNOWN_NAME, type Operation, type TargetedOperation } from "./operation.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import { allowedServers, similarAllowedServers, type ToolContext } from "./tools/mod.ts";

/** The context in which a server is found. */
export interface TargetContext extends Pick<PipelineContext, "face" | "maxNameLength"> {
  /** The caller, the rules and the servers. */
  readonly toolContext: ToolContext;
  /** The links, subscriptions and lists of the client's connection. */
  readonly offers: ClientOffers;
}

/** Whether the server of an operation is known, or it has none. */
export function isTargeted(operation: Operation): operation is TargetedOperation {
  switch (operation.kind) {
    case "server-tool":
    case "gateway-tool":
    case "listing":
    case "unsubscription":
    case "server-request":
      return true;
    default:
      return false;
  }
}

/**
 * Finds the server of an operation.
 *
 * @throws {CallerError} `TOOL_NOT_FOUND`, `RESOURCE_NOT_FOUND` or `PROMPT_NOT_FOUND`.
 * @throws {DownstreamError} if the server of a prompt is not available.
 */
export async function findTarget(
  requested: Exclude<Operation, TargetedOperation>,
  { toolContext, offers, face, maxNameLength }: TargetContext,
): Promise<TargetedOperation> {
  if (requested.kind !== "direct-tool") {
    const { findRequestTarget } = await loadItemOperations();
    const context = createSearchContext(toolContext, { offers, maxNameLength });
    return await findRequestTarget(requested, context);
  }
  const { offeredName, args } = requested;
  const { findDirectTool } = await loadDirectTools();
  const { lists } = offers;
  const directTool = await findDirectTool(offeredName, {
    ...toolContext,
    face,
    maxNameLength,
    lists,
  });
  if (directTool === undefined) {
    const name = startOfText(offeredName, MAX_UNKNOWN_NAME);
    const message = `Unknown tool: ${name}. List the tools to see those that you may call.`;
    const suggestedServers = similarServers(offeredName, { toolContext, maxNameLength });
    const details = suggestedServers.length === 0
      ? {}
      : { hint: similarServersHint(suggestedServers) };
    throw new CallerError("TOOL_NOT_FOUND", message, details);
  }
  const { server, name: tool } = directTool;
  return { kind: "server-tool", server, tool, args, timeoutMs: undefined, isDirect: true };
}

/** Returns the servers that were probably meant, if there is none of the name in a tool's. */
function similarServers(
  offered: string,
  { toolContext, maxNameLength }: Pick<TargetContext, "toolContext" | "maxNameLength">,
): string[] {
  const { caller: { agent }, serverConfigs, unavailableReasons } = toolContext;
  const server = readOfferedName(offered, maxNameLength)?.server;
  const isKnown = server === undefined || serverConfigs.has(server) ||
    unavailableReasons.has(server);
  return isKnown ? [] : similarAllowedServers(server, { ...toolContext, agent });
}

/** Returns the context in which servers of resources and prompts are found: those that the agent may use. */
export function createSearchContext(
  { caller, policy, serverConfigs, servers, signal }: ToolContext,
  connection: Pick<SearchContext, "offers" | "maxNameLength">,
): SearchContext {
  const usableServers = allowedServers(caller.agent, { policy, serverConfigs })
    .flatMap(({ name }) => servers.get(name) ?? []);
  return { servers: usableServers, caller, policy, signal, ...connection };
}

/** Returns the error for a target whose existence the agent must not learn of; `undefined` if it may know. */
export function unlistedError(operation: TargetedOperation): ErrorBody | undefined {
  if (operation.kind !== "server-request") return undefined;
  return errorBodyOf(operation.target.unlistedError);
}
