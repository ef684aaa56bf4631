import { childEnvironment, type Environment, expandHome, homeFolder } from "./environment.ts";
import { resolvePath } from "./file_path.ts";
import { locateFiles } from "./locate.ts";
import { findStart, type Program } from "./program.ts";
import type { ServerConfig } from "./server.ts";

/** What a self reference is judged by. */
export interface SelfOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly windows: boolean;
  readonly program: Program;
  /** Our own servers file. */
  readonly mcpConfig: string;
}

/**
 * Whether a server is this gateway again, on the same servers file: it would list and start
 * itself without end. With another servers file it is meant, and bounded by the depth variable.
 */
export async function isSelfReference(
  server: ServerConfig,
  options: SelfOptions,
): Promise<boolean> {
  const { connect } = server;
  if (connect.kind !== "stdio") return false;
  const { windows, program } = options;
  const folder = resolvePath(options.cwd, connect.cwd ?? ".");
  const start = findStart([connect.command, ...connect.args], folder, program);
  if (start === undefined) return false;
  const variables = { env: connect.env, inheritEnv: server.options.inheritEnv };
  const child = asEnvironment(childEnvironment(variables, options.env, { windows }), windows);
  const home = homeFolder(child, { windows });
  const named = flagValue(start.args, "--mcp-config") || child.get("GATEWAY_MCP_CONFIG") ||
    undefined;
  const given = named === undefined ? {} : { mcpConfig: expandHome(named, home) };
  const found = locateFiles(given, { home, cwd: start.cwd }).mcpConfig;
  return await realPath(found.path) === await realPath(options.mcpConfig);
}

function flagValue(args: readonly string[], flag: string): string | undefined {
  for (const [at, arg] of args.entries()) {
    if (arg === flag) return args[at + 1];
    if (arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
  }
  return undefined;
}

function asEnvironment(values: Record<string, string>, windows: boolean): Environment {
  const same = (name: string) => windows ? name.toUpperCase() : name;
  const map = new Map(Object.entries(values).map(([name, value]) => [same(name), value]));
  return { get: (name) => map.get(same(name)), toObject: () => values };
}

async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    // Not there, or not to be seen: then the name is all there is to compare.
    return path;
  }
}
