import { getStdioConfig } from "./connection_config.ts";
import { realPathOf } from "../file_identity.ts";
import {
  createChildEnvironment,
  type Environment,
  expandHome,
  getHomeFolder,
} from "./environment.ts";
import { resolvePath } from "./file_path.ts";
import { locateFiles } from "./locate.ts";
import { containerVariable, hostPathOf, type Program, readGatewayRun } from "./program.ts";
import type { ServerConfig } from "./server.ts";
import { flagValue } from "./server_program.ts";

/** The context that decides whether a server is a self reference. */
export interface SelfReferenceOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly windows: boolean;
  readonly program: Program;
  /** The servers file of this gateway. */
  readonly mcpConfig: string;
}

/**
 * Whether a server would start this gateway again with the same servers file, and so on endlessly. A server
 * may start the gateway with another servers file; the depth variable limits such a chain.
 */
export function isSelfReference(server: ServerConfig, options: SelfReferenceOptions): boolean {
  const connection = getStdioConfig(server.connection);
  if (connection === undefined) return false;
  const { windows, program } = options;
  const folder = resolvePath(options.cwd, connection.cwd ?? ".");
  const run = readGatewayRun([connection.command, ...connection.args], { cwd: folder, program });
  if (run === undefined) return false;
  const variables = { env: connection.env, inheritEnv: server.options.inheritEnv };
  const childVariables = createChildEnvironment(variables, options.env, { windows });
  const child = createEnvironment({ ...childVariables, ...run.variables }, windows);
  const home = getHomeFolder(child, { windows });
  const flagPath = flagValue(run.args, ["--mcp-config"]);
  if (run.container !== undefined) {
    const variable = containerVariable(run.container, {
      name: "GATEWAY_MCP_CONFIG",
      env: child,
    });
    const containerPath = resolveContainerPath(flagPath || variable || IMAGE_CONFIG);
    const hostPath = hostPathOf(run.container, { path: containerPath, home });
    return hostPath !== undefined &&
      realPathOf(resolvePath(run.cwd, hostPath)) === realPathOf(options.mcpConfig);
  }
  const path = flagPath || child.get("GATEWAY_MCP_CONFIG") || undefined;
  const namedFiles = path === undefined ? {} : { mcpConfig: expandHome(path, home) };
  const serversFile = locateFiles(namedFiles, { home, cwd: run.cwd }).mcpConfig;
  return realPathOf(serversFile.path) === realPathOf(options.mcpConfig);
}

/** The servers file in the container image, and the image's working folder. */
const IMAGE_CONFIG = "/config/.mcp.json";
const IMAGE_FOLDER = "/data";

function resolveContainerPath(path: string): string {
  return new URL(`${path.startsWith("/") ? "" : `${IMAGE_FOLDER}/`}${path}`, "file:///").pathname;
}

function createEnvironment(values: Record<string, string>, windows: boolean): Environment {
  const canonicalName = (name: string) => windows ? name.toUpperCase() : name;
  const map = new Map(Object.entries(values).map(([name, value]) => [canonicalName(name), value]));
  return { get: (name) => map.get(canonicalName(name)), toObject: () => values };
}
