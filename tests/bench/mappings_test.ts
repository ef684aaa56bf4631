import assert from "node:assert/strict";
import { join } from "node:path";
import { mapCall, MAPPINGS, readMapping } from "../../scripts/bench/mappings.ts";
import {
  describeOtherGateway,
  pairPeerOptions,
  readOtherGateways,
} from "../../scripts/bench/other_gateways.ts";
import { fillPlaceholders, splitCommand } from "../../scripts/bench/placeholders.ts";
import { Workspace } from "../../scripts/bench/workspace.ts";

const TOOL_CALL = { agent: "bench", server: "echo", tool: "echo", args: { n: 100 } };

Deno.test("bench: each built-in mapping translates a tool call for its gateway", () => {
  const calls = Object.entries(MAPPINGS).map(([name, mapping]) => {
    return [name, mapCall(mapping, TOOL_CALL)];
  });
  assert.deepEqual(Object.fromEntries(calls), {
    "agent-mcp-gateway-python": {
      name: "execute_tool",
      arguments: { agent_id: "bench", server: "echo", tool: "echo", args: { n: 100 } },
    },
    "mcp-hub-mcp": {
      name: "call-tool",
      arguments: { serverName: "echo", toolName: "echo", toolArgs: { n: 100 } },
    },
    mcporter: { name: "echo__echo", arguments: { n: 100 } },
  });
});

Deno.test("bench: a mapping determines the command, environment, files and calls of another gateway", () => {
  using workspace = new Workspace();
  const mapping = readMapping("mcporter");
  const otherGateway = describeOtherGateway(mapping);
  const file = join(workspace.folder, "mcporter.json");
  assert.deepEqual(otherGateway.command(workspace).slice(-4), [
    "--config",
    file,
    "serve",
    "--stdio",
  ]);
  assert.deepEqual(otherGateway.env(workspace), {
    MCPORTER_KEEPALIVE: "*",
    MCPORTER_DAEMON_DIR: workspace.folder,
  });
  const [command, ...args] = workspace.firstServerCommand;
  const { mcpServers } = JSON.parse(Deno.readTextFileSync(file));
  assert.deepEqual(mcpServers, { echo: { command, args } });
  assert.equal(
    otherGateway.formatCall("echo", { n: 7 }),
    '"method":"tools/call","params":{"name":"echo__echo","arguments":{"n":7}}',
  );
});

Deno.test("bench: known placeholders are replaced, and quoted words of a command are kept whole", () => {
  const values = { args: { n: 1 }, tool: "echo" };
  assert.deepEqual(
    fillPlaceholders({ a: "{args}", b: ["x {tool} {args}", "{other}"], c: 3 }, values),
    {
      a: { n: 1 },
      b: ['x echo {"n":1}', "{other}"],
      c: 3,
    },
  );
  assert.deepEqual(splitCommand(`"/a b/node" x.js --name='it is' {mcp}`), [
    "/a b/node",
    "x.js",
    "--name=it is",
    "{mcp}",
  ]);
});

Deno.test("bench: a mapping is read from a file, and errors in the file are reported", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = join(folder, "peer.json");
    const write = (text: string): void => Deno.writeTextFileSync(file, text);
    const mapping = { name: "mine", command: "mine {mcp}", call: { name: "{tool}" } };
    write(JSON.stringify(mapping));
    assert.deepEqual(readMapping(file), mapping);
    write("{");
    assert.throws(() => readMapping(file), /Cannot use the mapping ".*": the file is not JSON: /);
    write(JSON.stringify({ ...mapping, call: {}, files: { "../x": 1 }, more: 1 }));
    assert.throws(() => readMapping(file), (error: Error) => {
      for (const part of [/call\.name/, /the name of a file must not be a path/, /"more"/]) {
        assert.match(error.message, part);
      }
      return true;
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("bench: the mapping in docs/performance.md is valid", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/performance.md", import.meta.url));
  const [, mappingText = ""] = /```json [^\n]*\n([^`]+)```/.exec(page) ?? [];
  using workspace = new Workspace();
  const file = join(workspace.folder, "peer.json");
  Deno.writeTextFileSync(file, mappingText);
  const otherGateway = describeOtherGateway(readMapping(file));
  const configPath = join(workspace.folder, "mine.json");
  assert.deepEqual(otherGateway.command(workspace), [
    "node",
    "mine/index.js",
    "--config",
    configPath,
  ]);
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(configPath)), { servers: workspace.servers });
});

Deno.test("bench: --mapping belongs to the --peer before it", () => {
  const option = (name: string, value?: string) => ({ kind: "option", name, value });
  const tokens = [option("peer", "one"), option("quick"), option("peer", "a b")];
  assert.deepEqual(pairPeerOptions([...tokens, option("mapping", "m.json")]), [
    { peer: "one" },
    { peer: "a b", mapping: "m.json" },
  ]);
  assert.throws(
    () => pairPeerOptions([option("mapping", "m")]),
    /--mapping m must follow a --peer/,
  );
});

Deno.test("bench: an unknown gateway or mapping is refused with the known names, and a repeated name is numbered", () => {
  const errors: string[] = [];
  const options = [
    { peer: "mcp-hub" },
    { peer: "mcporter" },
    { peer: "node mine.js", mapping: "mine" },
    { peer: "mcporter-here --config x", mapping: "mcporter" },
  ];
  const otherGateways = readOtherGateways(options, (message) => errors.push(message));
  assert.deepEqual(otherGateways.map(({ name }) => name), ["mcporter", "mcporter (2)"]);
  assert.equal(errors.length, 2);
  assert.match(
    errors[0] ?? "",
    /^Cannot measure the gateway "mcp-hub": it is not one of .*mcporter\. .*--mapping/,
  );
  assert.match(errors[1] ?? "", /^Cannot use the mapping "mine": it is neither one of .* nor a/);
});
