import assert from "node:assert/strict";
import { type ClientId, clientLocations, type Machine } from "../../src/cli/init/clients.ts";
import type { Disk } from "../../src/cli/init/disk.ts";
import { findServers } from "../../src/cli/init/find_servers.ts";
import { createEnvironment } from "./init_fixture.ts";

const SYSTEMS: Readonly<Record<Machine["os"], Pick<Machine, "home" | "cwd">>> = {
  linux: { home: "/home/me", cwd: "/home/me/work" },
  darwin: { home: "/Users/me", cwd: "/Users/me/work" },
  windows: { home: "C:\\Users\\me", cwd: "D:\\work" },
};

/** Paths of the files in which each client keeps its servers. */
const PATHS: Readonly<Record<Machine["os"], Readonly<Record<ClientId, readonly string[]>>>> = {
  linux: {
    "claude-code": ["/home/me/.claude.json", "/home/me/work/.mcp.json"],
    "claude-desktop": ["/home/me/.config/Claude/claude_desktop_config.json"],
    cursor: ["/home/me/.cursor/mcp.json", "/home/me/work/.cursor/mcp.json"],
    vscode: [
      "/home/me/.config/Code/User/mcp.json",
      "/home/me/.config/Code/User/profiles/*/mcp.json",
      "/home/me/.config/Code - Insiders/User/mcp.json",
      "/home/me/.config/Code - Insiders/User/profiles/*/mcp.json",
      "/home/me/work/.vscode/mcp.json",
    ],
    windsurf: [
      "/home/me/.codeium/windsurf/mcp_config.json",
      "/home/me/.codeium/mcp_config.json",
      "/home/me/.config/devin/mcp_config.json",
      "/home/me/work/.devin/mcp_config.json",
    ],
    codex: ["/home/me/.codex/config.toml", "/home/me/work/.codex/config.toml"],
    gemini: ["/home/me/.gemini/settings.json", "/home/me/work/.gemini/settings.json"],
    opencode: [
      "/home/me/.config/opencode/opencode.json",
      "/home/me/.config/opencode/opencode.jsonc",
      "/home/me/work/opencode.json",
      "/home/me/work/opencode.jsonc",
      "/home/me/work/.opencode/opencode.json",
      "/home/me/work/.opencode/opencode.jsonc",
    ],
    copilot: ["/home/me/.copilot/mcp-config.json", "/home/me/work/.github/mcp.json"],
  },
  darwin: {
    "claude-code": ["/Users/me/.claude.json", "/Users/me/work/.mcp.json"],
    "claude-desktop": [
      "/Users/me/Library/Application Support/Claude/claude_desktop_config.json",
    ],
    cursor: ["/Users/me/.cursor/mcp.json", "/Users/me/work/.cursor/mcp.json"],
    vscode: [
      "/Users/me/Library/Application Support/Code/User/mcp.json",
      "/Users/me/Library/Application Support/Code/User/profiles/*/mcp.json",
      "/Users/me/Library/Application Support/Code - Insiders/User/mcp.json",
      "/Users/me/Library/Application Support/Code - Insiders/User/profiles/*/mcp.json",
      "/Users/me/work/.vscode/mcp.json",
    ],
    windsurf: [
      "/Users/me/.codeium/windsurf/mcp_config.json",
      "/Users/me/.codeium/mcp_config.json",
      "/Users/me/.config/devin/mcp_config.json",
      "/Users/me/work/.devin/mcp_config.json",
    ],
    codex: ["/Users/me/.codex/config.toml", "/Users/me/work/.codex/config.toml"],
    gemini: ["/Users/me/.gemini/settings.json", "/Users/me/work/.gemini/settings.json"],
    opencode: [
      "/Users/me/.config/opencode/opencode.json",
      "/Users/me/.config/opencode/opencode.jsonc",
      "/Users/me/work/opencode.json",
      "/Users/me/work/opencode.jsonc",
      "/Users/me/work/.opencode/opencode.json",
      "/Users/me/work/.opencode/opencode.jsonc",
    ],
    copilot: ["/Users/me/.copilot/mcp-config.json", "/Users/me/work/.github/mcp.json"],
  },
  windows: {
    "claude-code": ["C:\\Users\\me\\.claude.json", "D:\\work\\.mcp.json"],
    "claude-desktop": [
      "C:\\Users\\me\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
      "C:\\Users\\me\\AppData\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\" +
      "Claude\\claude_desktop_config.json",
    ],
    cursor: ["C:\\Users\\me\\.cursor\\mcp.json", "D:\\work\\.cursor\\mcp.json"],
    vscode: [
      "C:\\Users\\me\\AppData\\Roaming\\Code\\User\\mcp.json",
      "C:\\Users\\me\\AppData\\Roaming\\Code\\User\\profiles\\*\\mcp.json",
      "C:\\Users\\me\\AppData\\Roaming\\Code - Insiders\\User\\mcp.json",
      "C:\\Users\\me\\AppData\\Roaming\\Code - Insiders\\User\\profiles\\*\\mcp.json",
      "D:\\work\\.vscode\\mcp.json",
    ],
    windsurf: [
      "C:\\Users\\me\\.codeium\\windsurf\\mcp_config.json",
      "C:\\Users\\me\\.codeium\\mcp_config.json",
      "C:\\Users\\me\\AppData\\Roaming\\devin\\mcp_config.json",
      "D:\\work\\.devin\\mcp_config.json",
    ],
    codex: ["C:\\Users\\me\\.codex\\config.toml", "D:\\work\\.codex\\config.toml"],
    gemini: ["C:\\Users\\me\\.gemini\\settings.json", "D:\\work\\.gemini\\settings.json"],
    opencode: [
      "C:\\Users\\me\\.config\\opencode\\opencode.json",
      "C:\\Users\\me\\.config\\opencode\\opencode.jsonc",
      "D:\\work\\opencode.json",
      "D:\\work\\opencode.jsonc",
      "D:\\work\\.opencode\\opencode.json",
      "D:\\work\\.opencode\\opencode.jsonc",
    ],
    copilot: ["C:\\Users\\me\\.copilot\\mcp-config.json", "D:\\work\\.github\\mcp.json"],
  },
};

