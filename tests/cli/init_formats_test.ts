import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { parse as parseToml } from "smol-toml";
import { loadEditor } from "../../src/cli/init/client_text.ts";
import { type Answer, InitFixture, KEYS, removeDescriptions } from "./init_fixture.ts";
import { cpuMs } from "../cpu_time.ts";

const { enter, down } = KEYS;

/** Imports a file with `init --yes`; returns the servers, the rules of the agent and the output. */
async function importFile(
  name: string,
  content: unknown,
  from?: string,
): Promise<{ servers: Record<string, unknown>; developer: unknown; stderr: string }> {
  using fixture = new InitFixture({ [name]: content });
  const { code, stderr } = await fixture.run({
    yes: true,
    ...(from === undefined ? {} : { from }),
  });
  assert.equal(code, 0, stderr);
  const { mcpServers } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")));
  const { agents } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json")));
  return { servers: removeDescriptions(mcpServers), developer: agents.developer, stderr };
}

const CODEX = `# mine
model = "gpt"   # kept

[mcp_servers.files]
command = "npx"
args = ["-y", "files"]
env_vars = ["TOKEN"]
startup_timeout_sec = 20
enabled_tools = ["read"]

[mcp_servers.files.env]
LANG = "C"

[mcp_servers.web]
url = "https://example.com/mcp"
bearer_token_env_var = "WEB_TOKEN"
enabled = false

# about projects
[projects."/a.b"]
trust_level = "trusted"
`;

Deno.test("[init.formats] Codex's TOML and the keys that only Codex has are translated", async () => {
  const { servers, developer } = await importFile(".codex/config.toml", CODEX);
  assert.deepEqual(servers, {
    files: {
      command: "npx",
      args: ["-y", "files"],
      env: { LANG: "C" },
      gateway: { connect_timeout_ms: 20_000, inherit_env: ["TOKEN"] },
    },
    web: {
      url: "https://example.com/mcp",
      headers: { Authorization: "Bearer ${WEB_TOKEN}" },
      disabled: true,
    },
  });
  assert.deepEqual(developer, {
    allow: { servers: ["files", "web"], tools: { files: ["read"] } },
  });
});

Deno.test("[init.formats] httpUrl, bare variables and excluded tools of Gemini CLI are translated", async () => {
  const { servers, developer } = await importFile(".gemini/settings.json", {
    mcpServers: {
      web: { httpUrl: "https://example.com/mcp", url: "https://example.com/sse" },
      run: { command: "x", env: { KEY: "$API_KEY" }, trust: true, excludeTools: ["rm"] },
    },
  });
  assert.deepEqual(servers, {
    web: { url: "https://example.com/mcp" },
    run: { command: "x", env: { KEY: "${API_KEY}" }, trust: true },
  });
  assert.deepEqual(developer, {
    allow: { servers: ["web", "run"] },
    deny: { tools: { run: ["rm"] } },
  });
});

Deno.test("[init.formats] opencode's command list, environment and enabled are translated, in both of its files", async () => {
  const local = {
    type: "local",
    command: ["npx", "-y", "x"],
    environment: { KEY: "{env:API_KEY}" },
    enabled: true,
  };
  const expectedEntry = { command: "npx", args: ["-y", "x"], env: { KEY: "${API_KEY}" } };
  const disabledEntry = { type: "remote", url: "https://example.com/mcp", enabled: false };
  const fromJsonc = await importFile(".config/opencode/opencode.jsonc", {
    mcp: { local, off: disabledEntry },
  });
  assert.deepEqual(fromJsonc.servers, {
    local: expectedEntry,
    off: { url: "https://example.com/mcp", disabled: true },
  });
  const fromJson = await importFile(".config/opencode/opencode.json", {
    mcp: { servers: { local } },
  });
  assert.deepEqual(fromJson.servers, { local: expectedEntry });
});

