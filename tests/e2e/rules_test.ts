import assert from "node:assert/strict";
import {
  type Fields,
  misbehavingServer,
  readRefusal,
  readSingleText,
  startGateway,
} from "./gateway.ts";

/** The example rules in the user guide of the Python version, with comments. */
const EXAMPLE_RULES = `{
  // Permissions of each agent.
  "agents": {
    "researcher": {
      "allow": { "servers": ["brave-search"], "tools": { "brave-search": ["*"] } }
    },
    "backend": {
      "allow": { "servers": ["postgres"], "tools": { "postgres": ["query", "list_*"] } },
      "deny": { "tools": { "postgres": ["drop_*", "truncate_*"] } }
    },
    "admin": { "allow": { "servers": ["*"], "tools": { "*": ["*"] } } },
    "default": { "deny": { "servers": ["*"] } }
  },
  "defaults": { "deny_on_missing_agent": false } /* the fallback denies all */
}`;

/** Calls, each with the rule that denies it, or "" if it is allowed. The servers have `echo`, but no other tool of these. */
const DECISIONS: readonly (readonly [agent: string, server: string, tool: string, rule: string])[] =
  [
    ["researcher", "brave-search", "echo", ""],
    ["researcher", "postgres", "echo", "agents.researcher.allow.servers"],
    ["backend", "postgres", "query", ""],
    ["backend", "postgres", "list_tables", ""],
    ["backend", "postgres", "echo", "agents.backend.allow.tools.postgres"],
    ["backend", "postgres", "drop_table", "agents.backend.deny.tools.postgres[0]"],
    ["backend", "postgres", "truncate_all", "agents.backend.deny.tools.postgres[1]"],
    ["backend", "brave-search", "query", "agents.backend.allow.servers"],
    ["admin", "brave-search", "drop_table", ""],
    ["admin", "postgres", "echo", ""],
    ["default", "postgres", "query", "agents.default.deny.servers[0]"],
    ["", "postgres", "query", "agents.default.deny.servers[0]"],
  ];

Deno.test("the example rules of the Python version's guide", async (t) => {
  await using gateway = await startGateway({
    servers: { "brave-search": misbehavingServer(), postgres: misbehavingServer() },
    rules: EXAMPLE_RULES,
    args: ["--init-strategy", "lazy"],
  });

  await t.step("[rules.seed-example] [rules.comments] the rules decide every call", async () => {
    for (const [agent_id, server, tool, rule] of DECISIONS) {
      const call = { agent_id, server, tool, args: {} };
      const result: Fields = await gateway.callGatewayTool("execute_tool", call);
      const callText = JSON.stringify(call);
      if (tool === "echo" && rule === "") {
        assert.match(readSingleText(result), /"name":"echo"/, callText);
        continue;
      }
      const refusal = readRefusal(result);
      assert.equal(refusal.code, rule === "" ? "TOOL_NOT_FOUND" : "DENIED_BY_POLICY", callText);
      assert.equal(refusal.rule, rule === "" ? undefined : rule, callText);
    }
  });

  await t.step("[rules.seed-example] the rules filter the list of servers", async () => {
    const listServerNames = async (agent_id: string) => {
      const servers = await gateway.callGatewayToolForJson<{ name: string }[]>("list_servers", {
        agent_id,
      });
      return servers.map(({ name }) => name);
    };
    assert.deepEqual(await listServerNames("researcher"), ["brave-search"]);
    assert.deepEqual(await listServerNames("backend"), ["postgres"]);
    assert.deepEqual(await listServerNames("admin"), ["brave-search", "postgres"]);
    assert.deepEqual(await listServerNames("default"), []);
    assert.deepEqual(await listServerNames(""), []);
  });
});

Deno.test("[rules.deny-overrides] a deny pattern wins over an allowed tool name only with deny_overrides", async () => {
  const permissions = {
    allow: { servers: ["odd"], tools: { odd: ["echo"] } },
    deny: { tools: { odd: ["e*"] } },
  };
  for (const deny_overrides of [false, true]) {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      rules: { agents: { a: permissions }, defaults: { deny_overrides } },
    });
    const call = { agent_id: "a", server: "odd", tool: "echo", args: {} };
    const result = await gateway.callGatewayTool("execute_tool", call);
    if (deny_overrides) assert.equal(readRefusal(result).rule, "agents.a.deny.tools.odd[0]");
    else assert.match(readSingleText(result), /"name":"echo"/);
  }
});

Deno.test("[rules.unknown-server-warns] a rule for an unknown server causes a warning, and stays in force", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: { agents: { a: { allow: { servers: ["odd", "postgres"] } } } },
  });
  assert.match(gateway.program.stderr, /^warn: .*agents\.a\.allow\.servers\[1\].*"postgres"/m);
  const call = { agent_id: "a", server: "postgres", tool: "echo", args: {} };
  assert.equal((await gateway.expectRefusal("execute_tool", call)).code, "SERVER_UNAVAILABLE");
});
