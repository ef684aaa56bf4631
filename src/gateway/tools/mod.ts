/**
 * The gateway's own tools, one per file, and the table that lists them. A tool works on one snapshot
 * and knows neither clients nor records. Imports `policy`, `downstream`, `jsonrpc` and the leaves.
 *
 * @module
 */
import { executeTool } from "./execute_tool.ts";
import { getGatewayStatus } from "./get_gateway_status.ts";
import { getServerTools } from "./get_server_tools.ts";
import { listServers } from "./list_servers.ts";
import type { GatewayTool } from "./tool.ts";

export { type CheckedTool, parseArguments, readServerArguments } from "./arguments.ts";
export { callServerTool, type ServerAnswer, type ServerCallContext } from "./call_server_tool.ts";
export {
  loadRememberedCatalogs,
  type RecallOptions,
  withDescriptions,
} from "./describe_servers.ts";
export {
  allowedServers,
  findServer,
  listedToolRequest,
  type PolicyAndConfigs,
  similarAllowedServers,
} from "./find_server.ts";
export { createStepRunner, type StepRunner } from "./tool_listing.ts";
export { cutToTokens, estimateTokens } from "./tokens.ts";
export type {
  Arguments,
  ArgumentSchema,
  ForwardingTool,
  GatewayAnswer,
  GatewayTool,
  LocalTool,
  ObjectArgument,
  ServerCall,
  StatusSource,
  ToolBase,
  ToolContext,
  ToolDefinition,
} from "./tool.ts";

/**
 * The gateway's tools, in the order in which `tools/list` shows them.
 *
 * @param options Whether to include `get_gateway_status`.
 * @returns The tools by name.
 */
export function gatewayTools(
  options: { readonly debug: boolean },
): ReadonlyMap<string, GatewayTool> {
  const tools: GatewayTool[] = [listServers, getServerTools, executeTool];
  if (options.debug) tools.push(getGatewayStatus);
  return new Map(tools.map((tool) => [tool.definition.name, tool]));
}
