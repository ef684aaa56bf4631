import type { ClientConnection } from "../downstream/mod.ts";
import { connectionAgent } from "./identification.ts";
import { type DirectPage, type ListReader, loadDirectTools } from "./offered/mod.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import { findResultLimit } from "./result_limit.ts";
import { hasDirectTools, shownTools } from "./shown_tools.ts";
import type { GatewayTool, ToolDefinition } from "./tools/mod.ts";

/** The tools that a client sees. */
export interface ShownTools {
  /** The gateway's own, which are on the first page. */
  readonly own: readonly ToolDefinition[];
  /** Tools of servers; `undefined` if clients see none directly, or the connection has no agent. */
  readonly direct: DirectPage | undefined;
}

/** Options of listing tools. */
export interface ListToolsOptions {
  /** The gateway's tools by name. */
  readonly tools: ReadonlyMap<string, GatewayTool>;
  /** The client's connection. */
  readonly connection: ClientConnection;
  /** Reads the lists of servers for the connection. */
  readonly lists: ListReader;
  /** The active context. */
  readonly context: PipelineContext;
  /** Called if clients see tools of servers, but this client sees none, because its connection has no agent. */
  readonly onNoAgent: () => void;
}

/**
 * Lists the tools that a client sees.
 *
 * @param cursor The cursor of the page as the client sent it; `undefined` for the first page.
 * @throws {CallerError} `INVALID_ARGUMENTS`, if the cursor is not one of this list.
 */
export async function listTools(
  cursor: unknown,
  { tools, connection, lists, context, onNoAgent }: ListToolsOptions,
): Promise<ShownTools> {
  const own = cursor === undefined ? shownTools(tools, context) : [];
  const hasDirect = hasDirectTools(context);
  const agent = connectionAgent(context);
  if (hasDirect && agent === undefined) onNoAgent();
  if (!hasDirect || agent === undefined) {
    // A reload may have removed the tools of servers from a list that the client is still reading.
    if (cursor !== undefined) (await loadDirectTools()).checkCursor(cursor);
    return { own, direct: undefined };
  }
  const { snapshot: { policy, servers, configuration }, face, maxNameLength } = context;
  const { servers: serverConfigs, unavailableReasons } = configuration;
  const { listDirectTools } = await loadDirectTools();
  const direct = await listDirectTools(cursor, {
    caller: { ...connection, agent },
    policy,
    servers,
    serverConfigs,
    unavailableReasons,
    face,
    maxNameLength,
    lists,
    limitsResults: (server) => findResultLimit({ agent, server }, context.snapshot) !== undefined,
  });
  return { own, direct };
}
