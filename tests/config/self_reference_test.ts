import assert from "node:assert/strict";
import { checkConfiguration, locateFiles, type Program } from "../../src/config/mod.ts";
import { createEnvironment } from "./check_files.ts";
import { TempFolder } from "./temp_folder.ts";

/**
 * Returns the names of the entries that the gateway skips because they start the gateway itself with
 * the same servers file. The folder has `.mcp.json`, with the entries; `link.json`, a link to it; and
 * `other.json`.
 */
async function findSelfReferences(
  createEntries: (folder: string) => Record<string, unknown>,
  options: { program?: (folder: string) => Program; variables?: Record<string, string> } = {},
): Promise<string[]> {
  using folder = new TempFolder();
  const mcpServers = createEntries(folder.path);
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

Deno.test("[servers.self-reference] commands that start this gateway with the same servers file are recognized", async () => {
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
    ["sh", "-c", "sleep 1 & agent-mcp-gateway 2>&1"],
    ["cmd.exe", "/d", "/c", "agent-mcp-gateway serve"],
    ["cmd", "/c", "cd . & npx -y agent-mcp-gateway"],
    ["cmd", "/c", "cd", ".", "&&", "npx", "-y", "agent-mcp-gateway"],
    ["pwsh", "-Command", "npx", "-y", "agent-mcp-gateway"],
    ["powershell", "-Command", "& npx -y agent-mcp-gateway"],
    ["npx agent-mcp-gateway --agent a"],
    ["npx -y agent-mcp-gateway", "--agent", "a"],
    ['node "/x/agent-mcp-gateway/launcher.cjs" serve'],
    ["npx", "supergateway", "--stdio", "npx agent-mcp-gateway"],
    ["npx", "-y", "supergateway@3", "--port", "8000", "--stdio=npx -y agent-mcp-gateway --agent a"],
    ["supergateway", "--stdio", "cd . && agent-mcp-gateway"],
    ["npx supergateway --stdio 'npx agent-mcp-gateway'"],
  ];
  const entries = commands.map(([command, ...args], index) => [`c${index}`, { command, args }]);
  const skippedNames = await findSelfReferences(() => Object.fromEntries(entries), {
    program: () => ({ root: "/repo", executable: "/opt/gateway" }),
  });
  assert.deepEqual(skippedNames, entries.map(([name]) => name));
});

Deno.test("[servers.self-reference] `cd` in the text of a shell is followed", async () => {
  const run = (text: string) => `${text} && agent-mcp-gateway --mcp-config .mcp.json`;
  const skippedNames = await findSelfReferences((folder) => ({
    parent: { command: "sh", args: ["-c", run("cd ..")], cwd: `${folder}/sub` },
    sibling: { command: "sh", args: ["-c", run("cd ../sub && cd ..")], cwd: `${folder}/sub` },
    absolute: { command: "sh", args: ["-c", run(`cd ${folder}`)], cwd: "/" },
    child: { command: "sh", args: ["-c", run("cd sub")], cwd: folder },
  }));
  assert.deepEqual(skippedNames, ["parent", "sibling", "absolute"]);
});

Deno.test("[servers.self-reference] deno task start in this program's folder is recognized", async () => {
  const skippedNames = await findSelfReferences((folder) => ({
    flag: { command: "deno", args: ["task", "--cwd", folder, "start"] },
    config: { command: "deno", args: ["task", "--config", "deno.json", "dev"] },
    cwd: { command: "deno", args: ["task", "-q", "start"], cwd: folder },
    otherTask: { command: "deno", args: ["task", "--cwd", folder, "bench"] },
    otherFolder: { command: "deno", args: ["task", "--cwd", "/elsewhere", "start"] },
  }), { program: (root) => ({ root }) });
  assert.deepEqual(skippedNames, ["flag", "config", "cwd"]);
});

Deno.test("[servers.self-reference] other programs are not self references", async () => {
  const skippedNames = await findSelfReferences(() => ({
    argument: { command: "npx", args: ["-y", "some-server", "agent-mcp-gateway"] },
    otherMain: { command: "deno", args: ["run", "-A", "/elsewhere/src/main.ts"] },
    longerName: { command: "my-agent-mcp-gateway" },
    noArguments: { command: "npx", args: [] },
    echo: { command: "echo", args: ["agent-mcp-gateway"] },
    remote: { url: "https://example.com/agent-mcp-gateway" },
    invalidFileUrl: { command: "deno", args: ["run", "file:///%zz/src/main.ts"] },
    argumentOfScript: { command: "node", args: ["server.js", "agent-mcp-gateway"] },
    folderArgument: {
      command: "npx",
      args: ["-y", "@modelcontextprotocol/server-filesystem", "/home/me/agent-mcp-gateway"],
    },
    otherScript: { command: "node", args: ["/home/me/agent-mcp-gateway/other.cjs"] },
    otherLauncher: { command: "node", args: ["/elsewhere/launcher.cjs"] },
    directory: { command: "uv", args: ["run", "--directory", "/x/agent-mcp-gateway", "server"] },
    shell: { command: "sh", args: ["-c", "echo agent-mcp-gateway"] },
    quotedText: { command: "sh", args: ["-c", 'echo "first; agent-mcp-gateway"'] },
    image: { command: "docker", args: ["run", "--name", "agent-mcp-gateway", "mcp/fetch"] },
    text: { command: "npx some-server agent-mcp-gateway" },
    spaces: { command: "/opt/My Tools/server", args: ["agent-mcp-gateway"] },
    supergateway: { command: "npx", args: ["supergateway", "--stdio", "npx some-server"] },
    url: { command: "npx", args: ["supergateway", "--sse", "http://x/agent-mcp-gateway"] },
    deeplyNested: { command: "cmd", args: ["/c", ...Array(1000).fill("cmd"), "/c"] },
  }), { program: () => ({ root: "/repo" }) });
  assert.deepEqual(skippedNames, []);
});

