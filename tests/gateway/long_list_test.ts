import assert from "node:assert/strict";
import { openTransport, Processes } from "../../src/downstream/mod.ts";
import { gatewayTools } from "../../src/gateway/tools/mod.ts";
import type { Arguments } from "../../src/gateway/tools/tool.ts";
import { createLog } from "../../src/log.ts";
import { compilePolicy } from "../../src/policy/mod.ts";
import { DownstreamFixture } from "../contract/downstream_fixture.ts";
import { createDefinition, runScriptedServer } from "../contract/scripted_server.ts";
import { cpuMs } from "../cpu_time.ts";
import { readRules } from "../policy/read_rules.ts";

/** The members of an answer of `get_server_tools` that the tests use. */
interface Answer {
  readonly tools: readonly { readonly name: string }[];
  readonly returned: number;
  readonly omitted?: readonly string[];
  readonly hint?: string;
}

/** A server in this process with a list of tools, and an agent that may call them. */
class ListFixture implements AsyncDisposable {
  readonly downstream: DownstreamFixture;

  constructor(definitions: readonly string[]) {
    const processes = new Processes(0, createLog());
    this.downstream = new DownstreamFixture({
      connect: (script) => ({
        kind: "memory",
        serve: (channel) => {
          const exit = () => void channel.close();
          runScriptedServer(channel, script, { printToStderr: () => {}, exit });
        },
      }),
      open: (config, options) => openTransport(config, { ...options, processes }),
      close: () => processes.close(),
    }, { script: { pages: [definitions] } });
  }

  /** Calls `get_server_tools`. */
  async list(args: Arguments = {}): Promise<Answer> {
    const { server, client } = this.downstream;
    const tool = gatewayTools({ debug: false }).get("get_server_tools");
    assert.ok(tool !== undefined && "run" in tool);
    const { json } = await tool.run({ server: "files", ...args }, {
      caller: client.asAgent("agent"),
      policy: compilePolicy(readRules({
        agents: { agent: { allow: { servers: ["*"] }, deny: { tools: { files: ["*q*w*e*y"] } } } },
      })),
      serverConfigs: new Map([["files", server.config]]),
      unavailableReasons: new Map(),
      servers: new Map([["files", server]]),
      signal: new AbortController().signal,
      gateway: { status: () => ({}) },
    });
    return JSON.parse(json);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.downstream[Symbol.asyncDispose]();
  }
}

/** Returns the longest turn of the event loop during some work, in milliseconds of CPU time. */
async function measureLongestTurn(work: () => Promise<unknown>): Promise<number> {
  let hasEnded = false;
  const end = (): void => void (hasEnded = true);
  let longestMs = 0;
  let turnStartMs = cpuMs();
  const working = work().then(end, end);
  while (!hasEnded) {
    await new Promise((resolve) => setTimeout(resolve));
    longestMs = Math.max(longestMs, cpuMs() - turnStartMs);
    turnStartMs = cpuMs();
  }
  await working;
  return longestMs;
}

const MANY_TOOLS = Array.from({ length: 10_000 }, (_, index) => {
  const name = `tool_${index}_`.padEnd(60, "x");
  return createDefinition(name, { description: "What it does, at length. ".repeat(20) });
});

/** Arguments that make the gateway look at all tools. */
const REQUESTS: Readonly<Record<string, Arguments>> = {
  "without other arguments": {},
  "of names": { detail: "names" },
  "of full definitions": { detail: "full" },
  "of types": { detail: "types" },
  "with a pattern of 256 characters": {
    pattern: "*?x?x?x?x?x*x?x?x?x?x?x?x?x?y*".repeat(9).slice(0, 256),
  },
  "with five unknown names": {
    names: [1, 2, 3, 4, 5].map((digit) => `tool_${digit}`.padEnd(60, "x")).join(),
  },
  "with a budget of one token": { max_schema_tokens: 1 },
  "that a query finds": { query: "tool 17 x, of what it does at length, without a typoo" },
};

Deno.test("[security.many-tools] no listing of 10,000 tools occupies the gateway for more than 100 ms of CPU time at once", async (t) => {
  await using fixture = new ListFixture(MANY_TOOLS);
  await fixture.downstream.listTools();
  for (const [description, args] of Object.entries(REQUESTS)) {
    await t.step(description, async () => {
      const longestMs = await measureLongestTurn(() => fixture.list(args));
      assert.ok(longestMs < 100, `${longestMs} ms`);
    });
  }
});

Deno.test("[security.many-tools] no listing of 100 small schemas that are long to read occupies the gateway for more than 100 ms of CPU time at once", async () => {
  const part = Array(20).fill({ $ref: "#/$defs/y" });
  const inputSchema = {
    type: "object",
    $defs: { x: {}, y: { anyOf: Array(20).fill({ $ref: "#/$defs/x" }) }, z: { anyOf: part } },
    properties: { a: { anyOf: Array(20).fill({ $ref: "#/$defs/z" }) } },
  };
  await using fixture = new ListFixture(
    Array.from({ length: 100 }, (_, index) => createDefinition(`tool_${index}`, { inputSchema })),
  );
  await fixture.downstream.listTools();
  for (const detail of ["signatures", "types"]) {
    const longestMs = await measureLongestTurn(() => fixture.list({ detail }));
    assert.ok(longestMs < 100, `${detail}: ${longestMs} ms`);
  }
});

Deno.test("[tools.long-list] an answer has at most 512 KiB of tools and 1,000 omitted names, and says how to see the others", async () => {
  await using fixture = new ListFixture(MANY_TOOLS);
  const { tools, returned, omitted, hint } = await fixture.list({ detail: "full" });
  const length = JSON.stringify(tools).length;
  assert.ok(length > 500_000 && length < 530_000, String(length));
  assert.equal(tools.length, returned);
  assert.equal(omitted?.length, 1000);
  assert.equal(omitted[0], JSON.parse(MANY_TOOLS[returned] ?? "{}").name);
  assert.equal(
    hint,
    'The list would be too long; ask for the other tools with "names" or "pattern". ' +
      `${10_000 - returned} tools are omitted; "omitted" has the first 1000.`,
  );
});

Deno.test("[security.many-tools] calls of unknown tools fetch a list of 10,000 tools only once in 10 seconds", async () => {
  await using fixture = new ListFixture(MANY_TOOLS);
  for (let count = 0; count < 3; count++) {
    assert.equal((await fixture.downstream.call("no such tool")).kind, "no-such-tool");
  }
  const connection = await fixture.downstream.waitForConnection();
  assert.equal(connection.countReceived("tools/list"), 1);
});