/** The key of the servers by client, if it is not `mcpServers`. */
const SERVERS_KEYS: Readonly<Record<string, string>> = { vscode: "servers", opencode: "mcp" };

function createMachine(os: Machine["os"], variables: Record<string, string> = {}): Machine {
  return { os, ...SYSTEMS[os], env: createEnvironment(variables) };
}

function listPaths(machine: Machine, client: ClientId): string[] {
  return clientLocations(machine).filter((location) => location.client === client).map(({ path }) =>
    path
  );
}

/** Creates a simulated disk with some files; the separator of paths depends on the system. */
function createDisk(files: Readonly<Record<string, string>>, separator: string): Disk {
  return {
    isThere: (path) => path in files,
    read: (path) => {
      const text = files[path];
      return text === undefined ? { failure: "there is no such file" } : { text };
    },
    list(folder) {
      const names = Object.keys(files).filter((path) => path.startsWith(folder + separator))
        .map((path) => path.slice(folder.length + 1).split(separator)[0] ?? "");
      return [...new Set(names)];
    },
  };
}

for (const os of ["linux", "darwin", "windows"] as const) {
  Deno.test(`[init.paths] the paths of every client's files are known on ${os}`, () => {
    for (const [client, paths] of Object.entries(PATHS[os])) {
      assert.deepEqual(listPaths(createMachine(os), client as ClientId), paths);
    }
  });

  Deno.test(`[init.clients] the servers of all clients are found on ${os}`, async () => {
    const machine = createMachine(os);
    const separator = os === "windows" ? "\\" : "/";
    const files: Record<string, string> = {};
    const expectedNames: string[] = [];
    for (const [client, paths] of Object.entries(PATHS[os])) {
      for (const [index, path] of paths.entries()) {
        const name = `${client}-${index}`;
        const key = SERVERS_KEYS[client] ?? "mcpServers";
        files[path.replace("*", "1a2b")] = client === "codex"
          ? `[mcp_servers."${name}"]\ncommand = "x"\n`
          : JSON.stringify({ [key]: { [name]: { command: "x" } } });
        expectedNames.push(name);
      }
    }
    const disk = createDisk(files, separator);
    const result = await findServers(clientLocations(machine), {
      machine,
      disk,
      program: {},
      gatewayFiles: [],
    });
    assert.deepEqual(result.servers.map(({ name }) => name), expectedNames);
    assert.deepEqual(result.problems, []);
    assert.equal(result.files[0]?.displayPath, `~${separator}.claude.json`);
  });
}

Deno.test("[init.paths] environment variables can change the folders", () => {
  const linux = createMachine("linux", { XDG_CONFIG_HOME: "/cfg", CLAUDE_CONFIG_DIR: "/claude" });
  assert.deepEqual(listPaths(linux, "claude-desktop"), ["/cfg/Claude/claude_desktop_config.json"]);
  assert.equal(listPaths(linux, "claude-code")[0], "/claude/.claude.json");
  const codex = createMachine("linux", { CODEX_HOME: "/codex" });
  assert.equal(listPaths(codex, "codex")[0], "/codex/config.toml");
  const windows = createMachine("windows", { APPDATA: "E:\\roaming", LOCALAPPDATA: "E:\\local" });
  assert.deepEqual(listPaths(windows, "claude-desktop"), [
    "E:\\roaming\\Claude\\claude_desktop_config.json",
    "E:\\local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude\\" +
    "claude_desktop_config.json",
  ]);
});
