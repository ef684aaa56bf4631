import assert from "node:assert/strict";
import { runOnce } from "../e2e/run_once.ts";
import { isInstalled } from "../installed.ts";
import { Shell } from "./shell.ts";

const SERVERS = { files: { command: "true" }, "a:b": { command: "true" } };
const RULES = { agents: { reader: {}, writer: {} } };

Deno.test({
  name: "[cli.completions] bash completes commands, flags, servers and agents",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using shell = new Shell({ servers: SERVERS, rules: RULES });
    const lines: readonly (readonly [line: string, replies: string])[] = [
      [
        "",
        "init validate doctor trust savings explain test replay suggest tools call approvals pin serve refresh ps down logs auth token permissions audit schema completions",
      ],
      ["ex", "explain"],
      ["audit ", "stats tail"],
      ["explain --agent ", "reader writer"],
      ["explain --agent r", "reader"],
      ["explain --agent=w", "writer"],
      ["explain --agent reader --server ", "files a:b"],
      ["doctor f", "files"],
      ["doctor a:", "b"],
      ["call fi", "files"],
      ["validate --s", "--strict"],
      ["tools --detail ", "full types signatures names"],
      ["schema ", "servers rules tests"],
      ["completions ", "bash zsh fish powershell"],
      ["--default", "--default-agent"],
      ["nonsense ", ""],
    ];
    // Calls the completion as bash does when Tab is pressed.
    const script = [
      'program=("$@")',
      'agent-mcp-gateway() { "${program[@]}" "$@"; }',
      "source <(agent-mcp-gateway completions bash)",
      'complete -p agent-mcp-gateway >/dev/null || echo "not registered"',
      'try() { COMP_LINE="agent-mcp-gateway $1"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()',
      '  _agent_mcp_gateway agent-mcp-gateway; echo "${COMPREPLY[*]}"; }',
      ...lines.map(([line]) => `try "${line}"`),
    ].join("\n");
    const output = (await shell.bash(script)).split("\n");
    for (const [index, [line, replies]] of lines.entries()) {
      assert.deepEqual([line, output[index]], [line, replies]);
    }
  },
});

/** The command that checks the syntax of a script, for each shell that has one. */
const SYNTAX_CHECKS: Readonly<Record<string, readonly string[]>> = {
  bash: ["bash", "-n"],
  zsh: ["zsh", "-n"],
  fish: ["fish", "--no-execute"],
};

for (const shell of ["bash", "zsh", "fish", "powershell"]) {
  const behavior = shell in SYNTAX_CHECKS ? "is valid and calls the program" : "calls the program";
  Deno.test(`[cli.completions] the script for ${shell} ${behavior}`, async () => {
    const { code, stdout, stderr } = await runOnce(["completions", shell]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /agent-mcp-gateway/);
    assert.match(stdout, /__complete/);
    const [program, ...args] = SYNTAX_CHECKS[shell] ?? [];
    if (program === undefined || !isInstalled(program)) return;
    const file = Deno.makeTempFileSync();
    try {
      Deno.writeTextFileSync(file, stdout);
      const { success } = await new Deno.Command(program, { args: [...args, file] }).output();
      assert.ok(success);
    } finally {
      Deno.removeSync(file);
    }
  });
}

Deno.test("[cli.completions] an invalid rules file yields no completions and no error, and a missing or unknown name is a usage error", async () => {
  const completionWords = ["__complete", "explain", "--agent", ""];
  const { code, stdout, stderr } = await runOnce(completionWords, { rules: "{" });
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  for (const args of [["completions"], ["completions", "tcsh"], ["schema", "agents"]]) {
    const output = await runOnce(args);
    assert.deepEqual([output.code, output.stdout], [2, ""], args.join(" "));
  }
});