Deno.test("[init.formats] the allowed tools of Copilot CLI become rules", async () => {
  const { servers, developer } = await importFile(".copilot/mcp-config.json", {
    mcpServers: {
      all: { type: "local", command: "x", args: [], tools: ["*"] },
      some: { type: "http", url: "https://example.com/mcp", tools: ["one"] },
    },
  });
  assert.deepEqual(servers, {
    all: { command: "x", args: [] },
    some: { type: "http", url: "https://example.com/mcp" },
  });
  assert.deepEqual(developer, {
    allow: { servers: ["all", "some"], tools: { some: ["one"] } },
  });
});

const FILES: readonly (readonly [client: string, file: string, content: unknown])[] = [
  ["Zed", "zed.json", { context_servers: { x: { source: "custom", command: "c", args: ["a"] } } }],
  ["an older Zed", "zed.json", {
    context_servers: { x: { command: { path: "c", args: ["a"] } } },
  }],
  ["Amp", "amp.json", { "amp.mcpServers": { x: { command: "c", args: ["a"] } } }],
  ["opencode", "o.json", { mcp: { x: { type: "local", command: ["c", "a"] } } }],
  ["VS Code's settings", "s.json", { mcp: { servers: { x: { command: "c", args: ["a"] } } } }],
  ["Grok CLI", "grok.toml", '[mcp_servers.x]\ncommand = "c"\nargs = ["a"]\n'],
  [
    "Goose",
    "goose.yaml",
    "extensions:\n  x:\n    type: stdio\n    cmd: c\n    args: [a]\n    bundled: null\n" +
    "  own:\n    type: builtin\n    name: own\n",
  ],
  ["Continue", "config.yml", "mcpServers:\n  - name: x\n    command: c\n    args:\n      - a\n"],
  ["an unknown client without a key for the servers", "bare.json", {
    x: { command: "c", args: ["a"] },
  }],
];

for (const [client, file, content] of FILES) {
  Deno.test(`[init.formats] [init.from] servers are imported from a file of ${client}`, async () => {
    const { servers } = await importFile(`../work/${file}`, content, `./${file}`);
    const { x } = servers as { x: { command: string; args: string[] } };
    assert.deepEqual([x.command, x.args], ["c", ["a"]]);
  });
}

Deno.test("[init.formats] Goose's secrets become variables, and its built-in extensions are skipped", async () => {
  const text = "extensions:\n  x:\n    type: streamable_http\n    uri: https://example.com/mcp\n" +
    "    enabled: false\n  y:\n    cmd: c\n    env_keys: [TOKEN]\n    envs: { A: b }\n" +
    "  own:\n    type: builtin\n";
  const { servers, stderr } = await importFile("../work/goose.yaml", text, "./goose.yaml");
  assert.deepEqual(servers, {
    x: { url: "https://example.com/mcp", disabled: true },
    y: { command: "c", env: { TOKEN: "${TOKEN}", A: "b" } },
  });
  assert.match(stderr, /left out "own", which is built into the client/);
  assert.match(stderr, /y: Goose reads TOKEN from its own secrets: set these variables/);
});

const INVALID_FILES: readonly (readonly [file: string, content: string, expected: RegExp])[] = [
  ["bad.yaml", "a: [1\nb: }\n", /bad\.yaml:\d+:\d+: not YAML: /],
  [
    "other.json",
    '{"a": 1}',
    /other\.json: it contains no list of servers: init looks for mcpServers, /,
  ],
  ["bad.toml", "a = \n", /bad\.toml:1:\d+: not TOML: /],
  [
    "circle.yaml",
    "mcpServers: &all\n  x: *all\n",
    /circle\.yaml: the value is nested too deeply, or contains itself/,
  ],
  ["deep.yaml", "[".repeat(5000), /deep\.yaml:1:\d+: not YAML: /],
  [
    "deep.toml",
    `[${"a.".repeat(20_000)}a]\n`,
    /deep\.toml: the value is nested too deeply, or contains itself/,
  ],
];

