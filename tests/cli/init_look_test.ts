import assert from "node:assert/strict";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { parse } from "jsonc-parser";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { askPlan } from "../../src/cli/init/ask_plan.ts";
import { suggestDescription } from "../../src/cli/init/suggest_description.ts";
import { type InspectedServer, inspectServers } from "../../src/cli/init/inspect_servers.ts";
import { compilePolicy } from "../../src/policy/mod.ts";
import { readConfiguration } from "../gateway/session_fixture.ts";
import { waitUntil } from "../e2e/wait.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { type Answer, InitFixture, KEYS } from "./init_fixture.ts";

const { enter, down } = KEYS;

/** Variables that any real program needs. */
const ENV = Object.fromEntries(
  ["PATH", "HOME", "SystemRoot", "DENO_DIR"].map((name) => [name, Deno.env.get(name) ?? ""]),
);

const FIRST_ANSWERS: readonly Answer[] = [
  [/Which servers go behind/, enter],
  [/Start .* once/, enter],
  [/Which agents use the gateway/, enter],
];
const LAST_ANSWERS: readonly Answer[] = [[/into which clients/, enter], [/Write ~.*\?/s, enter]];

/** Returns the command of a server that lists these tools. */
function listingServer(
  fixture: InitFixture,
  tools: readonly unknown[],
): { command: string; args: string[] } {
  fixture.write("tools.json", tools);
  const server = join(ROOT, "tests/fixtures/servers/listing_server.ts");
  const flags = ["run", "--quiet", "--no-config", "--no-lock", "--allow-read"];
  return { command: Deno.execPath(), args: [...flags, server, fixture.pathOf("tools.json")] };
}

function readWrittenFiles(fixture: InitFixture): {
  servers: Record<string, { description?: string }>;
  allow: { servers: string[]; tools?: Record<string, string[]> };
} {
  const { mcpServers } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json")));
  const { agents } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json")));
  return { servers: mcpServers, allow: agents.developer.allow };
}

function readRules(
  fixture: InitFixture,
): { agents: Record<string, Record<string, Record<string, Record<string, string[]>>>> } {
  return parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json")));
}

async function createServerEntries(fixture: InitFixture): Promise<Record<string, unknown>> {
  await ensureServers();
  const node = (...args: string[]) => ({ command: "node", args });
  return {
    files: node(serverEntry("filesystem"), fixture.home),
    everything: node(serverEntry("everything")),
    gone: { command: "no-such-program" },
    mute: listingServer(fixture, [{ name: "get_all", inputSchema: { type: "object" } }]),
  };
}

Deno.test("[init.look] [init.describe] the choice of read-only tools allows the tools that real servers mark as read-only", async () => {
  using fixture = new InitFixture();
  fixture.write(".cursor/mcp.json", { mcpServers: await createServerEntries(fixture) });
  const { code, stderr, screen } = await fixture.runAtTerminal(
    [
      ...FIRST_ANSWERS,
      [/Which tools may developer call/, down + down + down + enter],
      [/Nothing says what the tools of gone, mute do/, down + down + enter],
      ...LAST_ANSWERS,
    ],
    {},
    { env: ENV },
  );
  assert.equal(code, 0, stderr);
  assert.match(screen, /files: 14 tools/);
  assert.match(screen, /✓ files: 14 tools/);
  assert.match(screen, /✗ gone: failed: .*no-such-program/);
  const { servers, allow } = readWrittenFiles(fixture);
  assert.deepEqual(allow.tools?.files, [
    ...["read_file", "read_text_file", "read_media_file", "read_multiple_files"],
    ...["list_directory", "list_directory_with_sizes", "directory_tree", "search_files"],
    ...["get_file_info", "list_allowed_directories"],
  ]);
  assert.ok(allow.tools.everything?.includes("echo"));
  assert.ok(!allow.tools.everything?.includes("gzip-file-as-resource"));
  // The name of mute's tool suggests that it only reads, but the tool has no annotation.
  assert.deepEqual([allow.tools.mute, allow.tools.gone], [[], []]);
  assert.match(
    stderr,
    /developer may call no tool of gone, mute yet\. Names of tools: agent-mcp-gateway explain --agent developer --server gone; write them into agents\.developer\.allow\.tools\.SERVER in ~/,
  );
  assert.equal(
    servers.files?.description,
    "secure-filesystem-server for ~",
  );
  assert.doesNotMatch(servers.everything?.description ?? "", /Audience|instructions/);
  // Nothing is known about gone, so it gets no description.
  assert.equal(servers.gone?.description, undefined);
  assert.match(stderr, /Agents choose servers by "description": add one to gone in ~/);
});

