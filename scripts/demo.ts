/**
 * Demonstrates the gateway: starts it on the example configuration with real servers, acts as an
 * agent with a real MCP client, and prints the conversation. Exits with 0 only if every step succeeds.
 */

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { parse } from "jsonc-parser";
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "./permissions.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const AGENT = "researcher";

/** Shortens a text for the transcript, and removes white space at its end. */
function excerpt(text: string, maxLength = 300): string {
  const line = text.trimEnd();
  return line.length <= maxLength
    ? line
    : `${line.slice(0, maxLength)}… (${line.length} characters)`;
}

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}

/** Creates the demo's folder, and in it the folder `files`, which server-filesystem serves. */
async function createFolder(): Promise<string> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "gateway-demo-" }));
  await Deno.mkdir(join(folder, "files"));
  await Deno.writeTextFile(join(folder, "files", "hello.txt"), "Hello from a real server.\n");
  return folder;
}

async function connect(folder: string): Promise<Client> {
  const transport = new StdioClientTransport({
    command: Deno.execPath(),
    args: ["run", ...permissionFlags("start"), join(ROOT, "src", "main.ts"), "--agent", AGENT],
    cwd: folder,
    env: {
      ...Deno.env.toObject(),
      GATEWAY_MCP_CONFIG: join(ROOT, "config", ".mcp.json"),
      GATEWAY_RULES: join(ROOT, "config", ".mcp-gateway-rules.json"),
      GATEWAY_AUDIT_LOG: join(folder, "audit.jsonl"),
      GATEWAY_LOG_LEVEL: "warning",
      DEMO_FOLDER: join(folder, "files"),
    },
    stderr: "inherit",
  });
  const client = new Client({ name: "demo", version: "1.0.0" });
  await client.connect(transport);
  return client;
}

interface ToolResult {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly isError?: boolean;
}

/** Calls a gateway tool and prints the call and its result. */
async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown>,
): Promise<ToolResult & { text: string }> {
  print(`\n> ${name}(${JSON.stringify(args)})`);
  const result = await client.callTool({ name, arguments: args }) as ToolResult;
  const text = result.content[0]?.text ?? "";
  // Refusals are JSON, which is easier to read over several lines.
  print(result.isError ? JSON.stringify(JSON.parse(text), null, 2) : excerpt(text));
  return { ...result, text };
}

/** Counts the tokens of the servers' tool definitions, as a client without the gateway loads them. */
async function countWithoutGateway(folder: string): Promise<number> {
  const text = await Deno.readTextFile(join(ROOT, "config", ".mcp.json"));
  const { mcpServers } = parse(text, [], { allowTrailingComma: true });
  const counts = await Promise.all(
    (Object.values(mcpServers) as { command: string; args: string[] }[]).map(async (entry) => {
      const args = entry.args.map((word) =>
        word.replace(/^\$\{DEMO_FOLDER:-.*\}$/, join(folder, "files"))
      );
      const client = new Client({ name: "demo", version: "1.0.0" });
      await client.connect(new StdioClientTransport({ ...entry, args, stderr: "ignore" }));
      try {
        return countTokens((await client.listTools()).tools);
      } finally {
        await client.close();
      }
    }),
  );
  return counts.reduce((sum, tokens) => sum + tokens, 0);
}

function countTokens(value: unknown): number {
  return encode(typeof value === "string" ? value : JSON.stringify(value)).length;
}

/** Makes the demo's calls. Returns the number of tokens that the agent spends to find its tools. */
async function runSteps(client: Client): Promise<number> {
  const { tools } = await client.listTools();
  const tokens = countTokens(tools);
  print(`> tools/list\n${tools.map((tool) => tool.name).join(", ")}: ${tokens} tokens`);
  assert.equal(tools.length, 3, "the gateway shows three tools");
  assert.ok(tokens <= 400, "the three tools cost at most 400 tokens");

  const servers = await callTool(client, "list_servers", {});
  const names = JSON.parse(servers.text).map((server: { name: string }) => server.name);
  assert.deepEqual(names, ["everything", "files"]);

  const toolList = await callTool(client, "get_server_tools", {
    server: "files",
    detail: "signatures",
  });
  const { total_available, tools: signatures } = JSON.parse(toolList.text);
  print(`${total_available} tools that this agent may call, for example:`);
  for (const tool of signatures.slice(0, 3)) print(`  ${tool.signature}`);
  const toolNames = signatures.map((tool: { name: string }) => tool.name);
  assert.ok(toolNames.includes("read_text_file"), "the rules allow read_text_file");
  assert.ok(!toolNames.includes("write_file"), "the rules deny write_file");

  const fileContent = await callTool(client, "execute_tool", {
    server: "files",
    tool: "read_text_file",
    args: { path: "hello.txt" },
  });
  assert.match(fileContent.text, /Hello from a real server/);

  const echo = await callTool(client, "execute_tool", {
    server: "everything",
    tool: "echo",
    args: { message: "Hello through the gateway" },
  });
  assert.match(echo.text, /Hello through the gateway/);

  const refused = await callTool(client, "execute_tool", {
    server: "files",
    tool: "write_file",
    args: { path: "hello.txt", content: "changed" },
  });
  const lookupArguments = [{ server: "files", detail: "signatures" }];
  const lookupTokens = countTokens(servers.text) + countTokens(toolList.text) +
    countTokens(lookupArguments);
  const { error } = JSON.parse(refused.text);
  assert.equal(refused.isError, true);
  assert.equal(error.code, "DENIED_BY_POLICY");
  assert.equal(error.rule, "agents.researcher.deny.tools.files[0]");
  return tokens + lookupTokens;
}

async function printAndCheckAuditLog(path: string): Promise<void> {
  // Refusals are in a file of their own.
  const texts = [path, path.replace(".jsonl", ".refused.jsonl")].map((name) =>
    Deno.readTextFile(name)
  );
  const lines = (await Promise.all(texts)).join("").trimEnd().split("\n");
  const entries = lines.map((line) => JSON.parse(line)).filter(({ phase }) => phase !== "begun");
  print("\nThe audit log:");
  for (const { agent_id, operation, decision, server, tool, rule, latency_ms } of entries) {
    const request = [operation, server, tool].filter((part) => part !== undefined).join(" ");
    const reason = rule === undefined ? "" : ` by ${rule}`;
    print(`  ${decision} ${agent_id}: ${request}${reason}, ${latency_ms.toFixed(1)} ms`);
  }
  const decisions = entries.map(({ decision }) => decision);
  assert.deepEqual(decisions, ["ALLOW", "ALLOW", "ALLOW", "ALLOW", "DENY"]);
}

const folder = await createFolder();
try {
  print("Starting the gateway, which starts its servers from npm …\n");
  const client = await connect(folder);
  let gatewayTokens: number;
  try {
    gatewayTokens = await runSteps(client);
  } finally {
    await client.close();
  }
  const directTokens = await countWithoutGateway(folder);
  print("\nTokens of the agent's context used by tools, counted with a real tokenizer:");
  const format = (tokens: number) => `${tokens.toLocaleString("en")} tokens`;
  print(`  without the gateway, all definitions of both servers: ${format(directTokens)}`);
  print(`  with it, its three tools and the lookups of this run: ${format(gatewayTokens)}`);
  print(
    `  saved: ${Math.round((1 - gatewayTokens / directTokens) * 100)} %; more servers save more`,
  );
  assert.ok(gatewayTokens < directTokens, "the gateway saves tokens");
  await printAndCheckAuditLog(join(folder, "audit.jsonl"));
  print("\nEvery step succeeded.");
} finally {
  await Deno.remove(folder, { recursive: true });
}
