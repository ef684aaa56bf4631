import assert from "node:assert/strict";
import { VERSION } from "./gateway_command.ts";
import { runOnce } from "./run_once.ts";

const SERVE_FLAGS = [
  "--mcp-config",
  "--rules",
  "--agent",
  "--default-agent",
  "--transport",
  "--host",
  "--port",
  "--audit-log",
  "--init-strategy",
  "--debug",
  "--log-level",
  "--log-format",
];

Deno.test("[cli.help] --help names serve, and serve --help names the flags and their environment variables", async () => {
  for (const args of [["serve", "--help"], ["--help"]]) {
    const { code, stdout } = await runOnce(args);
    assert.equal(code, 0);
    assert.match(stdout, /agent-mcp-gateway/);
    assert.match(stdout, /\bserve\b/);
    if (args[0] !== "serve") continue;
    for (const flag of SERVE_FLAGS) {
      const variable = `GATEWAY_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
      assert.ok(stdout.includes(flag), flag);
      assert.ok(stdout.includes(variable), variable);
    }
  }
});

Deno.test("[cli.version] --version prints only the version", async () => {
  const { code, stdout } = await runOnce(["--version"]);
  assert.deepEqual([code, stdout], [0, VERSION]);
});

const WRONG_COMMAND_LINES: readonly (readonly string[])[] = [
  ["--no-such-flag"],
  ["serve", "--no-such-flag"],
  ["no-such-command"],
  ["serve", "too", "many"],
  ["--agent"],
  ["--port", "x"],
  ["--port", "70000"],
  ["--transport", "pigeon"],
  ["--init-strategy", "soon"],
  ["--log-level", "loud"],
  ["--log-format", "xml"],
  ["--agent", "two words"],
  ["--agent", ""],
];

Deno.test("[cli.usage-errors] a wrong command line is reported on stderr, with exit code 2", async () => {
  const results = await Promise.all(WRONG_COMMAND_LINES.map((args) => runOnce(args)));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    const commandLine = WRONG_COMMAND_LINES[index]?.join(" ");
    assert.deepEqual([code, stdout], [2, ""], commandLine);
    assert.notEqual(stderr, "", commandLine);
    assert.doesNotMatch(stderr, /^\s+at /m, commandLine);
  }
});

Deno.test("[cli.config-errors] invalid environment variables are named, with exit code 1", async () => {
  const env = { GATEWAY_PORT: "x", GATEWAY_DEBUG: "maybe", GATEWAY_TRANSPORT: "pigeon" };
  const { code, stdout, stderr } = await runOnce([], { env });
  assert.deepEqual([code, stdout], [1, ""]);
  for (const name of Object.keys(env)) assert.ok(stderr.includes(name), name);
});

const BROKEN_SERVERS = `{
  "mcpServers": {
    "both": { "command": "x", "url": "https://example.com/mcp" },
    "neither": {},
    "odd": { "command": "x", "gateway": { "isolated": true } }
  }
}`;
const BROKEN_RULES = `{
  // comments are fine
  "agents": { "a": { "allow": { "server": ["*"] } }, "b": { "deny": { "tools": ["x"] } } }
}`;

const ALL_ERRORS_TITLE =
  "[cli.config-errors] [config.all-errors-at-once] [servers.both-or-neither] " +
  "[servers.gateway-strict] [rules.strict] all errors are reported at once";
Deno.test(ALL_ERRORS_TITLE, async () => {
  const { code, stdout, stderr } = await runOnce([], {
    servers: BROKEN_SERVERS,
    rules: BROKEN_RULES,
  });
  assert.deepEqual([code, stdout], [1, ""]);
  const positions = [
    ".mcp.json:3:",
    ".mcp.json:4:",
    ".mcp.json:5:",
    ".mcp-gateway-rules.json:3:",
    "mcpServers.both",
    "mcpServers.neither",
    "mcpServers.odd.gateway.isolated",
    "agents.a.allow.server",
    "agents.b.deny.tools",
  ];
  for (const position of positions) {
    assert.ok(stderr.includes(position), `${position} in ${stderr}`);
  }
  assert.doesNotMatch(stderr, /^\s+at /m);
});

Deno.test("[cli.config-errors] [config.strict-json] files that are missing or not JSON are reported", async () => {
  const missingFiles = await runOnce([
    "--mcp-config",
    "no/such.json",
    "--rules",
    "~/no-rules.json",
  ]);
  assert.deepEqual([missingFiles.code, missingFiles.stdout], [1, ""]);
  assert.match(missingFiles.stderr, /no\/such\.json/);
  assert.match(missingFiles.stderr, /no-rules\.json/);
  const brokenFiles = await runOnce([], { servers: '{"mcpServers": {},,}', rules: "{" });
  assert.deepEqual([brokenFiles.code, brokenFiles.stdout], [1, ""]);
  assert.match(brokenFiles.stderr, /\.mcp\.json:1:19/);
  assert.match(brokenFiles.stderr, /\.mcp-gateway-rules\.json:1:/);
});

Deno.test("[nesting.depth] a gateway that is nested in three other gateways does not start", async () => {
  const { code, stdout, stderr } = await runOnce([], { env: { GATEWAY_DEPTH: "3" } });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /started one another/);
});
