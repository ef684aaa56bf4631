import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import {
  type Answer,
  BACKUP_SUFFIX,
  InitFixture,
  KEYS,
  removeDescriptions,
} from "./init_fixture.ts";

const { enter, space, down, interrupt, ctrlD } = KEYS;
const SERVERS = /Which servers go behind the gateway/;
const INSPECT = /Start .* once, to see what/;
const AGENTS = /Which agents use the gateway/;
const TOOLS = /Which tools may \S+ call/;
const CLIENTS = /into which clients/;
const FACE = /Show .* the tools of the servers directly/;
const REMOVE = /What about the servers that .* ha(?:s|ve) now/;
const CONFIRM = /Write ~.*\?/s;

/** Answers that start no server, so that the tools of the servers are unknown. */
const WITHOUT_START: readonly Answer[] = [[INSPECT, "n"], [AGENTS, enter], [TOOLS, down + enter]];

const CLAUDE = `{
  "numStartups": 3,
  "mcpServers": {
    "memory": {
      "type": "stdio",
      "command": "no-such-program"
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

function readGatewayFiles(
  fixture: InitFixture,
): { servers: Record<string, unknown>; agents: Record<string, unknown> } {
  return {
    servers: parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json"))).mcpServers,
    agents: parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json"))).agents,
  };
}

Deno.test("[init.untouched] [init.summary] if each answer is Enter, only the gateway's own files are written", async () => {
  using fixture = new InitFixture({ ".claude.json": CLAUDE, [VSCODE_PATH]: VSCODE });
  const { code, stdout, stderr, screen } = await fixture.runAtTerminal([
    [SERVERS, enter],
    [INSPECT, enter],
    [AGENTS, enter],
    [TOOLS, enter],
    [CLIENTS, enter],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(fixture.read(".claude.json"), CLAUDE);
  assert.equal(fixture.read(VSCODE_PATH), VSCODE);
  assert.match(screen, /space: choose, a: all or none, Enter: continue/);
  assert.doesNotMatch(screen, /to submit/);
  assert.match(
    screen,
    /near was for the project \/p only\. The gateway offers it in every project/,
  );
  // None of these programs exists, so their tools are unknown, and a person is asked before each call.
  const { agents } = readGatewayFiles(fixture);
  assert.deepEqual(agents, {
    developer: {
      allow: {
        servers: ["memory", "mine", "only", "near"],
        tools: { memory: [], mine: [], only: [], near: [] },
      },
      ask: { tools: { memory: ["*"], mine: ["*"], only: ["*"], near: ["*"] } },
    },
  });
  assert.match(stderr, /^ {2}~\/\.config\/agent-mcp-gateway\/\.mcp\.json \(the servers\)$/m);
  // The last lines show the next steps.
  const nextSteps = stderr.slice(stderr.indexOf("\nNext:\n") + 1);
  assert.deepEqual(nextSteps.split("\n"), [
    "Next:",
    "  1. Paste the entry above into Claude Code, VS Code",
    "  2. Run agent-mcp-gateway doctor: it starts each server and reports what is wrong",
    "  3. Approve changes in the client, or by: agent-mcp-gateway approvals --watch",
    '  4. Agents choose servers by "description": add one to memory, mine, only, near in ' +
    "~/.config/agent-mcp-gateway/.mcp.json",
    "  5. Remove the servers from Claude Code, VS Code: until then they load them as before",
    "  6. Restart the clients (approvals, runs without a terminal: docs/clients.md)",
    "To undo all of this: agent-mcp-gateway init --undo",
    "",
  ]);
  assert.match(stdout, /# Entry for Claude Code\n/);
  assert.match(stdout, /# Entry for VS Code\n/);
});

Deno.test("[init.questions] [init.client-entry] [init.take-out] [init.always-load] every server is moved from the clients to the gateway, and undo restores all files", async () => {
  using fixture = new InitFixture({ ".claude.json": CLAUDE, [VSCODE_PATH]: VSCODE });
  const { code, stdout, stderr } = await fixture.runAtTerminal([
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, `a${enter}`],
    [REMOVE, down + enter],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { servers, agents } = readGatewayFiles(fixture);
  const names = ["memory", "mine", "only", "near"];
  assert.deepEqual(Object.keys(servers), names);
  assert.deepEqual(agents, { developer: { allow: { servers: names } } });
  const args = [
    ...[
      "--mcp-config",
      fixture.gatewayPath(".mcp.json"),
      "--rules",
      fixture.gatewayPath(".mcp-gateway-rules.json"),
    ],
    ...["--agent", "developer"],
  ];
  const entry = { type: "stdio", command: "/opt/agent-mcp-gateway", args };
  assert.deepEqual(JSON.parse(fixture.read(".claude.json")), {
    numStartups: 3,
    mcpServers: { gateway: { ...entry, alwaysLoad: true } },
    projects: { "/p": { mcpServers: {} } },
  });
  const vscode = fixture.read(VSCODE_PATH);
  assert.ok(vscode.startsWith('{\n\t// asked for at the start\n\t"inputs": [{ "id": "token"'));
  assert.deepEqual(parse(vscode, [], { allowTrailingComma: true }).servers, {
    gateway: { ...entry, env: { TOKEN: "${input:token}" } },
  });
  assert.equal(fixture.read(`.claude.json${BACKUP_SUFFIX}`), CLAUDE);
  assert.equal(fixture.read(VSCODE_PATH + BACKUP_SUFFIX), VSCODE);
  assert.match(stderr, /^ {4}before: ~\/\.claude\.json\.backup-/m);
  // The entries have been written, so none has to be pasted.
  assert.equal(stdout, "");

  const undone = await fixture.run({ undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  assert.match(undone.stderr, /Restart the clients/);
  assert.deepEqual(fixture.readFiles(), {
    "home/.claude.json": CLAUDE,
    [`home/${VSCODE_PATH}`]: VSCODE,
  });
});

Deno.test("[init.questions] [init.agents] some servers, several agents, and an agent for each client can be chosen", async () => {
  using fixture = new InitFixture({
    ".claude.json": CLAUDE,
    ".cursor/mcp.json": { mcpServers: {} },
    ".gemini/settings.json": { theme: "x" },
  });
  const { code, stderr, stdout } = await fixture.runAtTerminal([
    // All are preselected; the second is deselected.
    [SERVERS, down + space + enter],
    [INSPECT, "n"],
    [AGENTS, `developer team.reader bad/name${enter}`],
    [/bad\/name is not an agent name: expected 1 to 128/, `${"\x7f".repeat(9)}${enter}`],
    [/Which servers may developer use/, enter],
    [TOOLS, down + enter],
    [/Which servers may team\.reader use/, space + enter],
    [TOOLS, enter],
    [/Which agent's rules apply to Claude Code\?/, enter],
    [/Which agent's rules apply to Cursor\?/, down + enter],
    [/Which agent's rules apply to Gemini CLI\?/, down + enter],
    [CLIENTS, space + down + space + enter],
    [REMOVE, enter],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { servers, agents } = readGatewayFiles(fixture);
  assert.deepEqual(Object.keys(servers), ["memory", "near"]);
  assert.deepEqual(agents, {
    developer: { allow: { servers: ["memory", "near"] } },
    "team.reader": {
      allow: { servers: ["near"], tools: { near: [] } },
      ask: { tools: { near: ["*"] } },
    },
  });
  const { mcpServers } = JSON.parse(fixture.read(".claude.json"));
  assert.deepEqual(Object.keys(mcpServers), ["memory", "mine", "gateway"]);
  assert.deepEqual(mcpServers.gateway.args.slice(-2), ["--agent", "developer"]);
  const cursor = JSON.parse(fixture.read(".cursor/mcp.json")).mcpServers.gateway;
  assert.deepEqual(cursor.args.slice(-2), ["--agent", "team.reader"]);
  const [, printed = ""] = /# Entry for Gemini CLI, agent team\.reader\n```json\n(.*?)```/s
    .exec(stdout) ?? [];
  assert.deepEqual(JSON.parse(printed).mcpServers.gateway.args.slice(-1), ["team.reader"]);
});

Deno.test("[init.collisions] different servers of one name are all offered", async () => {
  using fixture = new InitFixture({
    ".claude.json": { mcpServers: { one: { command: "npx", args: ["-y", "@x/first@1.2"] } } },
    ".cursor/mcp.json": { mcpServers: { one: { command: "uvx", args: ["second"] } } },
  });
  const { code, stderr, screen } = await fixture.runAtTerminal([
    [SERVERS, space + enter],
    ...WITHOUT_START,
    [CLIENTS, `a${enter}`],
    [REMOVE, down + enter],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  // The packages distinguish the servers, not the launchers.
  assert.match(screen, /@x\/first · Claude Code/);
  assert.match(screen, /one-cursor.*second · Cursor · called "one" there; another server has/);
  assert.deepEqual(removeDescriptions(readGatewayFiles(fixture).servers as never), {
    "one-cursor": { command: "uvx", args: ["second"] },
  });
  // The other server was not imported, so it stays in its file.
  assert.deepEqual(Object.keys(JSON.parse(fixture.read(".claude.json")).mcpServers), [
    "one",
    "gateway",
  ]);
});

Deno.test("[init.take-out] the question names only the clients whose files lose servers", async () => {
  using fixture = new InitFixture({
    ".cursor/mcp.json": { mcpServers: { one: { command: "x" } } },
    ".gemini/settings.json": { theme: "x" },
    ".codex/config.toml": '[mcp_servers.two]\ncommand = "y"\n',
  });
  const { code, stderr, screen } = await fixture.runAtTerminal([
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, `a${enter}`],
    [/What about the servers that Cursor has now/, down + enter],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(screen, /Remove it from Cursor: the gateway serves/);
  assert.match(screen, /Codex: init does not remove servers from this file\. Remove them yourself/);
  assert.match(fixture.read(".codex/config.toml"), /\[mcp_servers\.two\]/);
  assert.match(stderr, /Remove the servers from Codex: until then/);
});

Deno.test("[init.stranger] names in an untrusted file cannot move the cursor", async () => {
  const name = "near\x1b[2J\u202e";
  using fixture = new InitFixture({
    "../work/.mcp.json": { mcpServers: { [name]: { command: "npx", args: ["-y", "p\x1b[8m"] } } },
  });
  const { code, screen, stderr } = await fixture.runAtTerminal([
    [SERVERS, space + enter],
    [INSPECT, enter],
    [AGENTS, `developer other${enter}`],
    // The server could not be started, and so it is not preselected.
    [/Which servers may developer use/, space + enter],
    [TOOLS, enter],
    [/Which servers may other use/, space + enter],
    [TOOLS, enter],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(screen, /near\\x1b\[2J\\u202e/);
  for (const text of [screen, stderr]) {
    assert.ok(!text.includes("\x1b[2J\u202e") && !text.includes("\x1b[8m"), text);
  }
});

Deno.test("[init.agents] without any client, the entry of the first agent is printed, and the entries of the other agents are described", async () => {
  using fixture = new InitFixture();
  const { code, stdout } = await fixture.runAtTerminal([[AGENTS, `developer reviewer${enter}`], [
    CONFIRM,
    enter,
  ]]);
  assert.equal(code, 0);
  assert.match(stdout, /# Entry for your client, agent developer\n/);
  assert.equal(stdout.match(/# Entry/g)?.length, 1);
  assert.doesNotMatch(stdout, /Codex|Claude/);
  assert.match(stdout, /The entry below with --agent reviewer\n/);
});

Deno.test("[init.stranger] servers of the working folder are offered, but not preselected", async () => {
  using fixture = new InitFixture({
    "../work/.mcp.json": { mcpServers: { near: { command: "x" } } },
  });
  const { code } = await fixture.runAtTerminal([[SERVERS, enter], [AGENTS, enter], [
    CONFIRM,
    enter,
  ]]);
  assert.equal(code, 0);
  assert.deepEqual(readGatewayFiles(fixture).servers, {});
});

Deno.test("[init.client-entry] an existing entry keeps its name and its variables", async () => {
  const oldEntry = { command: "uvx", args: ["agent-mcp-gateway"], env: { KEY: "k" } };
  const otherEntry = { command: "x" };
  using fixture = new InitFixture({
    ".cursor/mcp.json": { mcpServers: { gw: oldEntry } },
    ".claude.json": { mcpServers: { gateway: otherEntry } },
  });
  const { code, stderr } = await fixture.runAtTerminal([
    [SERVERS, space + enter],
    [AGENTS, enter],
    [CLIENTS, `a${enter}`],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  const { mcpServers } = JSON.parse(fixture.read(".cursor/mcp.json"));
  assert.deepEqual(Object.keys(mcpServers), ["gw"]);
  assert.equal(mcpServers.gw.command, "/opt/agent-mcp-gateway");
  assert.deepEqual(mcpServers.gw.env, { KEY: "k" });
  // In Claude Code's file, another server already has the short name.
  const { mcpServers: claude } = JSON.parse(fixture.read(".claude.json"));
  assert.deepEqual(Object.keys(claude), ["gateway", "agent-mcp-gateway"]);
  assert.deepEqual(claude.gateway, otherEntry);
});

const CANCELS: readonly (readonly [action: string, answers: readonly Answer[]])[] = [
  ["Ctrl-C at the first question", [[SERVERS, interrupt]]],
  ["Ctrl-C at the last question", [
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, enter],
    [CONFIRM, interrupt],
  ]],
  ["Ctrl-D", [[SERVERS, enter], [INSPECT, "n"], [AGENTS, ctrlD]]],
  ['the answer "no"', [
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, enter],
    [CONFIRM, "n"],
  ]],
];

for (const [action, answers] of CANCELS) {
  Deno.test(`[init.cancel] ${action} writes nothing`, async () => {
    using fixture = new InitFixture({ ".claude.json": CLAUDE });
    const { code, stdout, stderr } = await fixture.runAtTerminal(answers);
    assert.deepEqual([code, stdout], [130, ""]);
    assert.match(stderr, /Cancelled: nothing has been written/);
    assert.deepEqual(fixture.readFiles(), { "home/.claude.json": CLAUDE });
  });
}

Deno.test("[init.undo-client] undo reverts only init's changes in a client's file that has changed since", async () => {
  using fixture = new InitFixture({ ".claude.json": CLAUDE });
  await fixture.runAtTerminal([
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, `a${enter}`],
    [REMOVE, down + enter],
    [FACE, "n"],
    [CONFIRM, enter],
  ]);
  fixture.write(".claude.json", fixture.read(".claude.json").replace(": 3,", ": 4,"));
  const { code, stderr } = await fixture.run({ undo: true });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Put back what init changed in .*; later changes stay/);
  assert.deepEqual(JSON.parse(fixture.read(".claude.json")), {
    ...JSON.parse(CLAUDE),
    numStartups: 4,
  });
});

Deno.test("[init.face] a client that searches for tools itself is offered the direct face", async () => {
  using fixture = new InitFixture({
    ".claude.json": { mcpServers: {} },
    ".cursor/mcp.json": { mcpServers: { one: { command: "x" } } },
  });
  const { code, stderr, screen } = await fixture.runAtTerminal([
    [SERVERS, enter],
    ...WITHOUT_START,
    [CLIENTS, `a${enter}`],
    [REMOVE, enter],
    [/Show Claude Code the tools/, enter],
    [CONFIRM, enter],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(withoutLineBreaks(screen), /definitions only when its model has searched for them/);
  const entryOf = (path: string) => JSON.parse(fixture.read(path)).mcpServers.gateway;
  const { args, alwaysLoad } = entryOf(".claude.json");
  assert.deepEqual(args.slice(-2), ["--face", "direct"]);
  // All definitions would be loaded.
  assert.equal(alwaysLoad, undefined);
  assert.equal(entryOf(".cursor/mcp.json").args.includes("--face"), false);
});

/** Returns a screen on which long questions are on one line. */
function withoutLineBreaks(screen: string): string {
  return screen.replace(/\s*\n[│\s]*/g, " ");
}
