import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { estimateTokens } from "../../src/gateway/tools/mod.ts";
import { TempFolder } from "../config/temp_folder.ts";
import { AgentSession } from "./agent_session.ts";
import { readRefusal, recordedServer, type Refusal, type RunningGateway } from "./gateway.ts";
import { StatelessClient } from "./eras_clients.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { HttpTransport } from "./http_transport.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";
import { ALLOW_ALL_RULES, DEFAULT_AUDIT_LOG } from "./setup.ts";
import { handleIn, limitedRules, RESULTS, startRecorded } from "./recorded_results.ts";

/** Reads a part of a result. */
async function read(
  gateway: RunningGateway,
  args: Fields,
  maxTokens = 500,
): Promise<Fields> {
  const result = await gateway.callServerTool("gateway", "read_result", args);
  assert.equal(result.isError, undefined, JSON.stringify(result));
  const [{ text = "" } = {}] = result.content as { text?: string }[];
  assert.deepEqual(JSON.parse(text), result.structuredContent);
  assert.ok(estimateTokens(text) <= maxTokens);
  return result.structuredContent as Fields;
}

/** Reads a whole result in parts of a size. */
async function readAll(
  gateway: RunningGateway,
  { handle, maxTokens }: { readonly handle: string; readonly maxTokens: number },
): Promise<string> {
  const texts: unknown[] = [];
  for (let offset: unknown = 0; offset !== undefined;) {
    const part = await read(gateway, { handle, offset }, maxTokens);
    texts.push(part.text);
    offset = part.next_offset;
  }
  return texts.join("");
}

function textOf(block: Fields): string {
  return String(block.text ?? (block.resource as Fields | undefined)?.text);
}

/** Rebuilds the result of a tool from what the client receives. */
async function rebuild(gateway: RunningGateway, tool: string, maxTokens = 500): Promise<Fields> {
  const result = await gateway.callServerTool("recorded", tool);
  const texts: string[] = [];
  const content: Fields[] = [];
  for (const [index, block] of (result.content as Fields[]).entries()) {
    const original = RESULTS[tool]?.content[index] ?? assert.fail();
    if (textOf(block) === textOf(original)) {
      content.push(block);
      continue;
    }
    texts.push(textOf(block));
    const whole = await readAll(gateway, { handle: handleIn(textOf(block)), maxTokens });
    content.push(
      block.type === "text"
        ? { ...block, text: whole }
        : { ...block, resource: { ...block.resource as Fields, text: whole } },
    );
  }
  const { structuredContent } = result;
  const shown = JSON.stringify(structuredContent ?? "");
  const isOwnText = structuredContent !== undefined && tool !== "wrapped";
  if (isOwnText && !texts.includes(shown)) texts.push(shown);
  const tokens = texts.reduce((sum, text) => sum + estimateTokens(text), 0);
  assert.ok(tokens <= maxTokens, `${tokens} tokens`);
  if (structuredContent === undefined) return { ...result, content };
  const { result: wrapped } = structuredContent as { result?: string };
  const handle = handleIn(wrapped ?? shown);
  const whole = await readAll(gateway, { handle, maxTokens });
  const rebuilt = wrapped === undefined ? JSON.parse(whole) : { result: whole };
  return { ...result, content, structuredContent: rebuilt };
}

/** Calls a tool, and returns the handle in its result. */
async function callForHandle(session: AgentSession, tool = "text"): Promise<string> {
  const { content } = await session.callServerTool("recorded", tool);
  return handleIn(textOf((content as Fields[])[0] ?? assert.fail()));
}

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`[results.exact] [own.read-by-limit] clients rebuild every recorded result exactly, over ${transport}`, async (test) => {
    await using gateway = await startRecorded({ transport });
    for (const [tool, result] of Object.entries(RESULTS)) {
      if (tool === "ten_megabytes") continue;
      await test.step(tool, async () => {
        assert.deepEqual(await rebuild(gateway, tool), result);
      });
    }
  });
}

