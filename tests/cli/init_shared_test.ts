import assert from "node:assert/strict";
import { CLIENT_IDS } from "../../src/cli/init/clients.ts";
import { gatewayEntry } from "../../src/cli/init/client_entry.ts";
import { InitFixture, KEYS } from "./init_fixture.ts";

const { enter } = KEYS;
const COMMAND = "agent-mcp-gateway";

Deno.test("[init.shared] with --shared, each client's entry lets all clients share one gateway", async () => {
  const options = {
    launchCommand: ["/opt/agent-mcp-gateway"],
    files: { servers: "/s.json", rules: "/r.json" },
    agent: "developer",
  } as const;
  for (const client of CLIENT_IDS) {
    const hasFlag = (isShared: boolean) => {
      return JSON.stringify(gatewayEntry(client, { ...options, isShared })).includes('"--shared"');
    };
    assert.deepEqual([hasFlag(true), hasFlag(false)], [true, false], client);
  }
  using fixture = new InitFixture();
  fixture.write(".cursor/mcp.json", { mcpServers: { files: { command: "files" } } });
  const shared = await fixture.run({ yes: true, shared: true });
  assert.match(shared.stdout, /"--shared"/);
  assert.match(shared.stderr, /Choose servers that all windows may share, by "isolation" in ~/);
  const unshared = await fixture.run({ yes: true });
  assert.doesNotMatch(unshared.stdout + unshared.stderr, /--shared|isolation/);
  const { code, stderr } = await fixture.run({ undo: true, shared: true });
  assert.deepEqual([code, stderr], [2, "--undo can be combined with --yes only\n"]);
});

Deno.test("[init.shared] init --shared --yes adds --shared to the gateway's entries that lack it, and --undo removes it", async () => {
  const claude = `{
  // Comments stay.
  "mcpServers": {
    "gateway": { "command": "${COMMAND}", "args": ["--agent", "dev"], "env": { "A": "1" } },
    "other": { "command": "npx", "args": ["-y", "${COMMAND}", "--shared"] },
    "third": { "command": "${COMMAND}", "env": { "GATEWAY_SHARED": "1" } },
    "remote": { "url": "http://127.0.0.1:8080/mcp" }
  },
  "projects": { "/work": { "mcpServers": { "gateway": { "command": "${COMMAND}" } } } }
}
`;
  const codex = `[mcp_servers.gateway]\ncommand = "${COMMAND}"\nargs = ["--agent", "dev"]\n`;
  const opencode = { mcp: { gateway: { type: "local", command: [COMMAND, "--agent", "dev"] } } };
  using fixture = new InitFixture({
    ".claude.json": claude,
    ".codex/config.toml": codex,
    ".config/opencode/opencode.json": opencode,
  });
  const before = fixture.readFiles();
  const { code, stderr } = await fixture.run({ yes: true, shared: true });
  assert.equal(code, 0, stderr);
  const expected = claude.replace('"dev"]', '"dev", "--shared"]')
    .replace(
      /"command": "agent-mcp-gateway" \} \} \}/,
      '"command": "agent-mcp-gateway", "args": ["--shared"] } } }',
    );
  assert.equal(
    fixture.read(".claude.json").replace(/\s+/g, ""),
    expected.replace(/\s+/g, ""),
  );
  assert.match(fixture.read(".codex/config.toml"), /^args = \[ "--agent", "dev", "--shared" \]$/m);
  assert.deepEqual(JSON.parse(fixture.read(".config/opencode/opencode.json")).mcp.gateway.command, [
    COMMAND,
    "--agent",
    "dev",
    "--shared",
  ]);
  assert.match(stderr, /~\/\.claude\.json \(Claude Code: "gateway" got --shared\)\n +before: ~/);
  assert.doesNotMatch(stderr, /Nothing has changed|Add --shared/);
  // A second run has nothing to add.
  const files = fixture.readFiles();
  const again = await fixture.run({ yes: true, shared: true });
  assert.match(again.stderr, /Nothing has changed/);
  assert.deepEqual(fixture.readFiles(), files);
  assert.equal((await fixture.run({ undo: true, yes: true })).code, 0);
  for (const path of ["home/.claude.json", "home/.codex/config.toml"]) {
    assert.equal(fixture.readFiles()[path], before[path], path);
  }
});

Deno.test("[init.shared] entries to which init may not or cannot add --shared are named with what to do", async () => {
  using fixture = new InitFixture({
    ".cursor/mcp.json": {
      mcpServers: { gateway: { command: "sh", args: ["-c", `${COMMAND} --agent dev`] } },
    },
    ".codex/config.toml": `mcp_servers = { gateway = { command = "${COMMAND}" } }\n`,
    "../work/.vscode/mcp.json": { servers: { gateway: { command: COMMAND } } },
  });
  const before = fixture.readFiles();
  const { code, stderr } = await fixture.run({ yes: true, shared: true });
  assert.equal(code, 0, stderr);
  for (
    const shown of [/~\/\.cursor\/mcp\.json/, /~\/\.codex\/config\.toml/, /\.vscode\/mcp\.json/]
  ) {
    const step = new RegExp(
      `Add --shared to the gateway's arguments in "gateway" of .*${shown.source}`,
    );
    assert.match(stderr, step);
  }
  for (const [path, text] of Object.entries(before)) assert.equal(fixture.readFiles()[path], text);
  assert.doesNotMatch((await fixture.run({ yes: true })).stderr, /--shared/);
});

Deno.test("[init.shared] at a terminal, only the entries of chosen clients get --shared", async () => {
  const entry = { command: COMMAND, args: ["--agent", "developer"] };
  using fixture = new InitFixture({
    ".cursor/mcp.json": { mcpServers: { gateway: entry } },
    ".gemini/settings.json": { mcpServers: { gateway: entry } },
  });
  const { code, stderr } = await fixture.runAtTerminal([
    [/Which agents use the gateway/, enter],
    [/into which clients/, KEYS.space + enter],
    [/Write ~.*\?/s, enter],
  ], { shared: true });
  assert.equal(code, 0, stderr);
  assert.match(fixture.read(".cursor/mcp.json"), /"--shared"/);
  assert.doesNotMatch(fixture.read(".gemini/settings.json"), /--shared/);
  assert.match(stderr, /Add --shared to the gateway's arguments in "gateway" of ~\/\.gemini/);
  assert.doesNotMatch(stderr, /Add --shared .* ~\/\.cursor/);
});

Deno.test("[init.here] [init.summary] after --here, the next steps trust the files if the gateway finds them there", async () => {
  using fixture = new InitFixture();
  const trust = /Run agent-mcp-gateway trust here/;
  const steps = (await fixture.run({ yes: true, here: true })).stderr;
  assert.match(steps, trust);
  assert.ok(steps.search(trust) < steps.search(/agent-mcp-gateway doctor/), steps);
  assert.match(steps, /add yours to \S+\.mcp\.json, and allow/);
  const home = await fixture.run({ yes: true });
  assert.doesNotMatch(home.stderr, trust);
  assert.match(home.stderr, /add yours to ~\/\.config\/\S+, and allow them in ~\/\.config\//);
  // The gateway prefers the files of the home folder, so there is nothing to trust.
  assert.doesNotMatch((await fixture.run({ yes: true, here: true })).stderr, trust);
});
