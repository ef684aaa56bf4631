/** Makes the calls of the tables in tests/golden/policy in shadow mode, by `execute_tool` and by direct names. */
import assert from "node:assert/strict";
import { offeredName } from "../../../src/gateway/offered/names.ts";
import { compilePolicy } from "../../../src/policy/mod.ts";
import { readRules } from "../../policy/read_rules.ts";
import { MemoryGateway, plainTool } from "./memory_gateway.ts";

type Row = readonly [agent: string, server: string, tool: unknown, effect: string, rule: string];

const folder = new URL("../../golden/policy/", import.meta.url);
const SHADOWS: Readonly<Record<string, string | undefined>> = { deny: "DENY", ask: "ASK" };

for (const file of ["ask.json", "five_steps.json", "server_decision.json"]) {
  const { rules, rows }: { rules: Parameters<typeof readRules>[0]; rows: Row[] } = JSON.parse(
    Deno.readTextFileSync(new URL(file, folder)),
  );
  const policy = compilePolicy(readRules(rules));
  const toolRows = rows.filter((row): row is readonly [string, string, string, string, string] => {
    const [agent, server, tool] = row;
    return server !== "" && typeof tool === "string" && tool !== "" && policy.has(agent);
  });

  Deno.test(`[rules.shadow] calls are made and recorded whatever the rules decide: ${file}`, async () => {
    const names = new Set(toolRows.map(([, server]) => server));
    const servers = Object.fromEntries([...names].map((name) => {
      const tools = toolRows.filter(([, server]) => server === name).map(([, , tool]) => tool);
      return [name, { tools: [...new Set(tools)].map(plainTool) }];
    }));
    const defaults = { ...rules.defaults, mode: "shadow" };
    await using gateway = await MemoryGateway.open({
      rules: { ...rules, defaults },
      servers,
      directTools: ["*"],
    });
    for (const agent of new Set(toolRows.map(([agent]) => agent))) {
      const client = gateway.connect(agent);
      const listed = new Set(await client.listNames());
      for (const [, server, tool, effect, rule] of toolRows.filter((row) => row[0] === agent)) {
        const name = offeredName({ server, name: tool }, 64);
        assert.ok(listed.has(name), `${name} is listed`);
        const requests = [
          { name: "execute_tool", arguments: { server, tool, args: {} } },
          { name, arguments: {} },
        ];
        for (const params of requests) {
          const { result } = await client.request("tools/call", params);
          assert.deepEqual([result.isError ?? false, result.content[0].text], [false, tool]);
          const recorded = gateway.readAudit().filter((entry) => entry["tool"] === tool);
          for (const entry of recorded.slice(-2)) {
            assert.deepEqual(
              [entry["decision"], entry["shadow"], entry["rule"], entry["code"]],
              ["ALLOW", SHADOWS[effect], rule, undefined],
              JSON.stringify(entry),
            );
          }
        }
      }
    }
  });
}

Deno.test("[rules.shadow] the gateway's own tools show everything, and unknown agents and agents that are enforced are denied", async () => {
  const rules = {
    agents: {
      shadowed: { mode: "shadow", allow: { servers: ["a"], tools: { a: ["read"] } } },
      enforced: { mode: "enforce", allow: { servers: ["a"], tools: { a: ["read"] } } },
    },
    defaults: { mode: "shadow" },
  };
  const servers = {
    a: { tools: [plainTool("read"), plainTool("write")] },
    b: { tools: [plainTool("drop")] },
  };
  await using gateway = await MemoryGateway.open({ rules, servers });
  const call = async (agent: string, name: string, args: object = {}) => {
    const { result } = await gateway.connect(agent).request("tools/call", {
      name,
      arguments: args,
    });
    return JSON.parse(result.content[0].text);
  };
  const namesOf = async (agent: string, server: string): Promise<unknown> => {
    const { tools, error } = await call(agent, "get_server_tools", { server, detail: "names" });
    return error?.code ?? tools.map(({ name }: { name: string }) => name);
  };
  const serversOf = async (agent: string): Promise<unknown> =>
    (await call(agent, "list_servers")).map(({ name }: { name: string }) => name);
  assert.deepEqual(await serversOf("shadowed"), ["a", "b"]);
  assert.deepEqual(await namesOf("shadowed", "a"), ["read", "write"]);
  assert.deepEqual(await namesOf("shadowed", "b"), ["drop"]);
  const lookup = gateway.readAudit().find((entry) => entry["server"] === "b");
  assert.deepEqual([lookup?.["decision"], lookup?.["shadow"], lookup?.["rule"]], [
    "ALLOW",
    "DENY",
    "agents.shadowed.allow.servers",
  ]);
  assert.deepEqual(await serversOf("enforced"), ["a"]);
  assert.deepEqual(await namesOf("enforced", "b"), "DENIED_BY_POLICY");
  const { error } = await call("stranger", "execute_tool", { server: "a", tool: "read" });
  assert.equal(error.code, "INVALID_AGENT_ID");
});