Deno.test("[init.look] tools without annotations count as destructive, and a server without annotations leads to a question", async () => {
  using fixture = new InitFixture();
  const tools = [
    { name: "look", annotations: { readOnlyHint: true } },
    { name: "add", annotations: { readOnlyHint: false, destructiveHint: false } },
    { name: "browser_drop", annotations: { readOnlyHint: false } },
    { name: "get_it", annotations: {} },
    // As a pattern in the rules, this name would allow every tool.
    { name: "*", annotations: { readOnlyHint: true } },
    { name: "l??k", annotations: { readOnlyHint: true } },
  ];
  fixture.write(".cursor/mcp.json", {
    mcpServers: { one: listingServer(fixture, tools), gone: { command: "no-such-program" } },
  });
  const { code, stderr, screen } = await fixture.runAtTerminal(
    [
      ...FIRST_ANSWERS,
      [/Which tools may developer call/, down + down + enter],
      [/May developer call them/, down + enter],
      ...LAST_ANSWERS,
    ],
    {},
    { env: ENV },
  );
  assert.equal(code, 0, stderr);
  assert.match(screen, /2 of 6 tools: those that are not destructive/);
  const { allow } = readWrittenFiles(fixture);
  assert.deepEqual(allow, { servers: ["one", "gone"], tools: { one: ["look", "add"] } });
});

Deno.test("[init.ask] the tools are shown with what they do, and by default a person is asked before each call that may change something", async () => {
  using fixture = new InitFixture();
  const { files, gone, mute } = await createServerEntries(fixture);
  fixture.write(".cursor/mcp.json", { mcpServers: { files, gone, mute } });
  const { code, stderr, screen } = await fixture.runAtTerminal(
    [...FIRST_ANSWERS, [/Which tools may developer call/, enter], ...LAST_ANSWERS],
    {},
    { env: ENV },
  );
  assert.equal(code, 0, stderr);
  const text = screen.replace(/\s*\n[│\s]*/g, " ");
  assert.match(
    text,
    /10 only read: read_file, read_text_file, .*4 may change things: write_file, /,
  );
  assert.match(
    text,
    /✓ mute: 1 tool \(it does not say what they do\) .*1 may change things: get_all/,
  );
  assert.match(text, /asked before each call, except of the 10 that only read/);
  const { agents } = readRules(fixture);
  const { allow, ask } = agents["developer"] ?? {};
  assert.ok(allow?.["tools"]?.["files"]?.includes("read_text_file"));
  assert.deepEqual([allow?.["tools"]?.["gone"], allow?.["tools"]?.["mute"]], [[], []]);
  assert.deepEqual(ask, { tools: { files: ["*"], gone: ["*"], mute: ["*"] } });
  assert.match(stderr, /Approve changes in the client, or by: agent-mcp-gateway approvals --watch/);
  assert.doesNotMatch(stderr, /may call no tool/);
  const { rules } = await readConfiguration({ agents });
  const effectOf = (server: string, tool: string): string =>
    compilePolicy(rules).decide("developer", { kind: "tool", server, tool }).effect;
  const tools = ["read_text_file", "write_file", "added_later"];
  assert.deepEqual(tools.map((tool) => effectOf("files", tool)), ["allow", "ask", "ask"]);
  assert.equal(effectOf("mute", "get_all"), "ask");
  const undone = await fixture.run({ undo: true });
  assert.equal(undone.code, 0, undone.stderr);
  assert.deepEqual(Object.keys(fixture.readFiles()), ["home/.cursor/mcp.json", "home/tools.json"]);
});

