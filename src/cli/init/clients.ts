import { type Environment, getHomeFolder } from "../../config/mod.ts";

/** The MCP clients whose configurations are known. */
export const CLIENT_IDS = [
  "claude-code",
  "claude-desktop",
  "cursor",
  "vscode",
  "windsurf",
  "codex",
  "gemini",
  "opencode",
  "copilot",
] as const;

/** One of the known clients. */
export type ClientId = typeof CLIENT_IDS[number];

/** The machine that has the clients. */
export interface Machine {
  readonly os: "linux" | "darwin" | "windows";
  readonly home: string;
  /** The working folder, absolute. */
  readonly cwd: string;
  readonly env: Environment;
}

/** A file in which a client may keep its servers. */
export interface ClientLocation {
  /** Absent for a file that was named by its path. */
  readonly client?: ClientId;
  /** The client's name as people know it. */
  readonly title: string;
  /** Absolute path; `*` matches one folder. */
  readonly path: string;
  /** The user's own file, or one that comes with the working folder. */
  readonly scope: "user" | "project";
  /** Whether it also has servers of single projects, under `projects`. */
  readonly hasProjects: boolean;
  /** The path of the list of servers in the file; absent if the file shows it. */
  readonly list?: readonly (string | number)[];
}

type FileRow = readonly [
  scope: "user" | "project",
  path: string,
  only?: { readonly os?: Machine["os"]; readonly hasProjects?: true },
];

interface ClientRow {
  readonly title: string;
  /** The path of the list of servers; default: `mcpServers`. */
  readonly list?: readonly [string, ...string[]];
  readonly files: readonly FileRow[];
}

/**
 * The files in which each client keeps its servers, by its documentation of 2026. `{apps}` is the
 * folder for the data of programs on a system; the other words in braces are folders, too. If a
 * client has no user file yet, `init` makes the first one listed.
 *
 * @see https://code.claude.com/docs/en/mcp
 * @see https://code.visualstudio.com/docs/copilot/reference/mcp-configuration
 * @see https://docs.windsurf.com/windsurf/cascade/mcp
 */
const CLIENTS: Readonly<Record<ClientId, ClientRow>> = {
  "claude-code": {
    title: "Claude Code",
    files: [
      ["user", "{claude}/.claude.json", { hasProjects: true }],
      ["project", "{cwd}/.mcp.json"],
    ],
  },
  "claude-desktop": {
    title: "Claude Desktop",
    files: [
      ["user", "{apps}/Claude/claude_desktop_config.json"],
      // As installed from the Microsoft Store, where a package sees a folder of its own.
      [
        "user",
        "{local}/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
        { os: "windows" },
      ],
    ],
  },
  cursor: {
    title: "Cursor",
    files: [["user", "{home}/.cursor/mcp.json"], ["project", "{cwd}/.cursor/mcp.json"]],
  },
  vscode: {
    title: "VS Code",
    list: ["servers"],
    files: [
      ["user", "{apps}/Code/User/mcp.json"],
      ["user", "{apps}/Code/User/profiles/*/mcp.json"],
      ["user", "{apps}/Code - Insiders/User/mcp.json"],
      ["user", "{apps}/Code - Insiders/User/profiles/*/mcp.json"],
      ["project", "{cwd}/.vscode/mcp.json"],
    ],
  },
  // Called Devin Desktop since June 2026, with files of its own.
  windsurf: {
    title: "Windsurf",
    files: [
      ["user", "{home}/.codeium/windsurf/mcp_config.json"],
      ["user", "{home}/.codeium/mcp_config.json"],
      ["user", "{devin}/devin/mcp_config.json"],
      ["project", "{cwd}/.devin/mcp_config.json"],
    ],
  },
  codex: {
    title: "Codex",
    list: ["mcp_servers"],
    files: [["user", "{codex}/config.toml"], ["project", "{cwd}/.codex/config.toml"]],
  },
  gemini: {
    title: "Gemini CLI",
    files: [["user", "{home}/.gemini/settings.json"], ["project", "{cwd}/.gemini/settings.json"]],
  },
  opencode: {
    title: "opencode",
    list: ["mcp"],
    files: [
      ["user", "{config}/opencode/opencode.json"],
      ["user", "{config}/opencode/opencode.jsonc"],
      ["project", "{cwd}/opencode.json"],
      ["project", "{cwd}/opencode.jsonc"],
      ["project", "{cwd}/.opencode/opencode.json"],
      ["project", "{cwd}/.opencode/opencode.jsonc"],
    ],
  },
  // It reads the folder's `.mcp.json` too, which is Claude Code's above.
  copilot: {
    title: "Copilot CLI",
    files: [
      ["user", "{home}/.copilot/mcp-config.json"],
      ["project", "{cwd}/.github/mcp.json"],
    ],
  },
};

/** The name of a client as people know it. */
export function clientTitle(client: ClientId): string {
  return CLIENTS[client].title;
}

/** The path of the list of servers in a client's file. */
export function clientList(client: ClientId): readonly [string, ...string[]] {
  return CLIENTS[client].list ?? ["mcpServers"];
}

/** Whether a word names a client. */
export function isClientId(word: string): word is ClientId {
  return CLIENT_IDS.some((id) => id === word);
}

/** All files in which clients may keep their servers, whether they exist or not. */
export function clientLocations(machine: Machine): ClientLocation[] {
  const folders = foldersOf(machine);
  return CLIENT_IDS.flatMap((client) => {
    const { title, files } = CLIENTS[client];
    return files.filter(([, , only]) => (only?.os ?? machine.os) === machine.os)
      .map(([scope, template, only]) => {
        const [first = "", ...rest] = template.split("/");
        const folder = folders[first.slice(1, -1)] ?? first;
        const path = [folder, ...rest].join(machine.os === "windows" ? "\\" : "/");
        const hasProjects = only?.hasProjects ?? false;
        return { client, title, path, scope, hasProjects, list: clientList(client) };
      });
  });
}

function foldersOf({ os, home, cwd, env }: Machine): Readonly<Record<string, string>> {
  const slash = os === "windows" ? "\\" : "/";
  const config = env.get("XDG_CONFIG_HOME") || `${home}${slash}.config`;
  const claude = env.get("CLAUDE_CONFIG_DIR") || home;
  const codex = env.get("CODEX_HOME") || `${home}${slash}.codex`;
  const known = { home, cwd, claude, codex, config };
  if (os !== "windows") {
    const apps = os === "darwin" ? `${home}/Library/Application Support` : config;
    return { ...known, apps, devin: config };
  }
  const apps = env.get("APPDATA") || `${home}\\AppData\\Roaming`;
  const local = env.get("LOCALAPPDATA") || `${home}\\AppData\\Local`;
  return { ...known, apps, local, devin: apps };
}

/** This machine; `undefined` if the user has no home folder. */
export function thisMachine(): Machine | undefined {
  const { os } = Deno.build;
  const home = getHomeFolder(Deno.env);
  if (home === undefined) return undefined;
  const known = os === "windows" || os === "darwin" ? os : "linux";
  return { os: known, home, cwd: Deno.cwd(), env: Deno.env };
}
