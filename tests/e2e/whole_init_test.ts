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

/** Whether the `script` of util-linux is installed, which provides a pseudo-terminal. */
const HAS_TERMINAL = await hasScript();

async function hasScript(): Promise<boolean> {
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
  let shown = "";
  program.onLine = (text) => shown += `${text}\n`;
  for (let answered = 0; !program.hasEnded; answered++) {
    assert.ok(answered < 30, `init asks too many questions:\n${shown}`);
    // The terminal shows ◆ before an open question.
    const isAsking = () => program.hasEnded || (shown.match(/◆/g)?.length ?? 0) > answered;
    await waitUntil(`question ${answered + 1}, after:\n${shown}`, isAsking);
    if (!program.hasEnded) await program.write("\r");
  }
  const { code } = await program.waitForEnd();
  assert.equal(code, 0, shown);
  return shown;
}

/** Runs `init --yes` and returns its standard error. */
async function runInitAgain(setup: Setup, command: GatewayCommand): Promise<string> {
  const [first, ...args] = await gatewayCommandLine(command);
  const program = new Program({
    command: first,
    args: [...args, "init", "--yes"],
    cwd: setup.workingFolder,
    env: setup.env,
  });
  await program.closeInput();
  const { code } = await program.waitForEnd();
  assert.equal(code, 0, program.stderr);
  return program.stderr;
}

for (const command of LOCAL_COMMANDS) {
  Deno.test({
    name:
      `[install.shipped] init works at a terminal, and the entry that it prints starts the gateway, from ${command}`,
    ignore: !HAS_TERMINAL,
    fn: async () => {
      const client = { mcpServers: { odd: { type: "stdio", ...misbehavingServer() } } };
      const setup = new Setup({
        servers: false,
        rules: false,
        files: { "../home/.claude.json": client },
        env: environmentWithoutDeno(command),
      });
      try {
        const shown = await runInitWithDefaults(setup, command);
        // deno-lint-ignore no-control-regex
        const text = shown.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "");
        const [, json = ""] = /^(\{\n {2}"mcpServers"[^]*?^\})/m.exec(text) ?? [];
        assert.notEqual(json, "", text);
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(shown, /waiting for \x1b/);
        // The entry and the next steps fit on the screen together, also on a small one.
        const lastPart = text.slice(text.indexOf("# Entry for"));
        const rows = lastPart.trimEnd().split("\n").flatMap((line) =>
          line.match(/.{1,100}|^$/g) ?? []
        );
        assert.ok(rows.length <= 23, `${rows.length} rows:\n${lastPart}`);
        assert.match(lastPart, /^Next:\n {2}1\. Paste the entry above into Claude Code$/m);
        const [entry] = Object.values(JSON.parse(json).mcpServers) as {
          command: string;
          args: string[];
        }[];
        assert.ok(entry);
        const program = new Program({ ...entry, cwd: setup.workingFolder, env: setup.env });
        const raw = new RawClient(program);
        await raw.initialize();
        const { result } = await raw.request("tools/call", {
          name: "execute_tool",
          arguments: { server: "odd", tool: "count", args: {} },
        });
        assert.equal(JSON.stringify(result?.content), '[{"type":"text","text":"1"}]', text);
        await program.closeInput();
        assert.equal((await program.waitForEnd()).code, 0);
        // Only the gateway's own files are written without confirmation.
        const after = Deno.readTextFileSync(join(setup.home, ".claude.json"));
        assert.deepEqual(JSON.parse(after), client);
        // A second run does not take over the entry that was pasted.
        const mcpServers = { ...client.mcpServers, gw: entry };
        setup.writeFile("../home/.claude.json", JSON.stringify({ mcpServers }));
        const again = await runInitAgain(setup, command);
        assert.match(again, /left out "gw", which is the gateway itself/);
        const own = Deno.readTextFileSync(join(setup.home, ".config/agent-mcp-gateway/.mcp.json"));
        assert.doesNotMatch(own, /"gw"/);
      } finally {
        await setup.close();
      }
    },
  });
}