Deno.test("[init.ask] tools that the client had switched off are not asked for, and a second run asks for a new server's", async () => {
  using fixture = new InitFixture();
  const tools = [
    { name: "look", annotations: { readOnlyHint: true } },
    { name: "peek", annotations: { readOnlyHint: true } },
    { name: "drop", annotations: { destructiveHint: true } },
    { name: "wipe", annotations: { destructiveHint: true } },
  ];
  const one = { ...listingServer(fixture, tools), includeTools: ["look", "drop"] };
  fixture.write(".gemini/settings.json", { mcpServers: { one } });
  fixture.write(".config/agent-mcp-gateway/.mcp.json", {
    mcpServers: { old: { command: "no-such-program" } },
  });
  const before = { allow: { servers: ["old"] }, ask: { tools: { old: ["erase"] } } };
  fixture.write(".config/agent-mcp-gateway/.mcp-gateway-rules.json", {
    agents: { developer: before },
  });
  const answers: readonly Answer[] = [
    [/Which servers go behind/, enter],
    [/Start the 2 servers once/, enter],
    [/Which agents use/, enter],
    [/Which tools may developer call/, enter],
    ...LAST_ANSWERS,
  ];
  const { code, stderr } = await fixture.runAtTerminal(answers, {}, { env: ENV });
  assert.equal(code, 0, stderr);
  assert.deepEqual(readRules(fixture).agents, {
    developer: {
      allow: { servers: ["old", "one"], tools: { one: ["look"] } },
      ask: { tools: { old: ["erase"], one: ["drop"] } },
    },
  });
});

Deno.test("[init.look] a second run gives a new server's tools to the existing agent", async () => {
  using fixture = new InitFixture();
  const rules = { agents: { developer: { allow: { servers: ["old"] } }, other: {} } };
  fixture.write(".config/agent-mcp-gateway/.mcp.json", {
    mcpServers: { old: { command: "no-such-program" } },
  });
  fixture.write(".config/agent-mcp-gateway/.mcp-gateway-rules.json", rules);
  const tools = [
    { name: "look", annotations: { readOnlyHint: true } },
    { name: "drop", annotations: { destructiveHint: true } },
  ];
  fixture.write(".gemini/settings.json", {
    mcpServers: { one: { ...listingServer(fixture, tools), excludeTools: ["off"] } },
  });
  const { code, stderr } = await fixture.runAtTerminal(
    [
      [/Which servers go behind/, enter],
      [/Start the 2 servers once/, enter],
      // Both existing agents are offered.
      [/developer, other/, `developer${enter}`],
      [/Which tools may developer call/, down + down + down + enter],
      ...LAST_ANSWERS,
    ],
    {},
    { env: ENV },
  );
  assert.equal(code, 0, stderr);
  const { agents } = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json")));
  assert.deepEqual(agents, {
    developer: {
      allow: { servers: ["old", "one"], tools: { one: ["look"] } },
      deny: { tools: { one: ["off"] } },
    },
    other: {},
  });
});

const INSPECT_SERVERS = new URL("../../src/cli/init/inspect_servers.ts", import.meta.url).href;

/** A program that never answers. */
const SILENT = { command: Deno.execPath(), args: ["eval", "setInterval(() => {}, 1000)"] };

