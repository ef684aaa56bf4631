import { z } from "zod";
import { fillPlaceholders } from "./placeholders.ts";

/**
 * Describes how to start another gateway with the servers of a workspace, and how to call a tool through
 * it. A mapping is data, so that a file can describe a gateway that is not listed here.
 *
 * `command`, `env` and `files` may contain placeholders: `{mcp}`, `{rules}` and `{audit}` are the paths of
 * this gateway's servers file, rules file and audit log, `{folder}` is the folder of the two files, and
 * `{servers}` is the value of `mcpServers`. `call` may contain `{server}`, `{tool}`, `{args}` and `{agent}`.
 */
export interface Mapping {
  /** Name of the gateway in the table of figures. */
  readonly name: string;
  /** The command, unless `--peer` gives it; words with spaces are quoted. */
  readonly command?: string | undefined;
  /** Environment variables besides those of the benchmark. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Files in the gateway's own format: the content of each as JSON, by its name in the folder. */
  readonly files?: Readonly<Record<string, unknown>> | undefined;
  /** The parameters of a `tools/call` that calls a server's tool. */
  readonly call: Readonly<Record<string, unknown>>;
}

/** The tool call that a mapping translates for its gateway. */
export interface MappedCall {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const SCHEMA = z.strictObject({
  name: z.string().min(1),
  command: z.string().min(1).optional(),
  env: z.record(z.string(), z.string()).optional(),
  // A name, not a path: a mapping may write only into the folder of the workspace.
  files: z.record(z.string(), z.json()).refine(
    (files) => Object.keys(files).every((name) => /^[\w.-]*\w$/.test(name)),
    "the name of a file must not be a path",
  ).optional(),
  call: z.looseObject({ name: z.string().min(1) }),
});

/**
 * The gateways that the benchmark knows, by their name for `--peer` and `--mapping`. Each mapping
 * was tested with the version in its command.
 */
export const MAPPINGS: Readonly<Record<string, Mapping>> = {
  // The predecessor of this gateway; it needs Python 3.12 or later, which uv must find.
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
  // One process with one tool that calls the tools of all servers.
  "mcp-hub-mcp": {
    name: "mcp-hub-mcp",
    command: "npx -y mcp-hub-mcp@1.3.1 --config-path {mcp}",
    call: {
      name: "call-tool",
      arguments: { serverName: "{server}", toolName: "{tool}", toolArgs: "{args}" },
    },
  },
  // A process in front of a daemon that runs the servers. It names the tools `server__tool`.
  mcporter: {
    name: "mcporter",
    command: "npx -y mcporter@0.12.3 --config {folder}/mcporter.json serve --stdio",
    // It offers only the tools of servers that it keeps alive. Its state is in the workspace folder, which
    // is deleted after the measurement.
    env: { MCPORTER_KEEPALIVE: "*", MCPORTER_DAEMON_DIR: "{folder}" },
    // Without `imports`, it would add the servers of the editors on this machine.
    files: {
      "mcporter.json": { imports: [], daemonIdleTimeoutMs: 60_000, mcpServers: "{servers}" },
    },
    call: { name: "{server}__{tool}", arguments: "{args}" },
  },
};

/**
 * Returns a known mapping by its name, or the mapping in a JSON file.
 *
 * @throws {Error} The mapping cannot be read; the message says why.
 */
export function readMapping(source: string): Mapping {
  if (Object.hasOwn(MAPPINGS, source)) return MAPPINGS[source] as Mapping;
  let value: unknown;
  try {
    value = JSON.parse(Deno.readTextFileSync(source));
  } catch (error) {
    const reason = error instanceof SyntaxError
      ? `the file is not JSON: ${error.message}`
      : `it is neither one of ${Object.keys(MAPPINGS).join(", ")} nor a readable file`;
    throw new Error(`Cannot use the mapping "${source}": ${reason}`, { cause: error });
  }
  const { success, data, error } = SCHEMA.safeParse(value);
  if (success) return data;
  throw new Error(`Cannot use the mapping "${source}": ${z.prettifyError(error)}`);
}

/** Translates a call of a server's tool into the parameters of `tools/call` for a gateway. */
export function mapCall(
  { call }: Mapping,
  toolCall: MappedCall,
): Readonly<Record<string, unknown>> {
  return fillPlaceholders(call, { ...toolCall }) as Record<string, unknown>;
}
