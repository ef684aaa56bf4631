import assert from "node:assert/strict";
import { SessionFixture } from "./session_fixture.ts";

const AGENTS = { a: { status: true }, b: {}, default: {} };

Deno.test("[identity.credential] a credential binds its session to its agent", async () => {
  const rules = { agents: AGENTS, defaults: { deny_on_missing_agent: false } };
  await using fixture = await SessionFixture.open(rules, { bound: "b", transport: "http" });
  for (const agent_id of ["b", "", null, undefined]) {
    assert.deepEqual(await fixture.call("list_servers", { agent_id }), {});
  }
  for (const agent_id of ["a", "default", "nobody"]) {
    const { code, message } = await fixture.call("list_servers", { agent_id });
    assert.equal(code, "INVALID_AGENT_ID");
    assert.equal(
      message,
      `This connection may not act as agent "${agent_id}": it is bound to one agent. ` +
        "Call again without agent_id.",
    );
  }
  const entries = fixture.readAuditEntries().map(({ agent_id, decision, claimed_agent_id }) => {
    return `${agent_id} ${decision} ${claimed_agent_id}`;
  });
  assert.deepEqual(entries.slice(0, 4), Array(4).fill("b ALLOW undefined"));
  assert.deepEqual(entries.slice(4), ["b DENY a", "b DENY default", "b DENY nobody"]);
});

Deno.test("[identity.credential] an agent that is removed from the rules is refused immediately", async () => {
  await using fixture = await SessionFixture.open({ agents: AGENTS }, { bound: "a" });
  assert.deepEqual(await fixture.call("list_servers"), {});
  await fixture.reload({ agents: { b: {} } });
  assert.equal((await fixture.call("list_servers")).code, "INVALID_AGENT_ID");
});

Deno.test("[identity.credential] limits apply to the bound agent", async () => {
  const rules = { agents: { a: { limits: { per_minute: 2 } }, b: {} } };
  await using fixture = await SessionFixture.open(rules, { bound: "a" });
  assert.deepEqual(await fixture.call("list_servers"), {});
  assert.equal((await fixture.call("list_servers", { agent_id: "b" })).code, "INVALID_AGENT_ID");
  assert.equal((await fixture.call("list_servers")).code, "RATE_LIMITED");
});

const STATUS = "get_gateway_status";

Deno.test("[rules.status] over HTTP an agent with status: true sees the status", async () => {
  await using fixture = await SessionFixture.open({ agents: AGENTS }, {
    bound: "a",
    transport: "http",
  });
  assert.ok((await fixture.toolNames()).includes(STATUS));
  assert.deepEqual(await fixture.call(STATUS), {});
  // The tool is listed only while the rules permit it.
  await fixture.reload({ agents: { ...AGENTS, a: {} } });
  assert.ok(!(await fixture.toolNames()).includes(STATUS));
  const { code, message } = await fixture.call(STATUS);
  assert.equal(code, "-32602");
  assert.match(message ?? "", /^Unknown tool: get_gateway_status\. This server has list_servers, /);
  // The message does not suggest the unknown tool.
  assert.doesNotMatch(
    message?.slice("Unknown tool: get_gateway_status".length) ?? "",
    /get_gateway_status/,
  );
});

Deno.test("[rules.status] over HTTP an agent without status: true does not see the status", async () => {
  await using fixture = await SessionFixture.open({ agents: AGENTS }, {
    bound: "b",
    transport: "http",
  });
  assert.ok(!(await fixture.toolNames()).includes(STATUS));
  assert.equal((await fixture.call(STATUS)).code, "-32602");
});

Deno.test("[rules.status] if the client is bound to no agent, the agent named by the call must have status: true", async () => {
  await using fixture = await SessionFixture.open({ agents: AGENTS }, { transport: "http" });
  assert.ok((await fixture.toolNames()).includes(STATUS));
  assert.deepEqual(await fixture.call(STATUS, { agent_id: "a" }), {});
  const { code, rule } = await fixture.call(STATUS, { agent_id: "b" });
  assert.deepEqual([code, rule], ["DENIED_BY_POLICY", "agents.b.status"]);
  await fixture.reload({ agents: { b: {} } });
  assert.ok(!(await fixture.toolNames()).includes(STATUS));
});

Deno.test("[rules.status] over stdio in debug mode every agent sees the status", async () => {
  await using fixture = await SessionFixture.open({ agents: AGENTS });
  assert.ok((await fixture.toolNames()).includes(STATUS));
  assert.deepEqual(await fixture.call(STATUS, { agent_id: "b" }), {});
});