for (const [file, content, expected] of INVALID_FILES) {
  Deno.test(`[init.formats] [init.from] the invalid file ${file} is reported, and nothing is written`, async () => {
    using fixture = new InitFixture({ [`../work/${file}`]: content });
    const { code, stdout, stderr } = await fixture.run({ yes: true, from: `./${file}` });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, expected);
    assert.deepEqual(Object.keys(fixture.readFiles()), [`work/${file}`]);
  });
}

const FACE = /Show .* the tools of the servers directly/;

/** Answers that import every server, start none, and write the entry to every client. */
const WRITE_EVERYWHERE: readonly Answer[] = [
  [/Which servers go behind/, enter],
  [/Start .* once/, "n"],
  [/Which agents use the gateway/, enter],
  [/Which tools may developer call/, down + enter],
  [/into which clients/, `a${enter}`],
  [FACE, "n"],
];

Deno.test("[init.formats] [init.undo-client] the entry is written to Codex's file, and removed from it again", async () => {
  using fixture = new InitFixture({ ".codex/config.toml": CODEX });
  const { code, stdout, stderr } = await fixture.runAtTerminal([...WRITE_EVERYWHERE, [
    /Write ~.*\?/s,
    enter,
  ]]);
  assert.equal(code, 0, stderr);
  const text = fixture.read(".codex/config.toml");
  // The only change is a new table after the existing tables.
  assert.ok(text.startsWith(CODEX), text);
  const { mcp_servers: servers } = parseToml(text) as { mcp_servers: Record<string, unknown> };
  const args = [
    ...[
      "--mcp-config",
      fixture.gatewayPath(".mcp.json"),
      "--rules",
      fixture.gatewayPath(".mcp-gateway-rules.json"),
    ],
    ...["--agent", "developer"],
  ];
  assert.deepEqual(JSON.parse(JSON.stringify(servers.gateway)), {
    command: "/opt/agent-mcp-gateway",
    args,
  });
  assert.equal(stdout, "");
  // Codex changes the file in the meantime.
  const changedText = text.replace('"gpt"', '"gpt-2"') + '\n[projects."/new"]\ntrust_level = "x"\n';
  fixture.write(".codex/config.toml", changedText);
  const undone = await fixture.run({ undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  const expectedText = `${
    CODEX.replace('"gpt"', '"gpt-2"')
  }\n[projects."/new"]\ntrust_level = "x"\n`;
  assert.equal(fixture.read(".codex/config.toml"), expectedText);
});

Deno.test("[init.formats] a long line of Codex's file that is not a table is searched in linear time", async () => {
  const edit = await loadEditor("toml");
  const text = `x = """\n[${" ".repeat(20_000)}"""\n[ "a b" . c ] # d\ny = 1\n`;
  const startMs = cpuMs();
  const edited = edit(text, [{ at: ["a b", "c"], value: { z: 2 } }]);
  assert.ok(cpuMs() - startMs < 2000);
  assert.deepEqual(JSON.parse(JSON.stringify(parseToml(edited)["a b"])), { c: { z: 2 } });
});

Deno.test("[init.formats] an entry of the gateway in Codex's file is replaced in place", async () => {
  const oldEntry =
    '[mcp_servers.gw]\ncommand = "agent-mcp-gateway"\n\n[mcp_servers.gw.env]\nA = "1"\n';
  using fixture = new InitFixture({ ".codex/config.toml": `${oldEntry}\n# about\n[tui]\nx = 1\n` });
  const { code, stderr } = await fixture.runAtTerminal([
    [/Which agents use the gateway/, enter],
    [/into which clients/, `a${enter}`],
    [FACE, "n"],
    [/Write ~.*\?/s, enter],
  ]);
  assert.equal(code, 0, stderr);
  const text = fixture.read(".codex/config.toml");
  assert.match(
    text,
    /^\[mcp_servers\.gw\]\n[^]*\[mcp_servers\.gw\.env\]\nA = "1"\n\n# about\n\[tui\]\nx = 1\n$/,
  );
  assert.match(text, /"--agent", "developer" \]/);
});

Deno.test("[init.formats] nothing is written if a file cannot be edited line by line", async () => {
  using fixture = new InitFixture({
    ".codex/config.toml": 'mcp_servers = { a = { command = "x" } }\n',
  });
  const filesBefore = fixture.readFiles();
  const { code, stderr } = await fixture.runAtTerminal([...WRITE_EVERYWHERE, [
    /Write ~.*\?/s,
    enter,
  ]]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /config\.toml: the table \[mcp_servers\.gateway\] cannot be changed automatically/,
  );
  assert.deepEqual(fixture.readFiles(), filesBefore);
});

Deno.test("[init.formats] opencode and Copilot CLI get an entry in their format, and a client without a file gets a new file", async () => {
  using fixture = new InitFixture({
    ".config/opencode/opencode.json": '{\n  // kept\n  "theme": "x"\n}\n',
    ".copilot/config.json": {},
  });
  const { code, stderr } = await fixture.runAtTerminal([
    [/Which agents use the gateway/, enter],
    [/into which clients/, `a${enter}`],
    [/Write ~.*\?/s, enter],
  ]);
  assert.equal(code, 0, stderr);
  const opencode = fixture.read(".config/opencode/opencode.json");
  assert.match(opencode, /\/\/ kept/);
  const { type, command, enabled } = parse(opencode).mcp.gateway;
  assert.deepEqual([type, command[0], command.at(-1), enabled], [
    "local",
    "/opt/agent-mcp-gateway",
    "developer",
    true,
  ]);
  const copilot = JSON.parse(fixture.read(".copilot/mcp-config.json")).mcpServers.gateway;
  assert.deepEqual([copilot.type, copilot.tools], ["local", ["*"]]);
  const undone = await fixture.run({ undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  assert.deepEqual(Object.keys(fixture.readFiles()), [
    "home/.config/opencode/opencode.json",
    "home/.copilot/config.json",
  ]);
});

Deno.test("[init.formats] the entry is shown in the format of each installed client", async () => {
  using fixture = new InitFixture({
    ".claude.json": {},
    ".cursor/mcp.json": {},
    ".gemini/settings.json": {},
    [".config/Code/User/mcp.json"]: {},
    ".codex/config.toml": "",
    ".config/opencode/opencode.json": {},
    ".copilot/mcp-config.json": {},
  });
  const { stdout } = await fixture.run({ yes: true });
  const blocks = [...stdout.matchAll(/^# Entry for (.*)\n```(json|toml)\n([^]*?)```/gm)];
  assert.deepEqual(blocks.map(([, title, language]) => [title, language]), [
    ["Claude Code", "json"],
    ["Cursor, Gemini CLI", "json"],
    ["VS Code", "json"],
    ["Codex", "toml"],
    ["opencode", "json"],
    ["Copilot CLI", "json"],
  ]);
  for (const [, , language, text = ""] of blocks) {
    const value = language === "toml" ? parseToml(text) : JSON.parse(text);
    assert.match(JSON.stringify(value), /"gateway":\{.*"--agent","developer"\]/);
  }
});

Deno.test("[init.formats] alternative names of an entry's keys are translated", async () => {
  const entries = {
    local: {
      cmd: "x",
      arguments: ["a"],
      environmentVariables: { A: "b" },
      workingDirectory: "/w",
      isActive: true,
    },
    remote: { endpoint: "https://example.com", httpHeaders: { H: "h" }, active: false },
  };
  const { servers } = await importFile("other.json", { servers: entries }, "~/other.json");
  assert.deepEqual(servers, {
    local: { command: "x", args: ["a"], env: { A: "b" }, cwd: "/w" },
    remote: { url: "https://example.com", headers: { H: "h" }, disabled: true },
  });
});
