import { fileURLToPath } from "node:url";
import { type RunningGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** The two files, by their names in the status. */
export const CONFIG_FILES = {
  mcp_config: ".mcp.json",
  gateway_rules: ".mcp-gateway-rules.json",
} as const;

/** Result of reading a file, as the status tool shows it. */
export interface FileStatus {
  readonly last_attempt: string;
  readonly last_success: string;
  readonly last_error: string | null;
  readonly attempt_count: number;
  readonly success_count: number;
}

/** The part of the status that these tests read. */
export interface GatewayStatus {
  readonly reload_status: {
    readonly mcp_config: FileStatus;
    readonly gateway_rules: FileStatus & { readonly last_warnings: readonly string[] };
  };
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

/** Entry of `mcpServers` for the server that returns its name. */
export function namedServer(name: string, ...more: string[]): { command: string; args: string[] } {
  return { command: Deno.execPath(), args: [...DENO_FLAGS, NAMED_SERVER, name, ...more] };
}

/** Calls the status tool. */
export function readStatus(gateway: RunningGateway): Promise<GatewayStatus> {
  return gateway.callGatewayToolForJson<GatewayStatus>("get_gateway_status");
}

/**
 * Writes a file and waits until the gateway has read it, with success or not.
 *
 * @returns The status after that, and the milliseconds since the write.
 */
export async function editConfigFile(
  gateway: RunningGateway,
  file: keyof typeof CONFIG_FILES,
  content: unknown,
): Promise<GatewayStatus & { readonly tookMs: number }> {
  const before = (await readStatus(gateway)).reload_status[file].attempt_count;
  const since = performance.now();
  gateway.setup.writeFile(CONFIG_FILES[file], content);
  const status = await waitUntil(`the gateway reads ${CONFIG_FILES[file]}`, async () => {
    const status = await readStatus(gateway);
    return status.reload_status[file].attempt_count > before && status;
  });
  return { ...status, tookMs: performance.now() - since };
}

/** The answer of the server that returns its name: its name, its process id, the call's token. */
export async function callNamedServer(
  gateway: RunningGateway,
  server: string,
  args: { readonly token?: string; readonly after_ms?: number } = {},
): Promise<{ name: string; pid: number; token: string }> {
  const text = await gateway.callServerToolForText(server, "whose", { token: "none", ...args });
  const [name = "", pid, token = ""] = text.split(" ");
  return { name, pid: Number(pid), token };
}
