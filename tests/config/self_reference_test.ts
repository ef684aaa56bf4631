import assert from "node:assert/strict";
import { checkConfiguration, locateFiles, type Program } from "../../src/config/mod.ts";
import { createEnvironment } from "./check_files.ts";
import { TempFolder } from "./temp_folder.ts";

/**
 * Returns the names of the entries that are skipped, in a folder with `.mcp.json`, `other.json` and
 * `link.json`, which is a link to `.mcp.json`.
 */
async function findSkippedNames(
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
  const env = createEnvironment({ HOME: home, ...options.variables });
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

Deno.test("[servers.self-reference] the usual commands that start this gateway with the same file are recognized", async () => {
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
    ["/usr/bin/node", "/usr/lib/node_modules/agent-mcp-gateway/launcher.cjs"],
    [
      "C:\\Program Files\\nodejs\\node.exe",
      "C:\\npm\\node_modules\\agent-mcp-gateway\\launcher.cjs",
    ],
    ["node22", "--no-warnings", "/x/agent-mcp-gateway/launcher.cjs", "serve"],
    ["node", "-r", "./hook.cjs", "/x/agent-mcp-gateway/launcher.cjs"],
    ["/x/agent-mcp-gateway/launcher.cjs"],
    ["node", "/x/node_modules/.bin/agent-mcp-gateway"],
    ["deno", "run", "-A", "-r", "/x/dist/agent-mcp-gateway.js"],
    ["deno", "-A", "https://example.com/agent-mcp-gateway.js"],
    ["deno", "run", "-A", "jsr:@agent-mcp-gateway/gateway@1"],
    ["deno", "x", "-A", "npm:agent-mcp-gateway"],
    ["bun", "run", "/home/me/agent-mcp-gateway/src/main.ts"],
    ["pnpm", "exec", "agent-mcp-gateway"],
    ["yarn", "agent-mcp-gateway"],
    ["npm", "exec", "--", "agent-mcp-gateway"],
    ["npx", "-y", "./agent-mcp-gateway-0.1.0.tgz"],
    ["npx", "-y", "github:someone/agent-mcp-gateway"],
    ["/dl/agent-mcp-gateway-x86_64-unknown-linux-gnu", "serve"],
    ["C:\\dl\\agent-mcp-gateway-x86_64-pc-windows-msvc.exe"],
    ["env", "-i", "A=b", "agent-mcp-gateway"],
    ["env", "-S", "A=b agent-mcp-gateway --agent a"],
    ["sudo", "-u", "me", "agent-mcp-gateway"],
    ["op", "run", "--", "node", "/x/agent-mcp-gateway/launcher.cjs"],
    ["npx", "-y", "dotenv-cli", "--", "agent-mcp-gateway"],
    ["sh", "-c", "exec agent-mcp-gateway serve"],
    ["bash", "-lc", 'cd . && X=1 deno run -A "/repo/src/main.ts"'],
    ["cmd.exe", "/d", "/c", "agent-mcp-gateway serve"],
    ["npx agent-mcp-gateway --agent a"],
    ["npx -y agent-mcp-gateway", "--agent", "a"],
    ['node "/x/agent-mcp-gateway/launcher.cjs" serve'],
    ["npx", "supergateway", "--stdio", "npx agent-mcp-gateway"],
    ["npx", "-y", "supergateway@3", "--port", "8000", "--stdio=npx -y agent-mcp-gateway --agent a"],
    ["supergateway", "--stdio", "cd . && agent-mcp-gateway"],
    ["npx supergateway --stdio 'npx agent-mcp-gateway'"],
  ];
  const entries = commands.map(([command, ...args], index) => [`c${index}`, { command, args }]);
  const names = await findSkippedNames(() => Object.fromEntries(entries), {
    program: () => ({ root: "/repo", executable: "/opt/gateway" }),
  });
  assert.deepEqual(names, entries.map(([name]) => name));
});

Deno.test("[servers.self-reference] deno task start in this program's folder is recognized", async () => {
  const names = await findSkippedNames((folder) => ({
    flag: { command: "deno", args: ["task", "--cwd", folder, "start"] },
    config: { command: "deno", args: ["task", "--config", "deno.json", "dev"] },
    cwd: { command: "deno", args: ["task", "-q", "start"], cwd: folder },
    otherTask: { command: "deno", args: ["task", "--cwd", folder, "bench"] },
    otherFolder: { command: "deno", args: ["task", "--cwd", "/elsewhere", "start"] },
  }), { program: (root) => ({ root }) });
  assert.deepEqual(names, ["flag", "config", "cwd"]);
});

