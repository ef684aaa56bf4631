import assert from "node:assert/strict";
import { runOnce } from "../e2e/run_once.ts";
import { HAS_NO_TERMINAL, runAtTerminal, Shell } from "./shell.ts";

Deno.test("[cli.help] every command is listed, and has help with an example", async () => {
  const { stdout } = await runOnce(["--help"]);
  const commandList = stdout.slice(stdout.indexOf("\nSET UP\n"), stdout.indexOf("\nFLAGS\n"));
  assert.doesNotMatch(commandList, /^MORE$/m, "each command has a group");
  const names = commandList.split("\n").flatMap((line) => /^ {2}([a-z]+) /.exec(line)?.[1] ?? []);
  for (
    const name of [
      ...["serve", "validate", "doctor", "explain", "tools", "call", "savings"],
      ...["init", "audit", "auth", "schema", "token", "permissions", "completions"],
    ]
  ) {
    assert.ok(names.includes(name), name);
  }
  const helpOutputs = await Promise.all(
    names.filter((name) => !["audit", "auth", "approvals"].includes(name)).map(async (name) => {
      return [name, await runOnce([name, "--help"])] as const;
    }),
  );
  for (const [name, { code, stdout, stderr }] of helpOutputs) {
    assert.deepEqual([code, stderr], [0, ""], name);
    assert.match(stdout, new RegExp(`Example: .*agent-mcp-gateway ${name}\\b`), name);
  }
});

Deno.test("[cli.help] every command line that requests a command's help prints the same text", async () => {
  const lines = ["doctor --help", "doctor -h", "help doctor", "--help doctor", "-h doctor"];
  const [firstOutput, ...otherOutputs] = await Promise.all(
    lines.map((line) => runOnce(line.split(" "))),
  );
  for (const { code, stdout, stderr } of otherOutputs) {
    assert.deepEqual([code, stdout, stderr], [0, firstOutput?.stdout, ""]);
  }
});

Deno.test("[cli.usage-errors] a command without its arguments shows an example", async () => {
  for (const line of ["call", "call files", "schema", "token", "completions", "auth login"]) {
    const { code, stdout, stderr } = await runOnce(line.split(" "));
    assert.deepEqual([code, stdout], [2, ""], line);
    const command = line.replace(" files", "");
    const example = new RegExp(
      `^Expected argument .*\\nExample: .*agent-mcp-gateway ${command}\\b.*\\n$`,
      "s",
    );
    assert.match(stderr, example, line);
    assert.equal(stderr.match(/Example/g)?.length, 1, line);
  }
});

Deno.test({
  name: "[cli.closed-pipe] a reader that stops early does not change the exit code of a command",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const agents = Object.fromEntries(
      Array.from({ length: 3000 }, (_, n) => [`agent-${n}`, { alow: 1 }]),
    );
    await using shell = new Shell();
    shell.setup.writeFile("broken.json", { agents });
    const validAgents = Object.fromEntries(Object.keys(agents).map((name) => [name, {}]));
    shell.setup.writeFile("many.json", { agents: validAgents });
    shell.setup.writeFile("one.json", { mcpServers: { a: { command: "true" } } });
    const script = (line: string) =>
      `"$@" ${line} 2>/dev/null | head -n 1 >/dev/null; ` +
      'echo "${PIPESTATUS[0]}"';
    const codes = await shell.bash([
      script("explain --all --rules many.json --mcp-config one.json"),
      script("validate --rules broken.json"),
      script("schema servers"),
      script("completions bash"),
    ].join("\n"));
    assert.equal(codes, "0\n1\n0\n0\n");
  },
});

Deno.test({
  name:
    "[cli.no-color] [cli.tables] at a terminal, output fits the width of the terminal, has colors unless NO_COLOR is set, and shows progress",
  ignore: HAS_NO_TERMINAL,
  fn: async () => {
    const names = Array.from({ length: 12 }, (_, n) => `server-number-${n}`);
    const servers = Object.fromEntries(names.map((name) => [name, { command: "no-such-program" }]));
    const greenAllow = "\x1b[32mallow\x1b[39m";
    await using shell = new Shell({ servers });
    const colored = await runAtTerminal(shell, "explain --all");
    assert.ok(colored.includes(greenAllow), colored);
    const lastServer = "server-number-11";
    assert.ok(colored.includes(lastServer));
    const progress = await runAtTerminal(shell, `doctor ${lastServer}`);
    assert.ok(progress.includes(`\r0/1 in 0 s; waiting for ${lastServer}\x1b[K`), progress);
    await using shellWithoutColor = new Shell({ servers, env: { NO_COLOR: "1" } });
    const text = await runAtTerminal(shellWithoutColor, "explain --all");
    assert.ok(!text.includes("\x1b[3"), text);
    // Deno itself sends control sequences to a terminal before the first line.
    const lines = text.slice(text.indexOf("SERVER")).split("\n").map((line) => line.trimEnd());
    assert.ok(lines.every((line) => line.length <= 60), text);
  },
});

/** Runs a command line at a terminal, presses Ctrl-C once it shows a text, and returns its output. */
async function interruptAt(shell: Shell, line: string, text: string): Promise<string> {
  return await shell.bash([
    'printf "%q " "$@" >program; >shown',
    `press() { until grep -aq ${JSON.stringify(text)} shown; do read -t 0.05 <> <(:); done; ` +
    "printf '\\003'; until grep -aq '^code ' shown; do read -t 0.05 <> <(:); done; }",
    "export -f press",
    "timeout 12 bash -c press | " +
    `timeout 14 script -qfec "$(cat program) ${line}; echo; echo code \$?" shown >/dev/null`,
    "cat shown",
  ].join("\n"));
}

Deno.test({
  name: "[cli.terminal] a start without arguments explains itself at a terminal only",
  ignore: HAS_NO_TERMINAL,
  fn: async () => {
    await using shell = new Shell({ servers: {}, rules: { agents: {} } });
    const output = await interruptAt(shell, "", "Ctrl-C ends it");
    assert.match(
      output,
      /Waiting for an MCP client on standard input.*\s+- agent-mcp-gateway init /,
    );
    const piped = await shell.run([]);
    assert.equal(piped.code, 0);
    assert.doesNotMatch(piped.stderr, /Waiting for an MCP client/);
  },
});
