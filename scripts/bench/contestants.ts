import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HERE = join(ROOT, "scripts", "bench");

/** The agent that makes the calls. */
export const AGENT = "bench";

/** A program to be measured: a gateway, or a reference. */
export interface Contestant {
  readonly name: string;
  /** This gateway, another gateway, or a reference to compare with. */
  readonly kind: "own" | "peer" | "reference";
  /** Returns the command that starts it with the servers of a scene. */
  command(scene: SceneFiles): string[];
  /** Returns its environment variables. */
  env(scene: SceneFiles): Record<string, string>;
  /** Returns the text of a tool call, as `"method":…,"params":…`. */
  call(tool: string, args: Readonly<Record<string, unknown>>, agent?: string): string;
}

/** The files that a gateway reads, and the command of the server for direct calls. */
export interface SceneFiles {
  readonly folder: string;
  readonly mcp: string;
  readonly rules: string;
  readonly audit: string;
  /** The content of `mcpServers`. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** The command of the first server. */
  readonly server: readonly string[];
}

/** Returns the command of the echo server. */
export function echoCommand(...flags: string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--no-config",
    join(HERE, "echo_server.ts"),
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
    join(HERE, "empty_program.ts"),
  ];
}

/** Direct calls of the server, the reference for gateways. */
export const DIRECT: Contestant = {
  name: "direct",
  kind: "reference",
  command: ({ server }) => [...server],
  env: () => ({}),
  call: callDirectly,
};

/** A byte pipe in front of the server, the least that a gateway could do. */
export const PIPE: Contestant = {
  name: "byte pipe",
  kind: "reference",
  command: ({ server }) => {
    const pipe = [join(HERE, "byte_pipe.ts"), ...server];
    return [Deno.execPath(), "run", "--no-prompt", "--no-config", "--allow-run", ...pipe];
  },
  env: () => ({}),
  call: callDirectly,
};

/** This gateway: from source, and as the bundle and the executable if they are built. */
export function ourselves(): Contestant[] {
  const deno = [Deno.execPath(), "run", ...permissionFlags()];
  const bundle = join(ROOT, "dist", "agent-mcp-gateway.js");
  const executable = join(ROOT, "dist", "agent-mcp-gateway");
  return [
    gateway("source", [...deno, join(ROOT, "src", "main.ts")]),
    ...exists(bundle) ? [gateway("bundle", [...deno, "--no-config", bundle])] : [],
    ...exists(executable) ? [gateway("executable", [executable])] : [],
  ];
}

function gateway(name: string, program: readonly string[]): Contestant {
  return {
    name,
    kind: "own",
    command: ({ mcp, rules }) => [...program, "--mcp-config", mcp, "--rules", rules],
    // The client reads the address of the listener from the log.
    env: ({ audit }) => ({ GATEWAY_AUDIT_LOG: audit, GATEWAY_LOG_LEVEL: "info" }),
    call: (tool, args, agent_id = AGENT) => {
      const given = { agent_id, server: "echo", tool, args };
      return callTool({ name: "execute_tool", arguments: given });
    },
  };
}

function callDirectly(tool: string, args: Readonly<Record<string, unknown>>): string {
  return callTool({ name: tool, arguments: args });
}

/** Returns the text of a `tools/call`. */
export function callTool(params: Readonly<Record<string, unknown>>): string {
  return `"method":"tools/call","params":${JSON.stringify(params)}`;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
