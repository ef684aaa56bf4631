import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { type Answer, BACKUP, KEYS, Scene } from "./init_scene.ts";

const { enter, space, down, interrupt, end } = KEYS;
const SERVERS = /Which servers shall go behind/;
const AGENTS = /Which agents will use it/;
const TOOLS = /Which tools may \S+ call/;
const CLIENTS = /Into which clients/;
const STAYING = /What becomes of the servers/;
const SURE = /Write .*\?/s;

const CLAUDE = `{
  "numStartups": 3,
  "mcpServers": {
    "memory": {
      "type": "stdio",
      "command": "npx"
    },
    "mine": { "command": "x" }
  },
  "projects": { "/p": { "mcpServers": { "near": { "command": "n" } } } }
}
`;

const VSCODE = `{
\t// asked for at the start
\t"inputs": [{ "id": "token", "type": "promptString" }],
\t"servers": {
\t\t"only": { "command": "o", "env": { "T": "\${input:token}" }, },
\t},
}
`;

const VSCODE_PATH = ".config/Code/User/mcp.json";

function ownFiles(
  scene: Scene,
): { servers: Record<string, unknown>; agents: Record<string, unknown> } {
  return {
    servers: parse(Deno.readTextFileSync(scene.own(".mcp.json"))).mcpServers,
    agents: parse(Deno.readTextFileSync(scene.own(".mcp-gateway-rules.json"))).agents,
  };
}

