import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../permissions.ts";
import { fillMapping, type Mapping } from "./mappings.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HERE = join(ROOT, "scripts", "bench");

/** The agent that calls. */
export const AGENT = "bench";

/** Something that can be called, with or without a gateway in front. */
export interface Contestant {
  readonly name: string;
  /** Whether it is a gateway, and not what gateways are compared with. */
  readonly isGateway: boolean;
  /** The program, in front of the servers of a scene. */
  command(scene: SceneFiles): string[];
  /** Variables of its environment. */
  env(scene: SceneFiles): Record<string, string>;
  /** A call of a tool, as `"method":…,"params":…`. */
  call(tool: string, args: Readonly<Record<string, unknown>>, agent?: string): string;
}

/** The files that a gateway reads, and the command of the server that direct calls go to. */
export interface SceneFiles {
  readonly mcp: string;
  readonly rules: string;
  readonly audit: string;
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
  isGateway: false,
  command: ({ server }) => [...server],
  env: () => ({}),
  call: callDirectly,
};

/** The least that can stand in between. */
export const PIPE: Contestant = {
  name: "byte pipe",
  isGateway: false,
  command: ({ server }) => {
    const pipe = [join(HERE, "byte_pipe.ts"), ...server];
    return [Deno.execPath(), "run", "--no-prompt", "--no-config", "--allow-run", ...pipe];
  },
  env: () => ({}),
  call: callDirectly,
};

/** This gateway: from source, as the bundle, and as the executable where there is one. */
export function ourselves(): Contestant[] {
  const deno = [Deno.execPath(), "run", ...permissionFlags()];
  const executable = join(ROOT, "dist", "agent-mcp-gateway");
  const all = [
    gateway("source", [...deno, join(ROOT, "src", "main.ts")]),
    gateway("bundle", [...deno, "--no-config", join(ROOT, "dist", "agent-mcp-gateway.js")]),
  ];
  return exists(executable) ? [...all, gateway("executable", [executable])] : all;
}

/** Another gateway that speaks MCP on standard input and output. */
export function peer(command: string, mapping: Mapping): Contestant {
  return {
    name: mapping.name,
    isGateway: true,
    command: (scene) => command.split(" ").map((word) => fillMapping(word, { ...scene })),
    env: (scene) => {
      return Object.fromEntries(
        Object.entries(mapping.env ?? {}).map((
          [name, text],
        ) => [name, fillMapping(text, { ...scene })]),
      );
    },
    call: (tool, args) => callTool(mapping.call({ agent: AGENT, server: "echo", tool, args })),
  };
}

function gateway(name: string, program: readonly string[]): Contestant {
  return {
    name,
    isGateway: true,
    command: ({ mcp, rules }) => [...program, "--mcp-config", mcp, "--rules", rules],
    env: ({ audit }) => ({ GATEWAY_AUDIT_LOG: audit }),
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
