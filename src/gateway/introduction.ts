import type { ServerConfig } from "../config/mod.ts";
import type { ClientConnection } from "../downstream/mod.ts";
import { connectionAgent } from "./identification.ts";
import { OWN_SERVER } from "../own_server.ts";
import { writeInstructions } from "./instructions.ts";
import { findOfferedKinds, NOTHING_OFFERED } from "./offered/mod.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { Introduction } from "./revisions/mod.ts";
import { hasDirectTools } from "./shown_tools.ts";
import { allowedServers, loadRememberedCatalogs, withDescriptions } from "./tools/mod.ts";

/** The client to which the gateway introduces itself. */
export interface IntroductionOptions {
  /** The client's connection. */
  readonly connection: ClientConnection;
  /** The active context. */
  readonly context: PipelineContext;
  /** The gateway's version. */
  readonly version: string;
}

/**
 * Loads what is remembered of the servers that the client's agent may use, so that the introduction can describe them.
 *
 * @returns `undefined` if it need not be awaited.
 */
export function recallServers(
  { connection: { capabilities }, context }: Omit<IntroductionOptions, "version">,
): Promise<unknown> | undefined {
  const { servers } = context.snapshot;
  return loadRememberedCatalogs(listServers(context), { servers, capabilities });
}

/** Returns the gateway's description of itself, with what is known of the servers; starts nothing and reads no file. */
export function introduce({ version, ...options }: IntroductionOptions): Introduction {
  const { face, snapshot: { servers } } = options.context;
  const { capabilities } = options.connection;
  const describedServers = withDescriptions(listServers(options.context), {
    servers,
    capabilities,
  });
  return {
    version,
    instructions: writeInstructions(describedServers, face),
    ...findOffers(options),
  };
}

/** Returns the part of the introduction that says what the client is offered. */
export function findOffers(
  { connection, context }: Omit<IntroductionOptions, "version">,
): Pick<Introduction, "canToolsChange" | "offered"> {
  const { servers } = context.snapshot;
  const agent = connectionAgent(context);
  // The own server has tools only.
  const usableServers = listServers(context)
    .flatMap(({ name }) => name === OWN_SERVER ? [] : servers.get(name) ?? []);
  return {
    canToolsChange: hasDirectTools(context),
    offered: agent === undefined
      ? NOTHING_OFFERED
      : findOfferedKinds(usableServers, { ...connection, agent }),
  };
}

/** Lists the servers that the connection's agent may use. */
function listServers(context: PipelineContext): ServerConfig[] {
  const { configuration: { servers: serverConfigs }, policy } = context.snapshot;
  const agent = connectionAgent(context);
  return agent === undefined ? [] : allowedServers(agent, { policy, serverConfigs });
}