Deno.test("[init.questions] [init.client-entry] [init.take-out] [init.always-load] everything taken over", async () => {
  using scene = new Scene({ ".claude.json": CLAUDE, [VSCODE_PATH]: VSCODE });
  const { code, stdout, stderr } = await scene.ask([
    [SERVERS, enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [STAYING, enter],
    [SURE, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { servers, agents } = ownFiles(scene);
  const names = ["memory", "mine", "only", "near"];
  assert.deepEqual(Object.keys(servers), names);
  assert.deepEqual(agents, { developer: { allow: { servers: names } } });
  const args = [
    ...["--mcp-config", scene.own(".mcp.json"), "--rules", scene.own(".mcp-gateway-rules.json")],
    ...["--agent", "developer"],
  ];
  const entry = { type: "stdio", command: "/opt/agent-mcp-gateway", args };
  assert.deepEqual(JSON.parse(scene.read(".claude.json")), {
    numStartups: 3,
    mcpServers: { "agent-mcp-gateway": { ...entry, alwaysLoad: true } },
    projects: { "/p": { mcpServers: {} } },
  });
  const vscode = scene.read(VSCODE_PATH);
  assert.ok(vscode.startsWith('{\n\t// asked for at the start\n\t"inputs": [{ "id": "token"'));
  assert.deepEqual(parse(vscode, [], { allowTrailingComma: true }).servers, {
    "agent-mcp-gateway": { ...entry, env: { TOKEN: "${input:token}" } },
  });
  assert.equal(scene.read(`.claude.json${BACKUP}`), CLAUDE);
  assert.equal(scene.read(VSCODE_PATH + BACKUP), VSCODE);
  assert.ok(stderr.includes(scene.at(`.claude.json${BACKUP}`)));
  assert.match(stdout, /# Entry for Claude Code\n/);
  assert.match(stdout, /# Entry for VS Code\n/);

  const undone = await scene.run({ undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  assert.deepEqual(scene.files(), {
    "home/.claude.json": CLAUDE,
    [`home/${VSCODE_PATH}`]: VSCODE,
  });
});

Deno.test("[init.questions] some servers, several agents, fewer tools, the servers left beside", async () => {
  using scene = new Scene({ ".claude.json": CLAUDE });
  const { code, stderr } = await scene.ask([
    // All are offered as chosen: the second is not wanted.
    [SERVERS, down + space + enter],
    [AGENTS, ` team.reader bad/name${enter}`],
    [/bad\/name is no agent name: expected 1 to 128/, `${"\x7f".repeat(9)}${enter}`],
    [/Which servers may developer use/, enter],
    [TOOLS, down + enter],
    [/Which servers may team\.reader use/, space + enter],
    [TOOLS, down + down + enter],
    [CLIENTS, enter],
    [STAYING, down + enter],
    [SURE, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { servers, agents } = ownFiles(scene);
  assert.deepEqual(Object.keys(servers), ["memory", "near"]);
  assert.deepEqual(Object.keys(agents), ["developer", "team.reader"]);
  const { developer, "team.reader": reader } = agents as Record<string, {
    allow: { servers: string[]; tools?: Record<string, string[]> };
    deny: { tools: Record<string, string[]> };
  }>;
  assert.deepEqual(developer?.allow, { servers: ["memory", "near"] });
  assert.ok(developer?.deny.tools["*"]?.includes("*delete*"));
  assert.deepEqual(reader?.allow.servers, ["near"]);
  assert.ok(reader?.allow.tools?.["*"]?.includes("get*"));
  const { mcpServers } = JSON.parse(scene.read(".claude.json"));
  assert.deepEqual(Object.keys(mcpServers), ["memory", "mine", "agent-mcp-gateway"]);
  // With several agents each must say who it is.
  assert.ok(!mcpServers["agent-mcp-gateway"].args.includes("--agent"));
});

Deno.test("[init.collisions] which of two is asked", async () => {
  using scene = new Scene({
    ".claude.json": { mcpServers: { one: { command: "first" } } },
    ".cursor/mcp.json": { mcpServers: { one: { command: "second" } } },
  });
  const { code, stderr } = await scene.ask([
    [SERVERS, enter],
    [/There are 2 servers named one/, down + enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [STAYING, enter],
    [SURE, enter],
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(ownFiles(scene).servers, { one: { command: "second" } });
  // The other one was not taken over, so it stays where it is.
  assert.deepEqual(JSON.parse(scene.read(".claude.json")).mcpServers, {
    one: { command: "first" },
  });
});

Deno.test("[init.stranger] servers of the working folder are offered, not chosen", async () => {
  using scene = new Scene({ "../work/.mcp.json": { mcpServers: { near: { command: "x" } } } });
  const { code } = await scene.ask([[SERVERS, enter], [AGENTS, enter], [SURE, enter]]);
  assert.equal(code, 0);
  assert.deepEqual(ownFiles(scene).servers, {});
});

Deno.test("[init.client-entry] an entry that is there already keeps its name and its variables", async () => {
  const old = { command: "uvx", args: ["agent-mcp-gateway"], env: { KEY: "k" } };
  using scene = new Scene({ ".cursor/mcp.json": { mcpServers: { gw: old } } });
  const { code, stderr } = await scene.ask([
    [AGENTS, enter],
    [CLIENTS, space + enter],
    [SURE, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { mcpServers } = JSON.parse(scene.read(".cursor/mcp.json"));
  assert.deepEqual(Object.keys(mcpServers), ["gw"]);
  assert.equal(mcpServers.gw.command, "/opt/agent-mcp-gateway");
  assert.deepEqual(mcpServers.gw.env, { KEY: "k" });
});

const CANCELS: readonly (readonly [how: string, answers: readonly Answer[]])[] = [
  ["Ctrl-C at the first question", [[SERVERS, interrupt]]],
  ["Ctrl-C at the last question", [
    [SERVERS, enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [STAYING, enter],
    [SURE, interrupt],
  ]],
  ["Ctrl-D", [[SERVERS, enter], [AGENTS, end]]],
  ["a no", [
    [SERVERS, enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [STAYING, enter],
    [SURE, "n"],
  ]],
];

for (const [how, answers] of CANCELS) {
  Deno.test(`[init.cancel] ${how} writes nothing`, async () => {
    using scene = new Scene({ ".claude.json": CLAUDE });
    const { code, stdout, stderr } = await scene.ask(answers);
    assert.deepEqual([code, stdout], [130, ""]);
    assert.match(stderr, /Cancelled: nothing has been written/);
    assert.deepEqual(scene.files(), { "home/.claude.json": CLAUDE });
  });
}

Deno.test("[init.undo-client] of a client's file that lives on only init's part is undone", async () => {
  using scene = new Scene({ ".claude.json": CLAUDE });
  await scene.ask([
    [SERVERS, enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [STAYING, enter],
    [SURE, enter],
  ]);
  scene.write(".claude.json", scene.read(".claude.json").replace(": 3,", ": 4,"));
  const { code, stderr } = await scene.run({ undo: true });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Put back what init changed in .*; later changes stay/);
  assert.deepEqual(JSON.parse(scene.read(".claude.json")), {
    ...JSON.parse(CLAUDE),
    numStartups: 4,
  });
});
