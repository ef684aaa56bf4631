import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { targetOf } from "../../src/cli/init/suggest_description.ts";
import type { InspectedServer } from "../../src/cli/init/inspect_servers.ts";
import { mergeServers } from "../../src/cli/init/merge_servers.ts";
import { addDescriptions, type Plan } from "../../src/cli/init/plan.ts";
import { nextText } from "../../src/cli/init/summary.ts";
import { InitFixture, KEYS } from "./init_fixture.ts";

const { enter, space, down } = KEYS;
const SERVERS = /Which servers go behind the gateway/;
const INSPECT = /Start .* once, to see what/;
const AGENTS = /Which agents use the gateway/;
const TOOLS = /Which tools may \S+ call/;
const CLIENTS = /into which clients/;
const FACE = /Show .* the tools of the servers directly/;
const CONFIRM = /Write ~.*\?/s;

const CLAUDE = { mcpServers: { memory: { command: "x" }, files: { command: "y" } } };
const CURSOR = { mcpServers: { memory: { command: "x" } } };

/** The program as installed by npm. */
const NPM = {
  run: {
    launcher: JSON.stringify([
      "/usr/bin/node",
      "/usr/lib/node_modules/agent-mcp-gateway/launcher.cjs",
    ]),
    standalone: false,
    execPath: "/usr/bin/deno",
    mainModule: "file:///usr/lib/node_modules/agent-mcp-gateway/agent-mcp-gateway.js",
    windows: false,
  },
  program: {},
};

