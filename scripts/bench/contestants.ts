import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../permissions.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HERE = join(ROOT, "scripts", "bench");

/** The agent that calls. */
export const AGENT = "bench";

/** Something that can be called, with or without a gateway in front. */
export interface Contestant {
  readonly name: string;
  /** This gateway, another one, or what gateways are compared with. */
  readonly kind: "own" | "peer" | "reference";
  /** The program, in front of the servers of a scene. */
  command(scene: SceneFiles): string[];
  /** Variables of its environment. */
  env(scene: SceneFiles): Record<string, string>;
  /** A call of a tool, as `"method":…,"params":…`. */
  call(tool: string, args: Readonly<Record<string, unknown>>, agent?: string): string;
}

/** The files that a gateway reads, and the command of the server that direct calls go to. */
export interface SceneFiles {
  /** Where the files are. */
  readonly folder: string;
  readonly mcp: string;
  readonly rules: string;
  readonly audit: string;
  /** What `mcpServers` holds. */
  readonly servers: Readonly<Record<string, unknown>>;
  /** The first server's command. */
  readonly server: readonly string[];
}

/** How the echo server is started. */
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

/** How the empty program is started, with the permissions of the gateway. */
export function emptyCommand(): string[] {
  return [
    Deno.execPath(),
    "run",
    ...permissionFlags(),
    "--no-config",
    join(HERE, "empty_program.ts"),
  ];
}

/** What gateways are compared with. */
export const DIRECT: Contestant = {
  name: "direct",
  kind: "reference",
  command: ({ server }) => [...server],
  env: () => ({}),
  call: callDirectly,
};

/** The least that can stand in between. */
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

/** This gateway: from source, and as the bundle and the executable where they are built. */
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
    // The address that it listens on is read from its log.
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

/** The text of a `tools/call`. */
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