Deno.test("[init.look] a server that does not answer in time, and one with an unset variable, are reported", async () => {
  using fixture = new InitFixture();
  const servers = { silent: SILENT, lost: { command: "x", args: ["${NOT_THERE}"] } };
  const { machine } = fixture.createOptions({ env: ENV });
  const inspectedServers = await inspectServers(JSON.stringify({ mcpServers: servers }), {
    machine,
    stderr: { write: () => {} },
    inspectMs: 200,
  });
  assert.deepEqual(inspectedServers.get("silent"), {
    failure: "did not answer in time",
    hasTimedOut: true,
  });
  assert.match(inspectedServers.get("lost")?.failure ?? "", /NOT_THERE/);
});

Deno.test("[init.look] servers with any name are started", async () => {
  using fixture = new InitFixture();
  const { machine } = fixture.createOptions({ env: ENV });
  const server = listingServer(fixture, [{ name: "look" }]);
  for (const name of ["a\nb", "e\u001b[31mv", "7", "__proto__"]) {
    const text = `{"mcpServers": {"mem": ${JSON.stringify(server)}, ${JSON.stringify(name)}: ${
      JSON.stringify(server)
    }}}`;
    const inspectedServers = await inspectServers(text, { machine, stderr: { write: () => {} } });
    const toolCounts = [...inspectedServers].map(([name, { tools }]) => [name, tools?.length]);
    assert.deepEqual(toolCounts, [["mem", 1], [name, 1]]);
  }
});

Deno.test({
  name: "[init.look] Ctrl-C continues with the servers that have answered",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using fixture = new InitFixture();
    const tools = [{ name: "look", annotations: { readOnlyHint: true } }];
    fixture.write("npx", '#!/bin/sh\necho started >> "$0.log"\nexec sleep 600\n');
    Deno.chmodSync(fixture.pathOf("npx"), 0o755);
    // There is one package more than concurrent downloads, so the last must not be started.
    const packages = ["a", "b", "c", "d"].map((
      name,
    ) => [name, { command: fixture.pathOf("npx"), args: [name] }]);
    const text = JSON.stringify({
      mcpServers: {
        silent: SILENT,
        one: listingServer(fixture, tools),
        ...Object.fromEntries(packages),
      },
    });
    // This runs in its own process, because the signal would end the tests.
    const script = `
      import { inspectServers } from ${JSON.stringify(INSPECT_SERVERS)};
      const inspectedServers = await inspectServers(${JSON.stringify(text)}, {
        machine: { os: "linux", home: "/", cwd: Deno.cwd(), env: Deno.env },
        stderr: { write: (text) => text.startsWith("one:") && Deno.kill(Deno.pid, "SIGINT") },
      });
      console.log(JSON.stringify([...inspectedServers].map(([name, { tools, failure }]) =>
        [name, failure ?? tools.length])));
    `;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--no-check", "--config", join(ROOT, "deno.json"), script],
      cwd: ROOT,
    }).output();
    const output = new TextDecoder().decode(stdout);
    assert.notEqual(output, "", new TextDecoder().decode(stderr));
    assert.deepEqual(JSON.parse(output), [
      ["silent", "skipped"],
      ["one", 1],
      ...packages.map(([name]) => [name, "skipped"]),
    ]);
    assert.equal(fixture.read("npx.log"), "started\n".repeat(3));
  },
});

