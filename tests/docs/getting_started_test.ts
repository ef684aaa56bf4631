import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { readRefusal, readSingleText } from "../e2e/gateway.ts";
import { Program } from "../e2e/program.ts";
import { RawClient } from "../e2e/raw_client.ts";
import { BlockChecker } from "./check_block.ts";
import { readBlocks } from "./page.ts";
import { PageShell } from "./page_shell.ts";
import { blockName, UNCHECKED } from "./unchecked.ts";

const PAGE = "docs/getting-started.md";

/** Starts the gateway as Claude Code does, with the entry that `init` printed. */
function startPrintedEntry(initOutput: string, shell: PageShell): Program {
  const [, json = ""] = /```json\n(.*?)```/s.exec(initOutput) ?? [];
  const { command, args } = JSON.parse(json).mcpServers.gateway;
  const { workingFolder: cwd, env } = shell.setup;
  return new Program({ command, args, cwd, env });
}

/** Lists servers and tools as an agent does; makes a call that is allowed and a call that is denied. */
async function checkAgentSession(client: RawClient): Promise<void> {
  const call = async (name: string, args: Record<string, unknown>) => {
    const { result } = await client.request("tools/call", { name, arguments: args });
    return result;
  };
  await client.initialize();
  const { result } = await client.request("tools/list");
  const names = (result?.["tools"] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(names, ["list_servers", "get_server_tools", "execute_tool"]);
  const { structuredContent: _, ...list } = await call("list_servers", {}) ?? {};
  const servers: { name: string }[] = JSON.parse(readSingleText(list));
  assert.deepEqual(servers.map(({ name }) => name), ["memory", "files"]);
  const { tools } = JSON.parse(
    readSingleText(await call("get_server_tools", { server: "files", pattern: "*_text_file" })),
  );
  assert.deepEqual(tools.map(({ name }: { name: string }) => name), ["read_text_file"]);
  const target = { server: "files", args: { path: "today.txt" } };
  const { content } = await call("execute_tool", { ...target, tool: "read_text_file" }) ?? {};
  assert.deepEqual(content, [{ type: "text", text: "Buy milk\n" }]);
  const refused = await call("execute_tool", { ...target, tool: "write_file" });
  assert.equal(readRefusal(refused).rule, "agents.developer.deny.tools.files[0]");
}

Deno.test({
  name: "[docs.start] every step of the getting-started page works in a fresh home folder",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await ensureServers();
    await using shell = new PageShell();
    const startedMs = performance.now();
    const times: string[] = [];
    const checker = new BlockChecker(shell);
    let initOutput = "";
    let hasCheckedCalls = false;
    const partlyChecked: string[] = [];
    for (const block of readBlocks(PAGE)) {
      const [firstLine = ""] = block.text.split("\n");
      const isRun = block.language === "sh" && block.marks[0] !== "no-run";
      if (isRun && firstLine.startsWith("agent-mcp-gateway init")) {
        // The test pastes the printed entry into the client later.
        const { code, stdout, stderr } = await shell.run(block.text);
        assert.equal(code, 0, stderr);
        assert.match(stderr, /No server was imported/);
        initOutput = stdout;
      } else if (await checker.check(block) === "in part") partlyChecked.push(blockName(block));
      if (isRun) times.push(`${Math.round(performance.now() - startedMs)} ms: ${firstLine}`);
      if (block.language === "json" && block.text.includes('"--mcp-config"')) {
        const program = startPrintedEntry(initOutput, shell);
        const client = new RawClient(program);
        try {
          await checkAgentSession(client);
          await program.closeInput();
          assert.equal((await program.waitForEnd()).code, 0);
          assert.deepEqual(client.malformedLines, []);
        } finally {
          program.sendSignal("SIGKILL");
        }
        hasCheckedCalls = true;
        times.push(`${Math.round(performance.now() - startedMs)} ms: the client's calls`);
        // The later blocks of the page show an audit log without the client's calls.
        Deno.removeSync(`${shell.setup.home}/.local`, { recursive: true });
      }
    }
    assert.ok(hasCheckedCalls);
    assert.deepEqual(partlyChecked, UNCHECKED.filter((name) => name.startsWith(`${PAGE}: `)));
    const { code, stderr } = await shell.run("agent-mcp-gateway init --undo --yes");
    assert.equal(code, 0, stderr);
    // The times are for information; the test sets no limit.
    // deno-lint-ignore no-console
    console.log(times.join("\n"));
  },
});

Deno.test({
  name:
    "[docs.start] if a client has servers, init imports them, and the commands of the page work",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await ensureServers();
    const [servers] = readBlocks(PAGE).filter(({ text }) => text.includes('"mcpServers"'));
    await using shell = new PageShell({
      ".claude.json": servers?.text,
      "notes/today.txt": "Buy milk\n",
    });
    const init = await shell.run("agent-mcp-gateway init --yes");
    assert.equal(init.code, 0, init.stderr);
    for (const words of ["validate", "doctor", "explain --agent developer", "savings"]) {
      const { code, stdout, stderr } = await shell.run(`agent-mcp-gateway ${words}`);
      assert.equal(code, 0, `${words}\n${stdout}\n${stderr}`);
    }
    const { stdout } = await shell.run(
      `agent-mcp-gateway call files read_text_file '{"path": "today.txt"}' --agent developer`,
    );
    assert.equal(stdout.trim(), "Buy milk");
    const explanation = await shell.run("agent-mcp-gateway explain --all");
    assert.match(explanation.stdout, /^SERVER +developer$/m);
    assert.equal(explanation.stdout.match(/^\w+ +allow$/gm)?.length, 2);
  },
});
