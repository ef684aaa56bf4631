import assert from "node:assert/strict";
import { Metrics } from "../../src/metrics/mod.ts";
import { countOperations, observeOperations } from "./observe_operations.ts";

Deno.test("[metrics.dimensions] operations are counted by operation, agent, server and tool", () => {
  const metrics = new Metrics();
  observeOperations(
    metrics,
    { agent: "a", server: "files", tool: "read", latencyMs: 10 },
    { agent: "b", server: "files", tool: "read", latencyMs: 30, code: "TIMEOUT" },
    { agent: "a", server: "web", tool: "read" },
    { agent: "a", server: "files", code: "DENIED_BY_POLICY" },
    { operation: "list_servers", agent: "a" },
    { code: "INVALID_AGENT_ID" },
  );
  const { operations, agents, servers, tools } = metrics.summary();
  const counts = (summaries: typeof tools) => {
    return Object.fromEntries(Object.entries(summaries).map(([name, { count }]) => [name, count]));
  };
  assert.deepEqual(counts(operations), { execute_tool: 5, list_servers: 1 });
  assert.deepEqual(counts(agents), { a: 4, b: 1 });
  assert.deepEqual(counts(servers), { files: 3, web: 1 });
  assert.deepEqual(counts(tools), { "files/read": 2, "web/read": 1 });
  assert.equal(tools["files/read"]?.latency_avg_ms, 20);
  assert.deepEqual(tools["files/read"]?.errors, { TIMEOUT: 1 });
  assert.deepEqual(servers.files?.errors, { TIMEOUT: 1, DENIED_BY_POLICY: 1 });
});

Deno.test("[metrics.bounded] after 50 error codes of servers, further ones are counted together as other", () => {
  const metrics = new Metrics();
  for (let code = 0; code < 1000; code++) observeOperations(metrics, { code: String(code) });
  const errors = metrics.summary().operations.execute_tool?.errors ?? {};
  assert.equal(Object.keys(errors).length, 51);
  assert.equal(errors.other, 950);
});

Deno.test("[metrics.errors] the gateway's own error codes and successes are counted even after many error codes of servers", () => {
  const metrics = new Metrics();
  for (let code = 0; code < 1000; code++) observeOperations(metrics, { code: String(code) });
  observeOperations(metrics, {}, { code: "TIMEOUT" });
  const { count, errors, error_rate } = metrics.summary().operations.execute_tool ?? {};
  assert.equal(count, 1002);
  assert.equal(errors?.TIMEOUT, 1);
  assert.equal(errors?.other, 950);
  assert.equal(error_rate, 0.999);
});

Deno.test("[metrics.bounded] after 100 agents, 100 servers and 200 tools, further names are counted together as other", () => {
  const metrics = new Metrics();
  for (let index = 0; index < 1000; index++) {
    const name = `name-${index}`;
    observeOperations(metrics, { agent: name, server: name, tool: name });
    observeOperations(metrics, { agent: "name-0", server: "name-0", tool: name });
  }
  const { agents, servers, tools } = metrics.summary();
  for (const [summaries, maxNames] of [[agents, 100], [servers, 100], [tools, 200]] as const) {
    assert.equal(Object.keys(summaries).length, maxNames + 1);
    // All operations are counted, those of further names as `other`.
    assert.equal(countOperations(summaries), 2000);
  }
  assert.equal(agents["name-0"]?.count, 1001);
  assert.equal(agents.other?.count, 900);
});

Deno.test("[metrics.bounded] names of built-in object properties are ordinary names", () => {
  const metrics = new Metrics();
  for (const name of ["__proto__", "constructor", "toString"]) {
    observeOperations(metrics, { agent: name, server: name, tool: name, code: name });
  }
  const { agents, operations } = JSON.parse(JSON.stringify(metrics.summary()));
  assert.deepEqual(Object.keys(agents), ["__proto__", "constructor", "toString"]);
  assert.deepEqual(Object.keys(operations.execute_tool.errors), Object.keys(agents));
});
