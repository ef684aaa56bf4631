import { type Environment, getFolderVariable, getHomeFolder } from "../../config/mod.ts";

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

/** The machine on which the clients are installed. */
export interface Machine {
  readonly os: "linux" | "darwin" | "windows";
  readonly home: string;
  /** The working folder, absolute. */
  readonly cwd: string;
  readonly env: Environment;
}

/** A file in which a client may keep its servers. */
export interface ClientLocation {
  /** Absent if the person named the file by its path. */
  readonly client?: ClientId;
  /** The client's name as people know it. */
  readonly title: string;
  /** Absolute path, in which `*` stands for any one folder. */
  readonly path: string;
  /** Whether the file is the user's own, or belongs to the working folder's project. */
  readonly scope: "user" | "project";
  /** Whether the file also has servers for single projects, under `projects`. */
  readonly hasProjects: boolean;
  /** The path of the servers in the file; absent if it depends on the file's content. */
  readonly serversPath?: readonly (string | number)[];
}

type FileRow = readonly [
  scope: "user" | "project",
  path: string,
  details?: { readonly os?: Machine["os"]; readonly hasProjects?: true },
];

interface ClientRow {
  readonly title: string;
  /** The path of the servers in the client's files; default: `mcpServers`. */
  readonly serversPath?: readonly [string, ...string[]];
  readonly files: readonly FileRow[];
}

/**
 * The files in which each client keeps its servers, according to its documentation. Words in braces are
 * folders, which `foldersOf` returns; `{apps}` is the system's folder for the data of programs. If a client
 * has no user file yet, `init` creates the first in this list.
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
      // The path if the app was installed from the Microsoft Store, which gives each package its own data folder.
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
    serversPath: ["servers"],
    files: [
      ["user", "{apps}/Code/User/mcp.json"],
      ["user", "{apps}/Code/User/profiles/*/mcp.json"],
      ["user", "{apps}/Code - Insiders/User/mcp.json"],
      ["user", "{apps}/Code - Insiders/User/profiles/*/mcp.json"],
      ["project", "{cwd}/.vscode/mcp.json"],
    ],
  },
  // Windsurf was renamed to Devin Desktop, whose files are in the folders named `devin`.
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
    serversPath: ["mcp_servers"],
    files: [["user", "{codex}/config.toml"], ["project", "{cwd}/.codex/config.toml"]],
  },
  gemini: {
    title: "Gemini CLI",
    files: [["user", "{home}/.gemini/settings.json"], ["project", "{cwd}/.gemini/settings.json"]],
  },
  opencode: {
    title: "opencode",
    serversPath: ["mcp"],
    files: [
      ["user", "{config}/opencode/opencode.json"],
      ["user", "{config}/opencode/opencode.jsonc"],
      ["project", "{cwd}/opencode.json"],
      ["project", "{cwd}/opencode.jsonc"],
      ["project", "{cwd}/.opencode/opencode.json"],
      ["project", "{cwd}/.opencode/opencode.jsonc"],
    ],
  },
  // Copilot CLI also reads the `.mcp.json` of the working folder, which is listed for Claude Code.
  copilot: {
    title: "Copilot CLI",
    files: [
      ["user", "{home}/.copilot/mcp-config.json"],
      ["project", "{cwd}/.github/mcp.json"],
    ],
  },
};

/** Returns the name of a client as people know it. */
export function clientTitle(client: ClientId): string {
  return CLIENTS[client].title;
}

/** Returns the path of the servers in a client's files. */
export function serversPathOf(client: ClientId): readonly [string, ...string[]] {
  return CLIENTS[client].serversPath ?? ["mcpServers"];
}

/** Whether a word names a client. */
export function isClientId(word: string): word is ClientId {
  return CLIENT_IDS.some((id) => id === word);
}

/** Returns all files in which clients may keep their servers, whether they exist or not. */
export function clientLocations(machine: Machine): ClientLocation[] {
  const folders = foldersOf(machine);
  return CLIENT_IDS.flatMap((client) => {
    const { title, files } = CLIENTS[client];
    return files.filter(([, , details]) => (details?.os ?? machine.os) === machine.os)
      .map(([scope, template, details]) => {
        const [first = "", ...names] = template.split("/");
        const folder = folders[first.slice(1, -1)] ?? first;
        const path = [folder, ...names].join(machine.os === "windows" ? "\\" : "/");
        const hasProjects = details?.hasProjects ?? false;
        return { client, title, path, scope, hasProjects, serversPath: serversPathOf(client) };
      });
  });
}

/** Returns the folders that the words in braces stand for in the paths of clients' files. */
function foldersOf({ os, home, cwd, env }: Machine): Readonly<Record<string, string>> {
  const slash = os === "windows" ? "\\" : "/";
  const folderIn = (name: string): string | undefined =>
    getFolderVariable(env, name, { windows: os === "windows" });
  const config = folderIn("XDG_CONFIG_HOME") ?? `${home}${slash}.config`;
  const claude = folderIn("CLAUDE_CONFIG_DIR") ?? home;
  const codex = folderIn("CODEX_HOME") ?? `${home}${slash}.codex`;
  const folders = { home, cwd, claude, codex, config };
  if (os !== "windows") {
    const apps = os === "darwin" ? `${home}/Library/Application Support` : config;
    return { ...folders, apps, devin: config };
  }
  const apps = folderIn("APPDATA") ?? `${home}\\AppData\\Roaming`;
  const local = folderIn("LOCALAPPDATA") ?? `${home}\\AppData\\Local`;
  return { ...folders, apps, local, devin: apps };
}

/** Describes this machine; `undefined` if the user has no home folder. */
export function thisMachine(): Machine | undefined {
  const { os } = Deno.build;
  const home = getHomeFolder(Deno.env);
  if (home === undefined) return undefined;
  const clientOs = os === "windows" || os === "darwin" ? os : "linux";
  return { os: clientOs, home, cwd: Deno.cwd(), env: Deno.env };
}
