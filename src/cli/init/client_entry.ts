import configuration from "../../../deno.json" with { type: "json" };
import { resolvePath } from "../../config/mod.ts";
import type { ClientId } from "./clients.ts";
import type { JsonRecord } from "./import_entry.ts";
import type { OwnFiles } from "./own_files.ts";

/** The way this program was started. */
export interface Running {
  /** The command that a launcher names in `AGENT_MCP_GATEWAY_LAUNCHER`. */
  readonly launcher: string | undefined;
  /** Whether this is a compiled executable. */
  readonly standalone: boolean;
  readonly execPath: string;
  readonly mainModule: string;
  readonly windows: boolean;
}

/** Describes how this program was started. */
export function thisRun(): Running {
  return {
    launcher: Deno.env.get("AGENT_MCP_GATEWAY_LAUNCHER") || undefined,
    standalone: Deno.build.standalone,
    execPath: Deno.execPath(),
    mainModule: Deno.mainModule,
    windows: Deno.build.os === "windows",
  };
}

/** The words that start this program from anywhere, the command first. */
export function launchWords(run: Running): [string, ...string[]] {
  if (run.launcher !== undefined) return readWords(run.launcher);
  if (run.standalone) return [run.execPath];
  const main = mainPath(run);
  // The bundle needs no Deno configuration, and must not get one that happens to be near it.
  const config = main.endsWith(".js") ? ["--no-config"] : [];
  return [run.execPath, "run", ...config, ...permissionFlags(), main];
}

/** Whether the words name a Deno in npx's cache, which may be cleared some day. */
export function isFromNpx([command]: readonly string[]): boolean {
  return /[/\\]_npx[/\\]/.test(command ?? "");
}

/** A launcher's words: a JSON list, or text with spaces between. */
function readWords(text: string): [string, ...string[]] {
  const words: unknown = text.startsWith("[") ? JSON.parse(text) : text.trim().split(/\s+/);
  const [command = "agent-mcp-gateway", ...args] = Array.isArray(words) ? words.map(String) : [];
  return [command, ...args];
}

/** The permissions as the task `start` gives them, where they are defined. */
function permissionFlags(): string[] {
  const words = configuration.tasks.start.command.split(/\s+/);
  return words.filter((word) => /^--(?:no-prompt$|(?:allow|deny|ignore)-)/.test(word));
}

function mainPath({ mainModule, windows }: Running): string {
  const url = URL.parse(mainModule);
  if (url?.protocol !== "file:") return mainModule;
  const path = decodeURIComponent(url.pathname);
  return windows ? path.slice(1).replaceAll("/", "\\") : path;
}

/** The contents of a client's entry for the gateway. */
export interface EntryOptions {
  /** The command that starts the program, with its arguments. */
  readonly words: readonly [string, ...string[]];
  readonly files: OwnFiles;
  readonly agent: string;
  /** The gateway's variables. */
  readonly env?: JsonRecord;
}

/**
 * The entry that makes a client start the gateway, in the client's own format. It pre-approves
 * nothing that the client would ask about.
 */
export function gatewayEntry(client: ClientId | undefined, options: EntryOptions): JsonRecord {
  const { words: [command, ...first], files, agent, env = {} } = options;
  const flags = ["--mcp-config", files.servers, "--rules", files.rules, "--agent", agent];
  const args = [...first, ...flags];
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
      return { type: "local", command, args, ...variables, tools: ["*"] };
    case "vscode":
      return { type: "stdio", command, args, ...variables };
    case "claude-code":
      // Three small tools that are always needed should not wait for the client's tool search.
      return { type: "stdio", command, args, ...variables, alwaysLoad: true };
    default:
      return { command, args, ...variables };
  }
}

/** The address of a file's JSON Schema; `undefined` if the folder of the program has none. */
export function schemaAddress(
  kind: "servers" | "rules",
  root: string | undefined,
): string | undefined {
  if (root === undefined) return undefined;
  const path = resolvePath(root, "config", `${kind}.schema.json`);
  try {
    Deno.statSync(path);
  } catch {
    // Without it editors complete nothing, and everything else works.
    return undefined;
  }
  const slashes = path.replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  return `file://${slashes.startsWith("/") ? "" : "/"}${slashes.replace("%3A", ":")}`;
}
