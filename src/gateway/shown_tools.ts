import type { PipelineContext } from "./pipeline_context.ts";
import type { clientCodec2025 } from "./revisions/mod.ts";
import type { GatewayTool, ToolDefinition } from "./tools/mod.ts";

/** Whether a connection may see and call one of the gateway's tools. */
function isShown(
  { httpAccessRequest, isInDirectFace = false }: GatewayTool,
  { snapshot, identity: { bound }, transport, face }: PipelineContext,
): boolean {
  if (face === "direct" && !isInDirectFace) return false;
  if (transport === "stdio" || httpAccessRequest === undefined) return true;
  const { policy, configuration: { rules } } = snapshot;
  if (bound !== undefined) return policy.allows(bound, httpAccessRequest);
  // An unbound client may call as any agent.
  return rules.agents.keys().some((agent) => policy.allows(agent, httpAccessRequest));
}

/** Returns the definitions of the gateway's tools that a connection may see and call. */
export function shownTools(
  tools: ReadonlyMap<string, GatewayTool>,
  context: PipelineContext,
): ToolDefinition[] {
  return [...tools.values()].filter((tool) => isShown(tool, context))
    .map(({ definition }) => definition);
}

/** Returns the part of the context of a request that says which tools a connection may call. */
export function callableTools(
  tools: ReadonlyMap<string, GatewayTool>,
  context: PipelineContext,
): Pick<clientCodec2025.DecodingContext, "findTool" | "hasDirectTools" | "toolNames"> {
  return {
    findTool: (name) => {
      const tool = tools.get(name);
      return tool !== undefined && isShown(tool, context) ? tool : undefined;
    },
    hasDirectTools: () => hasDirectTools(context),
    toolNames: () => shownTools(tools, context).map(({ name }) => name).join(", "),
  };
}

/** Whether clients may see tools of servers directly. */
export function hasDirectTools(
  { face, snapshot: { configuration } }: Pick<PipelineContext, "face" | "snapshot">,
): boolean {
  return face === "direct" ||
    configuration.servers.values().some(({ directTools }) => directTools !== undefined);
}
