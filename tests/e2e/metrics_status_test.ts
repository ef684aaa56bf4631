import assert from "node:assert/strict";
import { misbehavingServer, startGateway } from "./gateway.ts";

interface OperationSummary {
  readonly count: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly tool_errors: number;
  readonly error_rate: number;
  readonly latency_avg_ms: number;
  readonly latency_p50_ms: number;
  readonly latency_p95_ms: number;
  readonly latency_p99_ms: number;
}

/** Summaries by name, for each kind: operations, agents, servers and tools. */
type MetricsSummary = Readonly<Record<string, Readonly<Record<string, OperationSummary>>>>;

const RULES = {
  agents: {
    a: { allow: { servers: ["odd"] }, deny: { tools: { odd: ["pid"] } } },
    b: { allow: { servers: ["odd"] } },
  },
};

Deno.test("[tools.status-metrics] the status has the metrics of all operations", async (t) => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: RULES,
    args: ["--debug"],
  });
  const call = async (agent_id: string, tool: string, args = {}): Promise<void> => {
    await gateway.callGatewayTool("execute_tool", { agent_id, server: "odd", tool, args });
  };
  await call("a", "count");
  await call("a", "count");
  await call("b", "count");
  await call("a", "pid");
  await call("a", "rpc_error", { error: { code: -32050, message: "no" } });
  await call("nobody", "count");
  await call("b", "fails");
  await gateway.callGatewayTool("list_servers", { agent_id: "b" });
  const status = await gateway.callGatewayToolForJson<{ metrics: MetricsSummary }>(
    "get_gateway_status",
    {
      agent_id: "b",
    },
  );
  const { operations = {}, agents = {}, servers = {}, tools = {} } = status.metrics;

  const countsOf = (summaries: MetricsSummary[string]) => {
    return Object.fromEntries(
      Object.entries(summaries).map(([name, { count, errors }]) => [name, { count, errors }]),
    );
  };
  await t.step("[metrics.dimensions] each dimension has counts, and errors by code", () => {
    const errors = { DENIED_BY_POLICY: 1, "-32050": 1, INVALID_AGENT_ID: 1 };
    assert.deepEqual(countsOf(operations), {
      execute_tool: { count: 7, errors },
      list_servers: { count: 1, errors: {} },
    });
    const { INVALID_AGENT_ID: _, ...errorsOfA } = errors;
    assert.deepEqual(countsOf(agents), {
      a: { count: 4, errors: errorsOfA },
      b: { count: 3, errors: {} },
    });
    assert.deepEqual(countsOf(servers), { odd: { count: 6, errors: errorsOfA } });
    assert.deepEqual(countsOf(tools), {
      "odd/count": { count: 3, errors: {} },
      "odd/rpc_error": { count: 1, errors: { "-32050": 1 } },
      "odd/fails": { count: 1, errors: {} },
    });
    assert.equal(operations.execute_tool?.error_rate, 0.429, "3 of 7");
    for (const summary of [operations.execute_tool, agents.b, servers.odd, tools["odd/fails"]]) {
      assert.equal(summary?.tool_errors, 1);
    }
    assert.equal(tools["odd/count"]?.tool_errors, 0);
  });

  await t.step("[metrics.percentiles] the latencies agree with the audit log", () => {
    const latenciesMs = gateway.readAuditLog().filter(({ operation }) =>
      operation === "execute_tool"
    )
      .map(({ latency_ms }) => Number(latency_ms)).toSorted((a, b) => a - b);
    const summary = operations.execute_tool;
    assert.ok(summary);
    // The median of 7 sorted latencies has index 3; the 95th and the 99th percentile have index 6.
    const assertClose = (figure: number, exact = NaN): void => {
      assert.ok(Math.abs(figure - exact) <= exact * 0.01 + 0.01, `${figure} for ${exact}`);
    };
    assertClose(
      summary.latency_avg_ms,
      latenciesMs.reduce((sum, latencyMs) => sum + latencyMs) / latenciesMs.length,
    );
    assertClose(summary.latency_p50_ms, latenciesMs[3]);
    assertClose(summary.latency_p95_ms, latenciesMs[6]);
    assertClose(summary.latency_p99_ms, latenciesMs[6]);
  });
});

Deno.test("[metrics.bounded] names that callers make up have no metrics of their own", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: RULES,
    args: ["--debug"],
  });
  for (let number = 0; number < 30; number++) {
    const name = `made-up-${number}`;
    const args = {};
    await gateway.callGatewayTool("execute_tool", {
      agent_id: name,
      server: "odd",
      tool: "count",
      args,
    });
    await gateway.callGatewayTool("execute_tool", {
      agent_id: "a",
      server: name,
      tool: "count",
      args,
    });
    await gateway.callGatewayTool("execute_tool", {
      agent_id: "a",
      server: "odd",
      tool: name,
      args,
    });
  }
  const { metrics } = await gateway.callGatewayToolForJson<{ metrics: MetricsSummary }>(
    "get_gateway_status",
    {
      agent_id: "a",
    },
  );
  const namesByKind = Object.entries(metrics).map(([kind, summaries]) => {
    return [kind, Object.keys(summaries)];
  });
  assert.deepEqual(Object.fromEntries(namesByKind), {
    operations: ["execute_tool"],
    agents: ["a"],
    servers: ["odd"],
    tools: [],
    audit: ["path", "failures", "waiting", "dropped"],
  });
});
