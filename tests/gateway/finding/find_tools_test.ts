import assert from "node:assert/strict";
import { openTransport, Processes } from "../../../src/downstream/mod.ts";
import type { FoundTool } from "../../../src/gateway/tools/finding/mod.ts";
import { writeFoundTool } from "../../../src/gateway/tools/find_tools.ts";
import { gatewayTools } from "../../../src/gateway/tools/mod.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";
import { compilePolicy } from "../../../src/policy/mod.ts";
import { DownstreamFixture } from "../../contract/downstream_fixture.ts";
import { createDefinition, runScriptedServer } from "../../contract/scripted_server.ts";
import { readRules } from "../../policy/read_rules.ts";

/** The members of an answer that the tests use. */
interface Answer {
  readonly tools: readonly { readonly name: string }[];
  readonly pending?: readonly string[];
}

Deno.test("[finding.pending] a server that lists its tools later is searched then", async () => {
  const processes = new Processes(0, createLog());
  await using fixture = new DownstreamFixture({
    connect: (script) => ({
      kind: "memory",
      serve: (channel) => {
        const exit = () => void channel.close();
        runScriptedServer(channel, script, { printToStderr: () => {}, exit });
      },
    }),
    open: (config, options) => openTransport(config, { ...options, processes }),
    close: () => processes.close(),
  }, { script: { pages: [[createDefinition("send_letter")]] } });
  const gate = Promise.withResolvers<void>();
  fixture.openGate = gate.promise;
  const { server, client } = fixture;
  const tool = gatewayTools({ debug: false }).get("get_server_tools");
  assert.ok(tool !== undefined && "run" in tool);
  const policy = compilePolicy(readRules({ agents: { agent: { allow: { servers: ["*"] } } } }));
  const find = async (): Promise<Answer> => {
    const { json } = await tool.run({ query: "letter" }, {
      caller: client.asAgent("agent"),
      policy,
      serverConfigs: new Map([["files", server.config]]),
      unavailableReasons: new Map(),
      servers: new Map([["files", server]]),
      signal: new AbortController().signal,
      gateway: { status: () => ({}) },
    });
    return JSON.parse(json);
  };
  const first = await find();
  assert.deepEqual([first.tools, first.pending], [[], ["files"]]);
  gate.resolve();
  await fixture.listTools();
  const next = await find();
  assert.deepEqual([next.tools.map(({ name }) => name), next.pending], [
    ["send_letter"],
    undefined,
  ]);
});

Deno.test("[finding.shape] a full definition cannot claim to be of another server", () => {
  const definition = { name: "a", server: "trusted", inputSchema: { type: "object" } };
  const text = new JsonText(JSON.stringify(definition));
  const found: FoundTool = { server: "real", tool: { name: "a", definition, text } };
  assert.equal(JSON.parse(writeFoundTool(found, "full")).server, "real");
});
