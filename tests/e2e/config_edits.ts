import { fileURLToPath } from "node:url";
import { type RunningGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** Names of the two configuration files in the working folder, by their keys in the status. */
export const CONFIG_FILES = {
  mcp_config: ".mcp.json",
  gateway_rules: ".mcp-gateway-rules.json",
} as const;

/** Attempts to read a configuration file, as `get_gateway_status` reports them. */
export interface FileStatus {
  readonly last_attempt: string;
  readonly last_success: string;
  readonly last_error: string | null;
  readonly attempt_count: number;
  readonly success_count: number;
}

/** The part of the result of `get_gateway_status` that these tests read. */
export interface GatewayStatus {
  readonly reload_status: {
    readonly mcp_config: FileStatus;
    readonly gateway_rules: FileStatus & { readonly last_warnings: readonly string[] };
  };
  readonly policy_state: { readonly shadow_agents?: readonly string[] };
  readonly available_servers: readonly string[];
  readonly servers: Readonly<Record<string, ServerStatus>>;
}

interface ServerStatus {
  readonly state: string;
  readonly pids: readonly number[];
  readonly sessions: number;
  readonly calls_in_flight: number;
}

const NAMED_SERVER = fileURLToPath(new URL("../fixtures/servers/named_server.ts", import.meta.url));
const DENO_FLAGS = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];

/** Returns the entry of a server that runs `named_server.ts`, whose tool `identify` returns the given name. */
export function namedServer(
  name: string,
  ...moreArgs: string[]
): { command: string; args: string[] } {
  return { command: Deno.execPath(), args: [...DENO_FLAGS, NAMED_SERVER, name, ...moreArgs] };
}

/** Calls `get_gateway_status`. */
export function readStatus(gateway: RunningGateway): Promise<GatewayStatus> {
  return gateway.callGatewayToolForJson<GatewayStatus>("get_gateway_status");
}

/**
 * Writes one of the two configuration files, and waits until the gateway has read it, valid or not.
 *
 * @returns The status after the file was read, and the time from the edit to this status.
 */
export async function editAndReload(
  gateway: RunningGateway,
  file: keyof typeof CONFIG_FILES,
  content: unknown,
): Promise<GatewayStatus & { readonly tookMs: number }> {
  const previousCount = (await readStatus(gateway)).reload_status[file].attempt_count;
  const startedMs = performance.now();
  gateway.setup.writeFile(CONFIG_FILES[file], content);
  const status = await waitUntil(`the gateway reads ${CONFIG_FILES[file]}`, async () => {
    const status = await readStatus(gateway);
    return status.reload_status[file].attempt_count > previousCount && status;
  });
  return { ...status, tookMs: performance.now() - startedMs };
}

/** Calls a named server; returns the server's name and process id, and the token of the call. */
export async function callNamedServer(
  gateway: RunningGateway,
  server: string,
  args: { readonly token?: string; readonly after_ms?: number } = {},
): Promise<{ name: string; pid: number; token: string }> {
  const text = await gateway.callServerToolForText(server, "identify", { token: "none", ...args });
  const [name = "", pid, token = ""] = text.split(" ");
  return { name, pid: Number(pid), token };
}