Deno.test(
  "[results.exact] [results.disk] a client rebuilds a result of 10 MB, of which SIGKILL leaves nothing",
  {
    // Finding all processes needs Linux.
    ignore: Deno.build.os !== "linux",
  },
  async () => {
    const gateway = await startRecorded({ rules: limitedRules(50_000) });
    try {
      const { content } = await rebuild(gateway, "ten_megabytes", 50_000);
      const [{ text: rebuilt } = {}] = content as Fields[];
      assert.ok(rebuilt === RESULTS.ten_megabytes?.content[0]?.text);
      const { workingFolder } = gateway.setup;
      const folder = join(workingFolder, dirname(DEFAULT_AUDIT_LOG), "results");
      assert.deepEqual([...Deno.readDirSync(folder)], []);
      // The program of the npm package only starts the gateway.
      for (const pid of await gateway.setup.listProcessIds()) Deno.kill(pid, "SIGKILL");
      await gateway.program.waitForEnd();
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    } finally {
      await gateway.kill();
    }
  },
);

Deno.test("[results.cut] the smaller limit of the server and the agent holds, and without one results are unchanged", async () => {
  const limits = { max_result_tokens: 50_000 };
  const rules = {
    agents: {
      limited: { allow: { servers: ["*"] }, limits: { max_result_tokens: 300 } },
      other: { allow: { servers: ["*"] }, limits },
      free: { allow: { servers: ["*"] } },
    },
  };
  const server = recordedServer("results");
  const servers = { recorded: { ...server, gateway: { max_result_tokens: 500 } }, whole: server };
  await using gateway = await startRecorded({ rules, servers, args: [] });
  const tokensOf = async (agent_id: string, server: string): Promise<number> => {
    const { content } = await gateway.callServerTool(server, "text", {}, { agent_id });
    return estimateTokens(textOf((content as Fields[])[0] ?? assert.fail()));
  };
  const within = (tokens: number, max: number) => assert.ok(tokens <= max && tokens > max * 0.8);
  within(await tokensOf("limited", "recorded"), 300);
  within(await tokensOf("other", "recorded"), 500);
  within(await tokensOf("free", "recorded"), 500);
  const whole = estimateTokens(textOf(RESULTS.text?.content[0] ?? {}));
  assert.ok(whole > 10_000 && whole < 50_000);
  within(await tokensOf("limited", "whole"), 300);
  assert.equal(await tokensOf("other", "whole"), whole);
  assert.equal(await tokensOf("free", "whole"), whole);
});

Deno.test("[results.isolation] other agents and connections cannot read a result", async () => {
  const rule = { allow: { servers: ["recorded"] }, limits: { max_result_tokens: 500 } };
  const rules = {
    agents: {
      a: { ...rule, allow: { servers: ["recorded", "gateway"] } },
      b: { ...rule, allow: { servers: ["recorded", "gateway"] } },
    },
  };
  await using gateway = await startRecorded({ rules, args: [], transport: "http" });
  const { content } = await gateway.callServerTool("recorded", "text", {}, { agent_id: "a" });
  const handle = handleIn(textOf((content as Fields[])[0] ?? {}));
  const readAs = (session: AgentSession, agent_id: string, handle: string) => {
    return session.callServerTool("gateway", "read_result", { handle }, { agent_id });
  };
  assert.equal((await readAs(gateway, "a", handle)).isError, undefined);
  const { message, hint } = readRefusal(await readAs(gateway, "b", handle));
  assert.match(message, /No result is kept under this handle/);
  // Nobody learns that the handle exists.
  assert.deepEqual(
    readRefusal(await readAs(gateway, "b", "x".repeat(22))),
    readRefusal(await readAs(gateway, "b", handle)),
  );
  assert.match(hint ?? "", /Call the tool again/);
  const transport = new HttpTransport({ url: gateway.url });
  const other = new AgentSession(transport);
  await other.client.initialize();
  assert.equal(readRefusal(await readAs(other, "a", handle)).message, message);
  await transport.close();
  assert.equal((await readAs(gateway, "a", handle)).isError, undefined);
});

Deno.test("[results.read] errors of read_result say what to do", async () => {
  await using gateway = await startRecorded();
  const handle = await callForHandle(gateway);
  const fail = async (args: Fields): Promise<Refusal> => {
    return readRefusal(await gateway.callServerTool("gateway", "read_result", args));
  };
  const beyond = await fail({ handle, offset: 10_000_000 });
  assert.equal(beyond.code, "INVALID_ARGUMENTS");
  assert.match(beyond.message, /beyond the end/);
  assert.match((await fail({ handle, path: "/a" })).message, /not JSON/);
  assert.match((await fail({})).message, /has no "handle"/);
  assert.match((await fail({ handle, grep: "a".repeat(257) })).message, /at most 256 characters/);
  const found = await read(gateway, { handle, grep: "line 399" });
  assert.equal(found.total, 11);
  assert.match(String(found.text), /^399: line 399 of a text\n3990: /);
});