Deno.test("[nesting.intended] a gateway with another servers file is allowed, but not with the same file under another path", async () => {
  const command = "agent-mcp-gateway";
  const skippedNames = await findSelfReferences((folder) => ({
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
  assert.deepEqual(skippedNames, ["same", "link", "sameEnv", "inherited", "tilde"]);
});

Deno.test("[nesting.intended] the servers file is recognized in a command that contains its arguments", async () => {
  const skippedNames = await findSelfReferences(() => ({
    other: { command: "npx agent-mcp-gateway --mcp-config other.json" },
    same: { command: "npx agent-mcp-gateway --mcp-config .mcp.json" },
  }));
  assert.deepEqual(skippedNames, ["same"]);
});

Deno.test("[servers.self-reference] a relative cwd is resolved from the working folder of the gateway", async () => {
  const skippedNames = await findSelfReferences(() => ({
    sub: { command: "agent-mcp-gateway", args: ["--mcp-config", "../.mcp.json"], cwd: "sub" },
  }));
  assert.deepEqual(skippedNames, ["sub"]);
});

Deno.test("[servers.self-reference] this package is recognized in any folder and behind a link", async () => {
  const skippedNames = await findSelfReferences((folder) => {
    Deno.mkdirSync(`${folder}/gw/src`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/gw/package.json`, '{"name": "agent-mcp-gateway"}');
    Deno.writeTextFileSync(`${folder}/gw/launcher.cjs`, "");
    Deno.symlinkSync(`${folder}/gw/launcher.cjs`, `${folder}/gateway`);
    Deno.mkdirSync(`${folder}/clone/src`, { recursive: true });
    const config = '{"name": "@agent-mcp-gateway/gateway"}';
    Deno.writeTextFileSync(`${folder}/clone/deno.json`, config);
    Deno.mkdirSync(`${folder}/other`);
    Deno.writeTextFileSync(`${folder}/other/package.json`, '{"name": "other"}');
    const mcpConfig = ["--mcp-config", `${folder}/.mcp.json`];
    return {
      launcher: { command: "node", args: [`${folder}/gw/launcher.cjs`] },
      link: { command: `${folder}/gateway` },
      nodeLink: { command: "node", args: ["gateway"] },
      task: { command: "deno", args: ["task", "start", ...mcpConfig], cwd: `${folder}/clone` },
      source: { command: "deno", args: ["run", "-A", "clone/src/main.ts"] },
      other: { command: "node", args: [`${folder}/other/launcher.cjs`] },
    };
  });
  assert.deepEqual(skippedNames, ["launcher", "link", "nodeLink", "task", "source"]);
});

Deno.test("[nesting.intended] a gateway for another agent is skipped only if it uses the same servers file", async () => {
  const nodeEntry = (...args: string[]) => ({
    command: "/usr/bin/node",
    args: ["/usr/lib/node_modules/agent-mcp-gateway/launcher.cjs", ...args],
  });
  const imageEntry = (...flags: string[]) => ({
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
  const skippedNames = await findSelfReferences((folder) => ({
    twin: nodeEntry(
      "--mcp-config",
      `${folder}/.mcp.json`,
      "--rules",
      "/other.json",
      "--agent",
      "free",
    ),
    nested: nodeEntry("--mcp-config", `${folder}/other.json`, "--agent", "free"),
    env: { command: "env", args: [`GATEWAY_MCP_CONFIG=${folder}/other.json`, "agent-mcp-gateway"] },
    imageTwin: imageEntry("-v", `${folder}:/config:ro`),
    imageMount: imageEntry("--mount", `type=bind,src=${folder}/.mcp.json,dst=/config/.mcp.json`),
    imageEnv: imageEntry("-e", "GATEWAY_MCP_CONFIG=/d/.mcp.json", `--volume=${folder}:/d`),
    imageOther: imageEntry("-v", `${folder}/sub:/config`),
    imageVolume: imageEntry("-v", "config:/config"),
    imageAlone: imageEntry(),
  }));
  assert.deepEqual(skippedNames, ["twin", "imageTwin", "imageMount", "imageEnv"]);
});
