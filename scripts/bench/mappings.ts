import { z } from "zod";
import { fill } from "./places.ts";

/**
 * How another gateway is started in front of the servers of a scene, and how a tool is called
 * through it. It is data, so that a gateway that is not listed here can be measured with a file.
 *
 * Every text may hold places. `{mcp}`, `{rules}` and `{audit}` are the files of this gateway's own
 * formats, `{folder}` is the folder they are in, `{servers}` what `mcpServers` holds in the first.
 * In `call` there are `{server}`, `{tool}`, `{args}` and `{agent}` besides.
 */
export interface Mapping {
  /** Its name in the table. */
  readonly name: string;
  /** Its command, where `--peer` does not give it; words with spaces stand in quotes. */
  readonly command?: string | undefined;
  /** Variables of its environment, besides those that the benchmark has. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Files in a format of its own: what each holds, as JSON, by its name in the folder. */
  readonly files?: Readonly<Record<string, unknown>> | undefined;
  /** The parameters of a `tools/call` that calls a tool of a server. */
  readonly call: Readonly<Record<string, unknown>>;
}

/** What is called. */
export interface Wanted {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const SCHEMA = z.strictObject({
  name: z.string().min(1),
  command: z.string().min(1).optional(),
  env: z.record(z.string(), z.string()).optional(),
  // A name, and not a path: what a mapping writes stays in the folder of the scene.
  files: z.record(z.string(), z.json()).refine(
    (files) => Object.keys(files).every((name) => /^[\w.-]*\w$/.test(name)),
    "a name of a file is no path",
  ).optional(),
  call: z.looseObject({ name: z.string().min(1) }),
});

/**
 * The gateways that the benchmark knows, by the name that `--peer` and `--mapping` take. Their
 * versions are those that the mappings were tried with.
 */
export const MAPPINGS: Readonly<Record<string, Mapping>> = {
  // The one this gateway succeeds; it needs a Python of 3.12 or later that uv finds.
  "agent-mcp-gateway-python": {
    name: "Python original",
    command: "uvx agent-mcp-gateway@0.2.5",
    env: {
      GATEWAY_MCP_CONFIG: "{mcp}",
      GATEWAY_RULES: "{rules}",
      GATEWAY_AUDIT_LOG: "{audit}.peer",
    },
    call: {
      name: "execute_tool",
      arguments: { agent_id: "{agent}", server: "{server}", tool: "{tool}", args: "{args}" },
    },
  },
  // One process with a tool that calls the tools of all servers.
  "mcp-hub-mcp": {
    name: "mcp-hub-mcp",
    command: "npx -y mcp-hub-mcp@1.3.1 --config-path {mcp}",
    call: {
      name: "call-tool",
      arguments: { serverName: "{server}", toolName: "{tool}", toolArgs: "{args}" },
    },
  },
  // A process in front of a second one that keeps the servers, and every tool under its own name.
  mcporter: {
    name: "mcporter",
    command: "npx -y mcporter@0.12.3 --config {folder}/mcporter.json serve --stdio",
    // It serves what it keeps alive; what it notes of that is to go with the scene.
    env: { MCPORTER_KEEPALIVE: "*", MCPORTER_DAEMON_DIR: "{folder}" },
    // Without `imports`, it would add the servers of the editors on this machine.
    files: {
      "mcporter.json": { imports: [], daemonIdleTimeoutMs: 60_000, mcpServers: "{servers}" },
    },
    call: { name: "{server}__{tool}", arguments: "{args}" },
  },
};

/**
 * Gives the mapping of a name, or the one that a JSON file holds.
 *
 * @throws Error that says what is wrong with it.
 */
export function readMapping(source: string): Mapping {
  if (Object.hasOwn(MAPPINGS, source)) return MAPPINGS[source] as Mapping;
  let value: unknown;
  try {
    value = JSON.parse(Deno.readTextFileSync(source));
  } catch (error) {
    const why = error instanceof SyntaxError
      ? `the file is not JSON: ${error.message}`
      : `it is neither one of ${Object.keys(MAPPINGS).join(", ")} nor a file that can be read`;
    throw new Error(`Cannot use the mapping "${source}": ${why}`, { cause: error });
  }
  const { success, data, error } = SCHEMA.safeParse(value);
  if (success) return data;
  throw new Error(`Cannot use the mapping "${source}": ${z.prettifyError(error)}`);
}

/** The parameters of the `tools/call` that a mapping makes of a call. */
export function mapCall({ call }: Mapping, wanted: Wanted): Readonly<Record<string, unknown>> {
  return fill(call, { ...wanted }) as Record<string, unknown>;
}
