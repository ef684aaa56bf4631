import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { GATEWAY_COMMAND, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { misbehavingServer } from "../e2e/gateway.ts";
import { Program } from "../e2e/program.ts";
import { RawClient } from "../e2e/raw_client.ts";
import type { EndedCommand } from "../e2e/run_once.ts";
import { Setup } from "../e2e/setup.ts";

/** Runs the program in an existing folder. */
async function runGateway(setup: Setup, args: readonly string[]): Promise<EndedCommand> {
  const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
  return await runCommand(setup, [command, ...words, ...args]);
}

async function runCommand(
  setup: Setup,
  [command, ...args]: [string, ...string[]],
): Promise<EndedCommand> {
  const { workingFolder: folder, env } = setup;
  const program = new Program({ command, args, cwd: folder, env });
  await program.closeInput();
  const { code } = await program.waitForEnd();
  return { code, stdout: program.lines.join("\n"), stderr: program.stderr, workingFolder: folder };
}

/** Creates a home folder with files of clients, but none of the gateway. */
function createHome(files: Readonly<Record<string, unknown>>): Setup {
  const homeFiles = Object.entries(files).map((
    [name, content],
  ) => [join("../home", name), content]);
  return new Setup({ servers: false, rules: false, files: Object.fromEntries(homeFiles) });
}

/** Reads all files below a folder; returns the path and the text of each, and of a link its target. */
function readFilesBelow(folder: string): [string, string][] {
  return [...Deno.readDirSync(folder)].flatMap((entry): [string, string][] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory) return readFilesBelow(path);
    return [[path, entry.isSymlink ? Deno.readLinkSync(path) : Deno.readTextFileSync(path)]];
  }).sort();
}

Deno.test("[init.yes] [init.valid] the printed entry serves the imported servers", async () => {
  const setup = createHome({
    ".claude.json": { mcpServers: { odd: { type: "stdio", ...misbehavingServer() } } },
  });
  try {
    const { code, stdout, stderr } = await runGateway(setup, ["init", "--yes"]);
    assert.equal(code, 0, stderr);
    const [, json = ""] = /```json\n(.*?)```/s.exec(stdout) ?? [];
    const { command, args, alwaysLoad } = JSON.parse(json).mcpServers.gateway;
    assert.equal(alwaysLoad, true);
    assert.match(command, /^(?:\/|[A-Z]:\\)/);
    const program = new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
    const client = new RawClient(program);
    await client.initialize();
    const call = { name: "list_servers", arguments: { agent_id: "developer" } };
    const { result } = await client.request("tools/call", call);
    const [{ text = "" } = {}] = result?.["content"] as { text?: string }[];
    assert.deepEqual(JSON.parse(text), [{ name: "odd" }]);
    await program.closeInput();
    assert.equal((await program.waitForEnd()).code, 0);
  } finally {
    await setup.close();
  }
});

Deno.test("[init.yes] [init.agents] agents of existing rules get no new servers without questions", async () => {
  const rules = '{"agents": {"alice": {"allow": {"servers": ["notes"]}}, "bob": {}}}\n';
  const setup = createHome({ ".cursor/mcp.json": { mcpServers: { one: { command: "x" } } } });
  try {
    const path = join(setup.home, ".config", "agent-mcp-gateway", ".mcp-gateway-rules.json");
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, rules);
    const { code, stdout, stderr } = await runGateway(setup, ["init", "--yes"]);
    assert.equal(code, 0, stderr);
    assert.equal(Deno.readTextFileSync(path), rules);
    assert.match(stdout, /"--agent", "alice"/);
    assert.match(stdout, /The entry below with --agent bob/);
    assert.match(stderr, /Allow agents to use the new servers in .*: none may use them yet/);
  } finally {
    await setup.close();
  }
});

Deno.test("[init.here] [init.undo] --here and --undo work from the command line", async () => {
  const setup = createHome({ ".cursor/mcp.json": { mcpServers: { one: { command: "x" } } } });
  try {
    const filesBefore = readFilesBelow(join(setup.workingFolder, ".."));
    const { code, stderr } = await runGateway(setup, [
      "init",
      "--yes",
      "--here",
      "--from",
      "cursor",
    ]);
    assert.equal(code, 0, stderr);
    const names = [...Deno.readDirSync(setup.workingFolder)].map(({ name }) => name).sort();
    assert.deepEqual(names, [".mcp-gateway-rules.json", ".mcp.json"]);
    const undone = await runGateway(setup, ["init", "--undo"]);
    assert.equal(undone.code, 0, undone.stderr);
    assert.deepEqual(readFilesBelow(join(setup.workingFolder, "..")), filesBefore);
  } finally {
    await setup.close();
  }
});

Deno.test("[init.no-terminal] [init.from] an invalid command line exits with 2 and prints nothing to stdout", async () => {
  const setup = createHome({});
  try {
    for (const args of [[], ["--from", "nobody", "--yes"], ["--undo", "--here"], ["--nope"]]) {
      const { code, stdout, stderr } = await runGateway(setup, ["init", ...args]);
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.notEqual(stderr, "");
    }
    const help = await runGateway(setup, ["init", "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Example: agent-mcp-gateway init /);
  } finally {
    await setup.close();
  }
});

Deno.test({
  name: "[init.whole] if files cannot be written completely, no file is changed",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const setup = createHome({ ".cursor/mcp.json": { mcpServers: { one: { command: "x" } } } });
    try {
      const filesBefore = readFilesBelow(setup.home);
      // A write past the first block fails, as on a full disk.
      const limitedCommand = 'trap "" XFSZ; ulimit -f 1; exec "$@"';
      const words = await gatewayCommandLine(GATEWAY_COMMAND);
      const script: [string, ...string[]] = [
        "sh",
        "-c",
        limitedCommand,
        "sh",
        ...words,
        "init",
        "--yes",
      ];
      const { code, stdout, stderr } = await runCommand(setup, script);
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, /Cannot write .*; nothing has been changed/);
      assert.deepEqual(readFilesBelow(setup.home), filesBefore);
    } finally {
      await setup.close();
    }
  },
});

Deno.test("[init.many] a file with 50,000 servers is left out, and the servers of another file are imported", async () => {
  const servers = Array.from({ length: 50_000 }, (_, index) => [`s${index}`, { command: "x" }]);
  const setup = createHome({
    ".claude.json": { mcpServers: Object.fromEntries(servers) },
    ".cursor/mcp.json": { mcpServers: Object.fromEntries(servers.slice(0, 1000)) },
  });
  try {
    const { code, stderr } = await runGateway(setup, ["init", "--yes"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^~\/\.claude\.json: left out, because it has 50000 servers /m);
    const written = readFilesBelow(setup.home).find(([path]) => /gateway.\.mcp\.json$/.test(path));
    assert.equal(written?.[1].match(/"command": "x"/g)?.length, 1000);
  } finally {
    await setup.close();
  }
});