Deno.test("[init.self] [init.summary] [init.agents] a second run skips the gateway's own entries and changes no file but the journal", async () => {
  using fixture = new InitFixture({ ".claude.json": CLAUDE, ".cursor/mcp.json": CURSOR });
  const firstRun = await fixture.runAtTerminal(
    [
      [SERVERS, enter],
      [INSPECT, "n"],
      [AGENTS, `careful free${enter}`],
      // The careful agent may not use the first server.
      [/Which servers may careful use/, space + enter],
      [TOOLS, down + enter],
      [/Which servers may free use/, enter],
      [TOOLS, down + enter],
      [/Which agent's rules apply to Claude Code/, enter],
      [/Which agent's rules apply to Cursor/, down + enter],
      [CLIENTS, `a${enter}`],
      [/What about the servers/, down + enter],
      [FACE, "n"],
      [CONFIRM, enter],
    ],
    {},
    NPM,
  );
  assert.equal(firstRun.code, 0, firstRun.stderr);
  assert.match(firstRun.screen, /If they are removed, Claude Code will no longer reach: memory/);
  assert.doesNotMatch(firstRun.screen, /Cursor will no longer reach/);
  const filesBefore = fixture.readFiles();
  const secondRun = await fixture.runAtTerminal(
    [
      [INSPECT, "n"],
      [AGENTS, enter],
      [/Which agent's rules apply to Claude Code/, enter],
      // Enter keeps the agent of the existing entry, which is the second.
      [/Which agent's rules apply to Cursor/, enter],
      [CLIENTS, `a${enter}`],
      [FACE, "n"],
      [CONFIRM, enter],
    ],
    {},
    NPM,
  );
  assert.equal(secondRun.code, 0, secondRun.stderr);
  assert.equal(secondRun.stderr.match(/"gateway", which is the gateway itself/g)?.length, 2);
  const cursor = JSON.parse(fixture.read(".cursor/mcp.json")).mcpServers;
  assert.deepEqual(cursor.gateway.args.slice(-2), ["--agent", "free"]);
  const { mcpServers } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")));
  assert.deepEqual(Object.keys(mcpServers), ["memory", "files"]);
  assert.doesNotMatch(secondRun.stderr, /Remove the servers|Paste|No server was imported/);
  assert.equal(secondRun.stdout, "");
  for (const [path, text] of Object.entries(filesBefore)) {
    if (!path.endsWith("journal.json")) assert.equal(fixture.readFiles()[path], text, path);
  }
});

Deno.test("[init.questions] the pick list shows the package, folder and client of every server", async () => {
  const files = (folder: string) => ({
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-filesystem", folder],
  });
  using fixture = new InitFixture();
  fixture.write(".claude.json", { mcpServers: { filesystem: files(fixture.pathOf("notes")) } });
  fixture.write(".cursor/mcp.json", { mcpServers: { filesystem: files(fixture.pathOf("code")) } });
  const { screen } = await fixture.runAtTerminal([[SERVERS, `aa${KEYS.interrupt}`]]);
  const finalScreen = screen.slice(screen.lastIndexOf("filesystem-cursor") - 200);
  assert.match(finalScreen, /server-filesystem · ~\/code · Cursor/);
  assert.match(screen, /server-filesystem · ~\/notes · Claude Code/);
});

Deno.test("[init.describe] servers of the same program are distinguished by their folders, or reported as having the same description", () => {
  const file = { title: "Cursor", path: "/c", scope: "user", hasProjects: false, shown: "~/c" };
  const foundServer = (name: string, ...args: string[]) => ({
    name,
    entry: { command: "npx", args: ["-y", "server", ...args] },
    file: { ...file, language: "json", isNew: false, entryName: "gateway" } as never,
    at: ["mcpServers", name],
    notes: [],
    inputs: [],
    deniedTools: [],
  });
  const offered = mergeServers([
    foundServer("files", "/home/me/notes"),
    foundServer("code", "/home/me/code"),
    foundServer("left", "--verbose"),
    foundServer("right"),
  ], {});
  const describedServer: InspectedServer = {
    title: "files-server",
    instructions: "Reads files.",
    tools: [],
  };
  const titledServer: InspectedServer = {
    title: "memory",
    tools: [{ name: "t", annotations: {} }],
  };
  const inspectedServers = new Map([["files", describedServer], ["code", describedServer], [
    "left",
    titledServer,
  ], ["right", titledServer]]);
  const servers = addDescriptions(offered, { inspectedServers, home: "/home/me" });
  assert.deepEqual(servers.map(({ entry }) => entry.description), [
    "Reads files. For ~/notes",
    "Reads files. For ~/code",
    "memory",
    "memory",
  ]);
  const plan: Plan = {
    servers,
    agents: [],
    unchangedAgents: [],
    clients: [],
    agentByClient: new Map(),
  };
  const files = { servers: "/home/me/s", rules: "/home/me/r" };
  const options = {
    writtenFiles: [],
    files,
    clients: [],
    clientsWithEntry: [],
    sharedFiles: [],
    unsharedFiles: [],
    isShared: false,
    needsTrust: false,
    existingServers: 0,
    home: "/home/me",
  };
  const next = nextText(plan, { ...options, hasAsked: true });
  assert.match(next, /left, right have the same "description": say in ~\/s how they differ/);
  assert.doesNotMatch(next, /files, code/);
});

Deno.test("[init.describe] [init.secrets] the described target of a server is its folder or address, without secrets", () => {
  const target = (command: string, ...args: string[]) => targetOf({ command, args }, "/home/me");
  assert.equal(target("npx", "-y", "x", "/home/me/notes"), "~/notes");
  assert.equal(target("npx", "-y", "x", "/home/meadow"), "/home/meadow");
  assert.equal(target("npx", "-y", "x", "--db=/data/a.db", "/b", "/c"), "/data/a.db and 2 more");
  assert.equal(target("node", "/srv/server/dist/index.js", "./data"), "./data");
  assert.equal(target("node", "/srv/node_modules/x/cli"), "");
  assert.equal(target("docker", "run", "-v", "/home/me/d:/d", "mcp/files"), "~/d");
  assert.equal(target("npx", "mcp-remote", "https://example.com/mcp?key=1"), "example.com/mcp");
  assert.equal(target("npx", "pg", "postgres://me:secret@db.example/shop"), "db.example/shop");
  assert.equal(target("npx", "x", "--api-key", "/not/a/path"), "");
  assert.equal(targetOf({ url: "https://me:pw@example.com/a?t=1" }, ""), "example.com/a");
});

Deno.test("[init.look] a failure longer than a line keeps the leading bar and is not cut", async () => {
  const command = `/no/such/folder/${"long-name/".repeat(6)}program`;
  using fixture = new InitFixture({ ".cursor/mcp.json": { mcpServers: { gone: { command } } } });
  const { screen } = await fixture.runAtTerminal([
    [SERVERS, enter],
    [INSPECT, enter],
    [AGENTS, KEYS.interrupt],
  ]);
  // deno-lint-ignore no-control-regex
  const lines = screen.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, "").split("\n");
  const start = lines.findIndex((line) => line.includes("✗ gone: failed:"));
  const end = lines.findIndex((line, index) => index > start && /^│?\s*$/.test(line));
  const failure = lines.slice(start, end);
  assert.ok(failure.length > 1, failure.join("\n"));
  assert.ok(failure.slice(1).every((line) => line.startsWith("│  ")), failure.join("\n"));
  assert.ok(failure.join("").includes("program"), failure.join("\n"));
  assert.ok(!failure.join("").includes("…"), failure.join("\n"));
});