Deno.test("[init.look] [cli.doctor-download] a server that did not answer can be tried again without the others", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let screen = "";
  output.on("data", (chunk: Uint8Array) => screen += new TextDecoder().decode(chunk));
  const inspections: (readonly string[] | undefined)[] = [];
  const downloadCommand = "npx -y -p slow -- node --version";
  const tool = { name: "read", annotations: { readOnlyHint: true } };
  const pendingPlan = askPlan({
    servers: [],
    existingServers: ["quick", "slow"],
    existingAgents: [],
    clientFiles: [],
    trustsFolder: false,
    startsExisting: true,
    home: "/home/me",
    suggestedAgents: ["developer"],
    gatewayFiles: ["~/one"],
    inspect: (_, only) => {
      inspections.push(only);
      const silent = { failure: "did not answer in time", hasTimedOut: true, downloadCommand };
      const answer = { tools: [tool] };
      return Promise.resolve(
        new Map<string, InspectedServer>(
          only === undefined ? [["quick", answer], ["slow", silent]] : [["slow", answer]],
        ),
      );
    },
  }, { input, output });
  for (
    const question of [
      /Start the 2 servers once/,
      /slow did not answer in time/,
      /Which agents/,
      /Which tools/,
      /Write ~/,
    ]
  ) {
    await waitUntil(String(question), () => question.test(screen));
    input.write("\r");
  }
  const plan = await pendingPlan;
  assert.deepEqual(inspections, [undefined, ["slow"]]);
  assert.match(screen, /✗ slow: failed: did not answer in time/);
  assert.match(screen, new RegExp(`run it in another terminal[^]*${downloadCommand}`));
  assert.match(screen, /✓ slow: 1 tool/);
  assert.deepEqual(plan?.agents[0]?.servers, ["quick", "slow"]);
});

Deno.test("[init.describe] a server is described by a sentence of its instructions, or by its title and address", () => {
  const tools = [{ name: "read_file", annotations: undefined }];
  const describe = (instructions = "", title = "", address = "") =>
    suggestDescription({ instructions, title, tools }, address);
  assert.equal(describe("# Files\n\nReads v1.2 files. And more."), "Reads v1.2 files.");
  assert.equal(
    describe(
      "Audience: These instructions are for models.\n\nThis server provides access to notes.",
    ),
    "This server provides access to notes.",
  );
  assert.equal(
    describe("Use this server to fetch current documentation of libraries."),
    "Use this server to fetch current documentation of libraries.",
  );
  // Lists may name tools that not every agent may call.
  for (const item of ["1. read_notes returns notes.", "2) read_notes returns notes.", "+ Lists"]) {
    assert.equal(describe(`Tools:\n${item}`, "notes"), "notes");
  }
  // Instructions for the model's behaviour do not describe the server.
  for (const text of ["Always call list_all first.", "You must log in.", "## Provides", ""]) {
    assert.equal(describe(text, "filesystem", "~/notes"), "filesystem for ~/notes");
  }
  assert.equal(describe("", "a\x1b[31m red\u202e\u200b"), "a [31m red");
  assert.equal(describe(), undefined);
  const longDescription = describe("", "😀".repeat(300)) ?? "";
  assert.ok(longDescription.length <= 200 && longDescription.isWellFormed(), longDescription);
  assert.ok(longDescription.endsWith("…"), longDescription);
});

Deno.test("[init.face] a client of few tools is offered the direct face, and one of many tools is not", async () => {
  const createTools = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `get_thing_${index}`,
      description: "Gets one of the many things that this server knows about",
      annotations: { readOnlyHint: true },
      inputSchema: { type: "object", properties: { id: { type: "string" } } },
    }));
  const runWith = async (count: number, answers: readonly Answer[]) => {
    using fixture = new InitFixture();
    const few = listingServer(fixture, createTools(count));
    fixture.write(".cursor/mcp.json", { mcpServers: { few } });
    const { code, stderr, screen } = await fixture.runAtTerminal([
      ...FIRST_ANSWERS,
      [/Which tools may developer call/, enter],
      [/into which clients/, `a${enter}`],
      [/What about the servers/, enter],
      ...answers,
      [/Write ~.*\?/s, enter],
    ]);
    assert.equal(code, 0, stderr);
    if (answers.length > 0) assert.match(screen, /all 3 tools take/);
    return JSON.parse(fixture.read(".cursor/mcp.json")).mcpServers.gateway.args.slice(-2);
  };
  const offer = /Show Cursor the tools/;
  assert.deepEqual(await runWith(3, [[offer, enter]]), ["--face", "direct"]);
  assert.deepEqual(await runWith(60, []), ["--agent", "developer"]);
});
