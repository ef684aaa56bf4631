import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isFile } from "../../src/file_identity.ts";
import { permissionFlags } from "../permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BENCH_FOLDER = join(ROOT, "scripts", "bench");

/** The agent that makes the calls. */
export const AGENT = "bench";

/** A program to be measured: a gateway, or a reference. */
export interface MeasuredProgram {
  readonly name: string;
  /** This gateway, another gateway, or a reference to compare with. */
  readonly kind: "own" | "other" | "reference";
  /** Returns the command that starts the program with the servers of a workspace. */
  command(workspace: WorkspaceFiles): string[];
  /** Returns the environment variables of the program. */
  env(workspace: WorkspaceFiles): Record<string, string>;
  /** Returns the members of a tool call without its id, as `"method":…,"params":…`. */
  formatCall(tool: string, args: Readonly<Record<string, unknown>>, agent?: string): string;
}

/** The files and servers of a gateway. */
export interface WorkspaceFiles {
  readonly folder: string;
  readonly mcp: string;
  readonly rules: string;
  readonly audit: string;
  /** The cache folder, which no gateway shares with the user's. */
  readonly cache: string;
  /** The entries of `mcpServers` by name. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** The command of the first server, which answers the direct calls. */
  readonly firstServerCommand: readonly string[];
}

/** Returns the command of the echo server. */
export function echoCommand(...flags: string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--no-config",
    join(BENCH_FOLDER, "echo_server.ts"),
    ...flags,
  ];
}

/** Returns the command of the empty program, with the permissions of the gateway. */
export function emptyCommand(): string[] {
  return [
    Deno.execPath(),
    "run",
    ...permissionFlags(),
    "--no-config",
    join(BENCH_FOLDER, "empty_program.ts"),
  ];
}

/** The echo server without a gateway, as a reference. */
export const DIRECT: MeasuredProgram = {
  name: "direct",
  kind: "reference",
  command: ({ firstServerCommand }) => [...firstServerCommand],
  env: () => ({}),
  formatCall: formatDirectCall,
};

/** A byte pipe in front of the echo server: the lower bound for the time that a gateway adds. */
export const PIPE: MeasuredProgram = {
  name: "byte pipe",
  kind: "reference",
  command: ({ firstServerCommand }) => {
    const pipe = [join(BENCH_FOLDER, "byte_pipe.ts"), ...firstServerCommand];
    return [Deno.execPath(), "run", "--no-prompt", "--no-config", "--allow-run", ...pipe];
  },
  env: () => ({}),
  formatCall: formatDirectCall,
};

/** Lists the builds of this gateway: the source, and the program of the npm package and the executable if they exist. */
export function listBuilds(): MeasuredProgram[] {
  const deno = [Deno.execPath(), "run", ...permissionFlags()];
  const npm = join(ROOT, "dist", "npm", "agent-mcp-gateway.js");
  const executable = join(ROOT, "dist", "agent-mcp-gateway");
  return [
    describeBuild("source", [...deno, join(ROOT, "src", "main.ts")]),
    ...isFile(npm) ? [describeBuild("npm package", [...deno, "--no-config", npm])] : [],
    ...isFile(executable) ? [describeBuild("executable", [executable])] : [],
  ];
}

function describeBuild(name: string, program: readonly string[]): MeasuredProgram {
  return {
    name,
    kind: "own",
    command: ({ mcp, rules }) => [...program, "--mcp-config", mcp, "--rules", rules],
    // `HttpGateway` reads the port from the log.
    env: ({ audit, cache }) => ({
      GATEWAY_AUDIT_LOG: audit,
      GATEWAY_LOG_LEVEL: "info",
      XDG_CACHE_HOME: cache,
    }),
    formatCall: (tool, args, agent_id = AGENT) => {
      const toolArguments = { agent_id, server: "echo", tool, args };
      return formatToolCall({ name: "execute_tool", arguments: toolArguments });
    },
  };
}

function formatDirectCall(tool: string, args: Readonly<Record<string, unknown>>): string {
  return formatToolCall({ name: tool, arguments: args });
}

/** Returns the members of a `tools/call` without its id. */
export function formatToolCall(params: Readonly<Record<string, unknown>>): string {
  return `"method":"tools/call","params":${JSON.stringify(params)}`;
}