for (const transport of ["stdio", "http"] as const) {
  Deno.test(`[results.read] clients without sessions read results that were cut, over ${transport}`, async () => {
    await using gateway = await startRecorded({ transport });
    const client = StatelessClient.connect(gateway);
    const call = async (server: string, tool: string, args: Fields = {}): Promise<Fields> => {
      const params = { name: "execute_tool", arguments: { server, tool, args } };
      const { result } = await client.request("tools/call", params);
      return result ?? assert.fail();
    };
    const { structuredContent } = await call("recorded", "structured");
    const { handle, left_out } = structuredContent as { handle: string; left_out: Fields };
    const part = await call("gateway", "read_result", { handle, offset: left_out.from, limit: 20 });
    const whole = JSON.stringify(RESULTS.structured?.structuredContent);
    const from = Number(left_out.from);
    assert.equal((part.structuredContent as Fields).text, whole.slice(from, from + 20));
  });
}

Deno.test({
  name: "[results.direct] the official client accepts structured content that was cut",
  // The client's close() leaves a timer.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const env = { GATEWAY_FACE: "direct" };
    await using gateway = await startRecorded({ env, transport: "http" });
    const client = new Client({ name: "sdk", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(gateway.url));
    await client.connect(transport as Parameters<Client["connect"]>[0]);
    await client.listTools();
    const { structuredContent } = await client.callTool({ name: "recorded__structured" });
    assert.equal(typeof (structuredContent as Fields).handle, "string");
    await transport.terminateSession();
    await client.close();
  },
});

Deno.test("[results.direct] clients see no output schemas of servers whose results may be cut", async () => {
  const env = { GATEWAY_FACE: "direct" };
  await using gateway = await startRecorded({ env });
  const { result } = await gateway.client.request("tools/list", {});
  const tools = result?.tools as Fields[];
  assert.ok(tools.some(({ name }) => name === "recorded__structured"));
  for (const { name, outputSchema } of tools) assert.equal(outputSchema, undefined, String(name));
  const answer = await gateway.client.request("tools/call", { name: "recorded__structured" });
  const { structuredContent } = answer.result ?? {};
  const { handle, hint } = structuredContent as Fields;
  assert.match(String(hint), /: gateway__read_result with \{handle, /);
  const part = await gateway.client.request("tools/call", {
    name: "gateway__read_result",
    arguments: { handle, path: "/items/7" },
  });
  const { text } = part.result?.structuredContent as Fields;
  assert.deepEqual(JSON.parse(String(text)), { id: 7, name: "name 7" });
  await using unlimited = await startRecorded({ env, rules: ALLOW_ALL_RULES });
  const listed = (await unlimited.client.request("tools/list", {})).result?.tools as Fields[];
  const structured = listed.find(({ name }) => name === "recorded__structured");
  assert.ok(structured?.outputSchema);
});

Deno.test("[results.disk-full] a result is cut on a full disk, too, and the operator is warned", {
  ignore: !canMount(),
}, async () => {
  using folder = new TempFolder();
  // The folder of the state is on a disk of 1 MiB.
  const state = '"$HOME/.local/state"';
  const mount = `mkdir -p ${state} && mount -t tmpfs -o size=1m tmpfs ${state}`;
  const words = (await gatewayCommandLine(GATEWAY_COMMAND)).map((word) => `"${word}"`).join(" ");
  const command = folder.write(
    "gateway",
    `#!/bin/sh\nexec unshare -rm sh -c '${mount} && exec "$@"' sh ${words} "$@"\n`,
  );
  Deno.chmodSync(command, 0o755);
  await using gateway = await startRecorded({ rules: limitedRules(5000), command });
  const { content } = await gateway.callServerTool("recorded", "ten_megabytes");
  const [{ text = "" } = {}] = content as { text?: string }[];
  const { hint, handle } = JSON.parse(text.slice(text.lastIndexOf("\n") + 1));
  assert.equal(handle, undefined);
  assert.match(hint, /could not be kept \(No space left on device \(os error 28\)\)/);
  assert.ok(estimateTokens(text) <= 5000);
  await waitUntil("the operator is warned", () => {
    return gateway.program.stderr.includes("A large result could not be kept");
  });
  // Smaller results are in memory.
  assert.ok(await callForHandle(gateway));
});

/** Whether a process may mount a disk of its own. */
function canMount(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const args = ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    return new Deno.Command("unshare", { args, stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
