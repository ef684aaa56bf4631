import configuration from "../../../deno.json" with { type: "json" };
import { resolvePath } from "../../config/mod.ts";
import type { ClientId } from "./clients.ts";
import type { JsonRecord } from "./import_entry.ts";
import type { GatewayFiles } from "./gateway_files.ts";

/** The facts from which `launchCommand` derives the command that starts this program. */
export interface ClientLaunch {
  /** The command that a launcher names in `AGENT_MCP_GATEWAY_LAUNCHER`. */
  readonly launcher: string | undefined;
  /** Whether this is a compiled executable. */
  readonly standalone: boolean;
  readonly execPath: string;
  readonly mainModule: string;
  readonly windows: boolean;
}

/** Reads the facts about the start of this process. */
export function readLaunch(): ClientLaunch {
  return {
    launcher: Deno.env.get("AGENT_MCP_GATEWAY_LAUNCHER") || undefined,
    standalone: Deno.build.standalone,
    execPath: Deno.execPath(),
    mainModule: Deno.mainModule,
    windows: Deno.build.os === "windows",
  };
}

/** Returns the command and the arguments that start this program from any folder. */
export function launchCommand(launch: ClientLaunch): [string, ...string[]] {
  if (launch.launcher !== undefined) return parseLauncher(launch.launcher);
  if (launch.standalone) return [launch.execPath];
  const main = mainPath(launch);
  // The bundle must not use a Deno configuration that happens to be in a folder above it.
  const config = main.endsWith(".js") ? ["--no-config"] : [];
  return [launch.execPath, "run", ...config, ...permissionFlags(), main];
}

/** Whether a command names a program in npx's cache, which may be cleared some day. */
export function isFromNpx(command: readonly string[]): boolean {
  return command.some((word) => /[/\\]_npx[/\\]/.test(word));
}

/** Parses a launcher's command: a JSON list, or words with spaces between them. */
function parseLauncher(text: string): [string, ...string[]] {
  const words: unknown = text.startsWith("[") ? JSON.parse(text) : text.trim().split(/\s+/);
  const [command = "agent-mcp-gateway", ...args] = Array.isArray(words) ? words.map(String) : [];
  return [command, ...args];
}

/** Returns the gateway's permission flags, which the task `start` defines. */
function permissionFlags(): string[] {
  const words = configuration.tasks.start.command.split(/\s+/);
  return words.filter((word) => /^--(?:no-prompt$|(?:allow|deny|ignore)-)/.test(word));
}

function mainPath({ mainModule, windows }: ClientLaunch): string {
  const url = URL.parse(mainModule);
  if (url?.protocol !== "file:") return mainModule;
  const path = decodeURIComponent(url.pathname);
  return windows ? path.slice(1).replaceAll("/", "\\") : path;
}

/** Options of `gatewayEntry`. */
export interface EntryOptions {
  /** The command that starts the program, with its arguments. */
  readonly launchCommand: readonly [string, ...string[]];
  readonly files: GatewayFiles;
  readonly agent: string;
  /** Whether the client sees the tools of the servers directly. Default: no. */
  readonly isDirect?: boolean;
  /** Whether all clients share one gateway. Default: no. */
  readonly isShared?: boolean;
  /** The environment variables of the gateway. */
  readonly env?: JsonRecord;
}

/**
 * Returns the entry that makes a client start the gateway, in the client's own format. The client still asks the person
 * before it calls a tool.
 */
export function gatewayEntry(client: ClientId | undefined, options: EntryOptions): JsonRecord {
  const { launchCommand: [command, ...launchArgs], files, agent, env = {} } = options;
  const { isDirect = false, isShared = false } = options;
  const flags = ["--mcp-config", files.servers, "--rules", files.rules, "--agent", agent];
  const args = [
    ...launchArgs,
    ...flags,
    ...(isDirect ? ["--face", "direct"] : []),
    ...(isShared ? ["--shared"] : []),
  ];
  const hasVariables = Object.keys(env).length > 0;
  const variables = hasVariables ? { env } : {};
  switch (client) {
    case "opencode":
      return {
        type: "local",
        command: [command, ...args],
        enabled: true,
        ...(hasVariables && { environment: env }),
      };
    case "copilot":
      // `tools` makes all tools available; Copilot still asks before it calls `execute_tool`.
      return { type: "local", command, args, ...variables, tools: ["*"] };
    case "vscode":
      return { type: "stdio", command, args, ...variables };
    case "claude-code":
      // Without `alwaysLoad`, agents would have to find the three tools with the client's tool search.
      return {
        type: "stdio",
        command,
        args,
        ...variables,
        ...(isDirect ? {} : { alwaysLoad: true }),
      };
    default:
      return { command, args, ...variables };
  }
}

/** Returns the address of a file's JSON Schema; `undefined` if the folder of the program has none. */
export function schemaAddress(
  kind: "servers" | "rules",
  root: string | undefined,
): string | undefined {
  if (root === undefined) return undefined;
  const path = resolvePath(root, "config", `${kind}.schema.json`);
  try {
    Deno.statSync(path);
  } catch {
    // Only the completion in editors needs the schema.
    return undefined;
  }
  const encoded = path.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  return `file://${encoded.startsWith("/") ? "" : "/"}${encoded.replace("%3A", ":")}`;
}
