import assert from "node:assert/strict";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";
import { HttpClient } from "./http_client.ts";

const HOW_TO_USE = /^Call get_server_tools with a query [^\n]+$/;

/** Servers that cannot be started. */
const SERVERS = {
  files: { command: "no-such-program-here", description: "My notes" },
  off: { command: "no-such-program-here", disabled: true },
  unset: { command: "${NOT_SET_HERE}" },
  secret: { command: "no-such-program-here", description: "The payroll" },
};

const RULES = {
  agents: {
    reader: { allow: { servers: ["*"] }, deny: { servers: ["secret"] } },
    nobody: {},
    default: { allow: { servers: ["files"] } },
  },
};

/** Starts a gateway, and returns the lines of the instructions that its client gets. */
async function readInstructions(rules: object, args: readonly string[]): Promise<string[]> {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: { ...rules },
    args,
    initialize: false,
  });
  const { result } = await gateway.client.initialize();
  return String(result?.instructions).split("\n");
}

Deno.test("the instructions name the servers behind the gateway", async (t) => {
  const rulesWithFallback = { ...RULES, defaults: { deny_on_missing_agent: false } };
  const title =
    "[tools.instructions-servers] only servers that the agent of the connection may use are named";
  await t.step(title, async () => {
    /** Returns the instructions without their last line, which says how to use the gateway. */
    const readServerLines = async (rules: object, ...args: string[]) => {
      const lines = await readInstructions(rules, args);
      assert.match(lines.pop() ?? "", HOW_TO_USE);
      return lines;
    };
    assert.deepEqual(await readServerLines(RULES, "--agent", "reader"), [
      "MCP servers behind this gateway: files, unset.",
      "files: My notes",
    ]);
    assert.deepEqual(await readServerLines(rulesWithFallback), [
      "MCP servers behind this gateway: files.",
      "files: My notes",
    ]);
    assert.deepEqual(
      await readServerLines(
        rulesWithFallback,
        "--default-agent",
        "reader",
        "--init-strategy",
        "lazy",
      ),
      [
        "MCP servers behind this gateway: files, unset.",
        "files: My notes",
      ],
    );
    assert.deepEqual(await readServerLines(RULES), []);
    assert.deepEqual(await readServerLines(RULES, "--agent", "nobody"), []);
    assert.deepEqual(await readServerLines(RULES, "--agent", "stranger"), []);
  });

  await t.step(
    "[tools.instructions-servers] after a reload, new clients get new instructions",
    async () => {
      await using gateway = await startGateway({
        servers: SERVERS,
        rules: RULES,
        args: ["--agent", "reader"],
        transport: "http",
        initialize: false,
      });
      assert.match(await readFirstLine(gateway), /: files, unset\.$/);
      gateway.setup.writeFile(".mcp.json", {
        mcpServers: { web: { command: "no-such-program-here" } },
      });
      await waitUntil("new clients get new instructions", async () => {
        return await readFirstLine(gateway) === "MCP servers behind this gateway: web.";
      });
    },
  );
});

/** Opens a session over HTTP, and returns the first line of the instructions that the client gets. */
async function readFirstLine(gateway: RunningGateway): Promise<string> {
  const clientInfo = { name: "client", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const response = await new HttpClient(gateway).sendMessage({
    id: 1,
    method: "initialize",
    params,
  });
  const text = (await response.text()).replace(/^(?:\w+:.*\n)*?data: /, "").trim();
  return String(JSON.parse(text).result.instructions).split("\n")[0] ?? "";
}