Deno.test("[servers.self-reference] other programs are not self references", async () => {
  const names = await findSkippedNames(() => ({
    a: { command: "npx", args: ["-y", "some-server", "agent-mcp-gateway"] },
    b: { command: "deno", args: ["run", "-A", "/elsewhere/src/main.ts"] },
    c: { command: "my-agent-mcp-gateway" },
    d: { command: "npx", args: [] },
    e: { command: "echo", args: ["agent-mcp-gateway"] },
    f: { url: "https://example.com/agent-mcp-gateway" },
    g: { command: "deno", args: ["run", "file:///%zz/src/main.ts"] },
    fileOfThatName: { command: "node", args: ["server.js", "agent-mcp-gateway"] },
    folderOfThatName: {
      command: "npx",
      args: ["-y", "@modelcontextprotocol/server-filesystem", "/home/me/agent-mcp-gateway"],
    },
    scriptBeside: { command: "node", args: ["/home/me/agent-mcp-gateway/other.cjs"] },
    launcher: { command: "node", args: ["/elsewhere/launcher.cjs"] },
    directory: { command: "uv", args: ["run", "--directory", "/x/agent-mcp-gateway", "server"] },
    shell: { command: "sh", args: ["-c", "echo agent-mcp-gateway"] },
    image: { command: "docker", args: ["run", "--name", "agent-mcp-gateway", "mcp/fetch"] },
    text: { command: "npx some-server agent-mcp-gateway" },
    spaces: { command: "/opt/My Tools/server", args: ["agent-mcp-gateway"] },
    supergateway: { command: "npx", args: ["supergateway", "--stdio", "npx some-server"] },
    url: { command: "npx", args: ["supergateway", "--sse", "http://x/agent-mcp-gateway"] },
    h: { command: "cmd", args: ["/c", ...Array(1000).fill("cmd"), "/c"] },
  }), { program: () => ({ root: "/repo" }) });
  assert.deepEqual(names, []);
});

Deno.test("[nesting.intended] a gateway with another configuration is allowed, but not with the same one under another path", async () => {
  const command = "agent-mcp-gateway";
  const names = await findSkippedNames((folder) => ({
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

Deno.test("[nesting.intended] another configuration is allowed if the command contains its arguments", async () => {
  const names = await findSkippedNames(() => ({
    other: { command: "npx agent-mcp-gateway --mcp-config other.json" },
    same: { command: "npx agent-mcp-gateway --mcp-config .mcp.json" },
  }));
  assert.deepEqual(names, ["same"]);
});

Deno.test("[servers.self-reference] a relative cwd is resolved from the working folder of the gateway", async () => {
  const names = await findSkippedNames(() => ({
    sub: { command: "agent-mcp-gateway", args: ["--mcp-config", "../.mcp.json"], cwd: "sub" },
  }));
  assert.deepEqual(names, ["sub"]);
});

Deno.test("[servers.self-reference] the package in any folder, and links to it, are recognized", async () => {
  const names = await findSkippedNames((folder) => {
    Deno.mkdirSync(`${folder}/gw/src`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/gw/package.json`, '{"name": "agent-mcp-gateway"}');
    Deno.writeTextFileSync(`${folder}/gw/launcher.cjs`, "");
    Deno.symlinkSync(`${folder}/gw/launcher.cjs`, `${folder}/gateway`);
    Deno.mkdirSync(`${folder}/clone/src`, { recursive: true });
    const config = '{"name": "@agent-mcp-gateway/gateway"}';
    Deno.writeTextFileSync(`${folder}/clone/deno.json`, config);
    Deno.mkdirSync(`${folder}/other`);
    Deno.writeTextFileSync(`${folder}/other/package.json`, '{"name": "other"}');
    const mcp = ["--mcp-config", `${folder}/.mcp.json`];
    return {
      launcher: { command: "node", args: [`${folder}/gw/launcher.cjs`] },
      link: { command: `${folder}/gateway` },
      nodeLink: { command: "node", args: ["gateway"] },
      task: { command: "deno", args: ["task", "start", ...mcp], cwd: `${folder}/clone` },
      source: { command: "deno", args: ["run", "-A", "clone/src/main.ts"] },
      other: { command: "node", args: [`${folder}/other/launcher.cjs`] },
    };
  });
  assert.deepEqual(names, ["launcher", "link", "nodeLink", "task", "source"]);
});

Deno.test("[nesting.intended] a gateway for another agent is skipped only if it uses the same servers file", async () => {
  const node = (...args: string[]) => ({
    command: "/usr/bin/node",
    args: ["/usr/lib/node_modules/agent-mcp-gateway/launcher.cjs", ...args],
  });
  const image = (...flags: string[]) => ({
    command: "docker",
    args: [
      "run",
      "-i",
      "--rm",
      ...flags,
      "ghcr.io/someone/agent-mcp-gateway:1.2",
      "--agent",
      "free",
    ],
  });
  const names = await findSkippedNames((folder) => ({
    twin: node("--mcp-config", `${folder}/.mcp.json`, "--rules", "/other.json", "--agent", "free"),
    nested: node("--mcp-config", `${folder}/other.json`, "--agent", "free"),
    env: { command: "env", args: [`GATEWAY_MCP_CONFIG=${folder}/other.json`, "agent-mcp-gateway"] },
    imageTwin: image("-v", `${folder}:/config:ro`),
    imageMount: image("--mount", `type=bind,src=${folder}/.mcp.json,dst=/config/.mcp.json`),
    imageEnv: image("-e", "GATEWAY_MCP_CONFIG=/d/.mcp.json", `--volume=${folder}:/d`),
    imageOther: image("-v", `${folder}/sub:/config`),
    imageVolume: image("-v", "config:/config"),
    imageAlone: image(),
  }));
  assert.deepEqual(names, ["twin", "imageTwin", "imageMount", "imageEnv"]);
});
