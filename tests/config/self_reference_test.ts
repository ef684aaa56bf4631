import assert from "node:assert/strict";
import { checkConfiguration, locateFiles, type Program } from "../../src/config/mod.ts";
import { environmentOf, TempFolder } from "./support.ts";

/** Returns the skipped entries, in a folder with `.mcp.json`, `other.json` and a link to the first. */
async function skipped(
  entries: (folder: string) => Record<string, unknown>,
  options: { program?: (folder: string) => Program; variables?: Record<string, string> } = {},
): Promise<string[]> {
  using folder = new TempFolder();
  const mcpServers = entries(folder.path);
  folder.write(".mcp.json", { mcpServers });
  folder.write(".mcp-gateway-rules.json", { agents: {} });
  folder.write("other.json", { mcpServers: {} });
  folder.write("sub/x", "");
  Deno.symlinkSync(`${folder.path}/.mcp.json`, `${folder.path}/link.json`);
  const cwd = folder.path;
  const home = `${cwd}/home`;
  const env = environmentOf({ HOME: home, ...options.variables });
  const program = options.program?.(cwd) ?? {};
  const files = locateFiles({}, { home, cwd });
  const { configuration, errors } = await checkConfiguration(files, {
    env,
    cwd,
    windows: false,
    program,
  });
  assert.deepEqual(errors, []);
  return Object.keys(mcpServers).filter((name) => !configuration?.servers.has(name));
}

Deno.test("[servers.self-reference] the usual commands that start this gateway on the same file", async () => {
  const commands: string[][] = [
    ["agent-mcp-gateway"],
    ["/opt/bin/agent-mcp-gateway", "serve", "--debug"],
    ["C:\\tools\\agent-mcp-gateway.exe"],
    ["npx", "-y", "agent-mcp-gateway"],
    ["npx", "--yes", "@agent-mcp-gateway/gateway@1.2.3", "serve"],
    ["npx.cmd", "agent-mcp-gateway@latest"],
    ["cmd", "/c", "npx", "-y", "agent-mcp-gateway"],
    ["bunx", "agent-mcp-gateway"],
    ["uvx", "agent-mcp-gateway"],
    ["uvx", "--from", "agent-mcp-gateway", "agent-mcp-gateway"],
    ["deno", "run", "-A", "/repo/src/main.ts"],
    ["deno", "run", "-A", "file:///repo/src/main.ts"],
    ["/usr/bin/deno", "run", "--config", "x.json", "dist/agent-mcp-gateway.js"],
    ["deno", "run", "-A", "npm:agent-mcp-gateway"],
    ["npx", "-y", "deno@2.9.6", "run", "-A", "/repo/src/main.ts", "--debug"],
    ["deno", "run", "-A", "/home/me/agent-mcp-gateway/src/main.ts"],
    ["/opt/gateway"],
  ];
  const entries = commands.map(([command, ...args], index) => [`c${index}`, { command, args }]);
  const names = await skipped(() => Object.fromEntries(entries), {
    program: () => ({ root: "/repo", executable: "/opt/gateway" }),
  });
  assert.deepEqual(names, entries.map(([name]) => name));
});

Deno.test("[servers.self-reference] deno task start in this program's folder", async () => {
  const names = await skipped((folder) => ({
    flag: { command: "deno", args: ["task", "--cwd", folder, "start"] },
    config: { command: "deno", args: ["task", "--config", "deno.json", "dev"] },
    cwd: { command: "deno", args: ["task", "-q", "start"], cwd: folder },
    otherTask: { command: "deno", args: ["task", "--cwd", folder, "bench"] },
    otherFolder: { command: "deno", args: ["task", "--cwd", "/elsewhere", "start"] },
  }), { program: (root) => ({ root }) });
  assert.deepEqual(names, ["flag", "config", "cwd"]);
});

Deno.test("[servers.self-reference] other programs are not self references", async () => {
  const names = await skipped(() => ({
    a: { command: "npx", args: ["-y", "some-server", "agent-mcp-gateway"] },
    b: { command: "deno", args: ["run", "-A", "/elsewhere/src/main.ts"] },
    c: { command: "my-agent-mcp-gateway" },
    d: { command: "npx", args: [] },
    e: { command: "echo", args: ["agent-mcp-gateway"] },
    f: { url: "https://example.com/agent-mcp-gateway" },
    g: { command: "deno", args: ["run", "file:///%zz/src/main.ts"] },
    h: { command: "cmd", args: ["/c", ...Array(1000).fill("cmd"), "/c"] },
  }), { program: () => ({ root: "/repo" }) });
  assert.deepEqual(names, []);
});

Deno.test("[nesting.intended] another configuration is allowed, the same one under another name is not", async () => {
  const command = "agent-mcp-gateway";
  const names = await skipped((folder) => ({
    other: { command, args: ["--mcp-config", "other.json"] },
    otherEquals: { command, args: ["--mcp-config=other.json"] },
    otherEnv: { command, env: { GATEWAY_MCP_CONFIG: `${folder}/other.json` } },
    flagWins: {
      command,
      args: ["--mcp-config", "other.json"],
      env: { GATEWAY_MCP_CONFIG: ".mcp.json" },
    },
    otherFolder: { command, cwd: `${folder}/sub` },
    same: { command, args: ["--mcp-config", "./sub/../.mcp.json"] },
    link: { command, args: ["--mcp-config=link.json"] },
    sameEnv: { command, env: { GATEWAY_MCP_CONFIG: "${HERE}/.mcp.json" } },
    inherited: { command, cwd: `${folder}/sub`, gateway: { inherit_env: ["GATEWAY_MCP_CONFIG"] } },
    notInherited: { command, cwd: `${folder}/sub` },
    tilde: { command, args: ["--mcp-config", "~/.mcp.json"], env: { HOME: folder } },
  }), { variables: { HERE: ".", GATEWAY_MCP_CONFIG: "../.mcp.json" } });
  assert.deepEqual(names, ["same", "link", "sameEnv", "inherited", "tilde"]);
});

Deno.test("[servers.self-reference] a relative cwd is resolved from the gateway's own", async () => {
  const names = await skipped(() => ({
    sub: { command: "agent-mcp-gateway", args: ["--mcp-config", "../.mcp.json"], cwd: "sub" },
  }));
  assert.deepEqual(names, ["sub"]);
});
