import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { VERSION } from "./gateway_command.ts";

interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: {
    readonly properties: Readonly<Record<string, { readonly additionalProperties?: boolean }>>;
    readonly required?: readonly string[];
  };
  readonly annotations: { readonly title: string; readonly readOnlyHint: boolean };
  readonly outputSchema?: unknown;
  readonly _meta: Readonly<Record<string, unknown>>;
}

async function listTools(gateway: RunningGateway): Promise<ToolDefinition[]> {
  const { result } = await gateway.client.request("tools/list");
  assert.deepEqual(Object.keys(result ?? {}), ["tools"]);
  return result?.tools as ToolDefinition[];
}

Deno.test("a client lists the gateway's tools", async (t) => {
  await using gateway = await startGateway({ initialize: false });
  const { result } = await gateway.client.initialize();
  const tools = await listTools(gateway);

  await t.step("[tools.list] there are three tools", () => {
    assert.deepEqual(tools.map(({ name }) => name), [
      "list_servers",
      "get_server_tools",
      "execute_tool",
    ]);
  });

  await t.step("[tools.list] each tool has its arguments; those with ? are optional", () => {
    const argumentNames = tools.map(({ inputSchema: { properties, required = [] } }) => {
      return Object.keys(properties).map((name) => required.includes(name) ? name : `${name}?`);
    });
    assert.deepEqual(argumentNames, [
      ["agent_id?", "include_metadata?"],
      ["agent_id?", "query?", "server?", "names?", "pattern?", "max_schema_tokens?", "detail?"],
      ["agent_id?", "server", "tool", "args?", "timeout_ms?"],
    ]);
  });

  await t.step("[tools.token-budget] the definitions of the tools cost at most 400 tokens", () => {
    const tokens = encode(JSON.stringify(tools)).length;
    assert.ok(tokens <= 400, `${tokens} tokens`);
  });

  await t.step(
    "[tools.annotations] all tools but execute_tool have the readOnlyHint",
    () => {
      assert.deepEqual(tools.map(({ annotations }) => annotations.readOnlyHint), [
        true,
        true,
        false,
      ]);
    },
  );

  await t.step("[tools.always-load] _meta asks clients not to hide the tools", () => {
    for (const { _meta } of tools) assert.equal(_meta["anthropic/alwaysLoad"], true);
  });

  await t.step(
    "[tools.max-result-size] _meta of execute_tool asks clients for results in full",
    () => {
      assert.deepEqual(tools.map(({ _meta }) => _meta["anthropic/maxResultSizeChars"]), [
        undefined,
        undefined,
        500_000,
      ]);
    },
  );

  await t.step(
    "[tools.titles] the tools have titles, and execute_tool describes its use and takes any args",
    () => {
      assert.deepEqual(tools.map(({ annotations: { title } }) => title), [
        "List servers",
        "Find tools",
        "Call a tool",
      ]);
      const { description, inputSchema: { properties } } = tools[2] as ToolDefinition;
      assert.match(description, /get_server_tools first/);
      assert.equal(properties.args?.additionalProperties, true);
    },
  );

  await t.step("[tools.one-text-block] there are no output schemas", () => {
    for (const tool of tools) assert.equal(Object.hasOwn(tool, "outputSchema"), false);
  });

  await t.step("[tools.instructions] two sentences say how to use the tools", () => {
    const instructions = String(result?.instructions);
    assert.equal(instructions.split(/(?<=\.)\s/).length, 2);
    for (const { name } of tools) assert.ok(instructions.includes(name), name);
    assert.ok(instructions.includes("agent_id"));
  });

  await t.step("[cli.version] the gateway reports its name and version", () => {
    const { name, version } = result?.serverInfo as { name: string; version: string };
    assert.deepEqual({ name, version }, { name: "agent-mcp-gateway", version: VERSION });
  });

  await t.step(
    "[protocol.unknown-tool] a call of a tool that the gateway does not have is a JSON-RPC error",
    async () => {
      for (const name of ["get_gateway_status", "echo", "__proto__", 7]) {
        const { error } = await gateway.client.request("tools/call", { name, arguments: {} });
        assert.equal(error?.code, -32602, String(name));
      }
    },
  );
});

Deno.test("in debug mode there is a fourth tool", async (t) => {
  const servers = { "gone": { command: "no-such-program-here" } };
  await using gateway = await startGateway({
    servers,
    args: ["--agent", "tester", "--init-strategy", "lazy"],
    env: { GATEWAY_DEBUG: "yes" },
  });

  await t.step("[tools.list-debug] get_gateway_status comes last", async () => {
    const names = (await listTools(gateway)).map(({ name }) => name);
    assert.equal(names.length, 4);
    assert.equal(names.at(-1), "get_gateway_status");
  });

  await t.step("[tools.status] get_gateway_status shows the state of the gateway", async () => {
    await gateway.expectRefusal("execute_tool", { server: "gone", tool: "x", args: {} });
    const status = await gateway.callGatewayToolForJson<Record<string, Record<string, unknown>>>(
      "get_gateway_status",
    );
    assert.deepEqual(Object.keys(status), [
      "reload_status",
      "policy_state",
      "available_servers",
      "config_paths",
      "servers",
      "metrics",
      "message",
    ]);
    const { mcp_config, gateway_rules } = status.reload_status as Record<string, object>;
    const keys = [
      "last_attempt",
      "last_success",
      "last_error",
      "attempt_count",
      "success_count",
    ];
    assert.deepEqual(Object.keys(mcp_config ?? {}), keys);
    assert.deepEqual(Object.keys(gateway_rules ?? {}), [...keys, "last_warnings"]);
    assert.deepEqual(status.policy_state, {
      total_agents: 1,
      agent_ids: ["tester"],
      defaults: { deny_on_missing_agent: true, deny_overrides: false },
    });
    assert.deepEqual(status.available_servers, ["gone"]);
    assert.deepEqual(status.config_paths, {
      mcp_config: `${gateway.setup.workingFolder}/.mcp.json`,
      gateway_rules: `${gateway.setup.workingFolder}/.mcp-gateway-rules.json`,
    });
    const { state, last_error } = status.servers?.gone as Record<string, unknown>;
    assert.equal(state, "broken");
    assert.match(String(last_error), /"no-such-program-here" was not found/);
    assert.equal(typeof status.message, "string");
  });
});
