import assert from "node:assert/strict";
import { join } from "node:path";
import { LOCAL_COMMANDS } from "./every_command.ts";
import { misbehavingServer } from "./gateway.ts";
import {
  environmentWithoutDeno,
  type GatewayCommand,
  gatewayCommandLine,
} from "./gateway_command.ts";
import { Program } from "./program.ts";
import { RawClient } from "./raw_client.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** Whether the command `script` of util-linux, which provides a pseudo-terminal, is installed. */
const HAS_SCRIPT_COMMAND = await hasScriptCommand();

async function hasScriptCommand(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const args = ["-c", "script --version | grep -q util-linux"];
  return (await new Deno.Command("sh", { args, stdout: "null", stderr: "null" }).output()).success;
}

/**
 * Runs `init` at a pseudo-terminal, and answers every question with Enter.
 *
 * @returns Everything that the terminal showed.
 */
async function runInitWithDefaults(setup: Setup, command: GatewayCommand): Promise<string> {
  const commandLine = [...await gatewayCommandLine(command), "init"];
  const shellCommand = commandLine.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const program = new Program({
    command: "script",
    args: ["-qec", `stty cols 100 rows 40; ${shellCommand}`, "/dev/null"],
    cwd: setup.workingFolder,
    env: { ...setup.env, TERM: "xterm-256color", SHELL: "/bin/sh" },
  });
  let output = "";
  program.onLine = (line) => output += `${line}\n`;
  for (let answerCount = 0; !program.hasEnded; answerCount++) {
    assert.ok(answerCount < 30, `init asks too many questions:\n${output}`);
    // The terminal shows ◆ before an open question.
    const isAskingOrEnded = () => {
      return program.hasEnded || (output.match(/◆/g)?.length ?? 0) > answerCount;
    };
    await waitUntil(`question ${answerCount + 1}, after:\n${output}`, isAskingOrEnded);
    if (!program.hasEnded) await program.write("\r");
  }
  const { code } = await program.waitForEnd();
  assert.equal(code, 0, output);
  return output;
}

/** Runs a command without a terminal, and returns its outputs. */
async function runCommand(
  setup: Setup,
  { command, args }: { readonly command: GatewayCommand; readonly args: readonly string[] },
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const [executable, ...commandArgs] = await gatewayCommandLine(command);
  const program = new Program({
    command: executable,
    args: [...commandArgs, ...args],
    cwd: setup.workingFolder,
    env: setup.env,
  });
  let stdout = "";
  program.onLine = (line) => stdout += `${line}\n`;
  await program.closeInput();
  const { code } = await program.waitForEnd();
  assert.equal(code, 0, program.stderr);
  return { stdout, stderr: program.stderr };
}

/** Allows the call that waits, as a person does at the shell. */
async function allowWaitingCall(setup: Setup, command: GatewayCommand): Promise<void> {
  const id = await waitUntil("a call waits for its approval", async () => {
    const { stdout } = await runCommand(setup, { command, args: ["approvals", "--json"] });
    return JSON.parse(stdout)[0]?.approval_id as string | undefined;
  });
  await runCommand(setup, { command, args: ["approvals", "allow", id] });
}

for (const command of LOCAL_COMMANDS) {
  Deno.test({
    name:
      `[install.shipped] init works at a terminal, and the entry that it prints starts the gateway, from ${command}`,
    ignore: !HAS_SCRIPT_COMMAND,
    fn: async () => {
      const clientConfig = { mcpServers: { odd: { type: "stdio", ...misbehavingServer() } } };
      const setup = new Setup({
        servers: false,
        rules: false,
        files: { "../home/.claude.json": clientConfig },
        env: environmentWithoutDeno(command),
      });
      try {
        const output = await runInitWithDefaults(setup, command);
        // deno-lint-ignore no-control-regex
        const text = output.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "");
        const [, json = ""] = /^(\{\n {2}"mcpServers"[^]*?^\})/m.exec(text) ?? [];
        assert.notEqual(json, "", text);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(output, /waiting for \x1b/);
        // The entry and the next steps fit together on a screen of 100 columns and 24 rows.
        const lastPart = text.slice(text.indexOf("# Entry for"));
        const rows = lastPart.trimEnd().split("\n").flatMap((line) =>
          line.match(/.{1,100}|^$/g) ?? []
        );
        assert.ok(rows.length <= 24, `${rows.length} rows:\n${lastPart}`);
        assert.match(lastPart, /^Next:\n {2}1\. Paste the entry above into Claude Code$/m);
        const [entry] = Object.values(JSON.parse(json).mcpServers) as {
          command: string;
          args: string[];
        }[];
        assert.ok(entry);
        const program = new Program({ ...entry, cwd: setup.workingFolder, env: setup.env });
        const client = new RawClient(program);
        await client.initialize();
        // The rules that `init` suggests ask a person, because the tool may change something.
        const [{ result }] = await Promise.all([
          client.request("tools/call", {
            name: "execute_tool",
            arguments: { server: "odd", tool: "count", args: {} },
          }),
          allowWaitingCall(setup, command),
        ]);
        assert.equal(JSON.stringify(result?.content), '[{"type":"text","text":"1"}]', text);
        await program.closeInput();
        assert.equal((await program.waitForEnd()).code, 0);
        // By default, `init` does not change the files of other programs.
        const clientText = Deno.readTextFileSync(join(setup.home, ".claude.json"));
        assert.deepEqual(JSON.parse(clientText), clientConfig);
        // A second run does not copy the pasted entry to the servers file of the gateway.
        const mcpServers = { ...clientConfig.mcpServers, gw: entry };
        setup.writeFile("../home/.claude.json", JSON.stringify({ mcpServers }));
        const { stderr } = await runCommand(setup, { command, args: ["init", "--yes"] });
        assert.match(stderr, /left out "gw", which is the gateway itself/);
        const serversFile = join(setup.home, ".config/agent-mcp-gateway/.mcp.json");
        assert.doesNotMatch(Deno.readTextFileSync(serversFile), /"gw"/);
      } finally {
        await setup.close();
      }
    },
  });
}
