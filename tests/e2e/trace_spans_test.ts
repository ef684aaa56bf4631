import assert from "node:assert/strict";
import { misbehavingServer, readSingleText, startGateway } from "./gateway.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";
import { OtlpReceiver, SPAN_KIND, STATUS_ERROR } from "./otlp_receiver.ts";
import type { Fields } from "./raw_client.ts";

const RULES = {
  agents: { tester: { allow: { servers: ["odd"] }, deny: { tools: { odd: ["pid"] } } } },
};
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_SPAN_ID = "b7ad6b7169203331";
const SECRET = "value-that-no-span-may-hold";

/** Returns the `_meta` of a call, from the line that the server received. */
function readMeta(line: string): Fields {
  return JSON.parse(line).params._meta ?? {};
}

Deno.test("[trace.spans] the spans of an operation are exported over OTLP", async (t) => {
  await using receiver = new OtlpReceiver();
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    rules: RULES,
    env: receiver.env,
    args: ["--agent", "tester"],
  });

  await t.step("[trace.context] the client's trace is continued and passed on", async () => {
    const meta = {
      traceparent: `00-${TRACE_ID}-${PARENT_SPAN_ID}-01`,
      tracestate: "vendor=one,other=two",
      baggage: "user=1",
      mine: 7,
    };
    const args = { server: "odd", tool: "echo", args: { text: SECRET } };
    const receivedMeta = readMeta(
      readSingleText(await gateway.callGatewayTool("execute_tool", args, meta)),
    );
    const call = await receiver.waitForSpan("tools/call echo");
    assert.equal(receivedMeta.traceparent, `00-${TRACE_ID}-${call.spanId}-01`);
    assert.equal(receivedMeta.tracestate, meta.tracestate);
    assert.equal(receivedMeta.baggage, meta.baggage);
    assert.equal(receivedMeta.mine, 7);
    const operation = await receiver.waitForSpan("tools/call execute_tool");
    assert.equal(operation.traceId, TRACE_ID);
    assert.equal(operation.parentSpanId, PARENT_SPAN_ID);
  });

  await t.step(
    "[trace.spans] decision, queue and call are children of their operation",
    async () => {
      const operation = await receiver.waitForSpan("tools/call execute_tool");
      const [decision, queue, call] = await Promise.all([
        receiver.waitForSpan("decision"),
        receiver.waitForSpan("queue"),
        receiver.waitForSpan("tools/call echo"),
      ]);
      for (const { traceId, parentSpanId } of [decision, queue, call]) {
        assert.deepEqual({ traceId, parentSpanId }, {
          traceId: TRACE_ID,
          parentSpanId: operation.spanId,
        });
      }
      assert.deepEqual([operation, decision, queue, call].map(({ kind }) => kind), [
        SPAN_KIND.server,
        SPAN_KIND.internal,
        SPAN_KIND.internal,
        SPAN_KIND.client,
      ]);
    },
  );

  await t.step(
    "[trace.attributes] the attributes have the names of the semantic conventions for MCP",
    async () => {
      const operation = await receiver.waitForSpan("tools/call execute_tool");
      const { "mcp.session.id": session, "jsonrpc.request.id": id, ...otherAttributes } =
        operation.attributes;
      const [auditLine] = gateway.readAuditLog();
      assert.equal(session, auditLine?.session);
      assert.equal(id, String(auditLine?.request_id));
      assert.deepEqual(otherAttributes, {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "execute_tool",
        "network.transport": "pipe",
        "gen_ai.agent.id": "tester",
      });
      assert.deepEqual((await receiver.waitForSpan("tools/call echo")).attributes, {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "network.transport": "pipe",
        "gateway.server": "odd",
      });
      const { attributes } = await receiver.waitForSpan("decision");
      assert.deepEqual(attributes, { "gateway.rule": auditLine?.rule });
    },
  );

  await t.step("[trace.failures] a failure is recorded on its span", async () => {
    await gateway.expectRefusal("execute_tool", { server: "odd", tool: "pid", args: {} });
    const deniedSpan = await receiver.waitForSpan(
      "tools/call execute_tool",
      ({ status, attributes }) => {
        return status?.code === STATUS_ERROR && attributes["error.type"] === "DENIED_BY_POLICY";
      },
    );
    const decision = await receiver.waitForSpan(
      "decision",
      (span) => span.traceId === deniedSpan.traceId,
    );
    assert.match(String(decision.attributes["gateway.rule"]), /\bdeny\b/);

    await gateway.callServerTool("odd", "fails");
    const failedSpan = await receiver.waitForSpan("tools/call fails");
    assert.equal(failedSpan.attributes["error.type"], "tool_error");
    assert.equal(failedSpan.status?.code, STATUS_ERROR);

    await gateway.callServerTool("odd", "rpc_error", { error: { code: -32050, message: SECRET } });
    const { attributes, status } = await receiver.waitForSpan("tools/call rpc_error");
    assert.equal(attributes["error.type"], "-32050");
    assert.equal(attributes["rpc.response.status_code"], "-32050");
    assert.equal(status?.code, STATUS_ERROR);
  });

  await t.step("[trace.context] an invalid context starts a new trace", async () => {
    for (
      const traceparent of [
        `00-${"0".repeat(32)}-${PARENT_SPAN_ID}-01`,
        `ff-${TRACE_ID}-${PARENT_SPAN_ID}-01`,
        7,
      ]
    ) {
      const args = { server: "odd", tool: "echo", args: {} };
      const meta = { traceparent, tracestate: "stale=1" };
      const receivedMeta = readMeta(
        readSingleText(await gateway.callGatewayTool("execute_tool", args, meta)),
      );
      const [, newTraceId = "", newSpanId] = String(receivedMeta.traceparent).split("-");
      assert.notEqual(newTraceId, TRACE_ID);
      assert.equal(receivedMeta.tracestate, undefined);
      await receiver.waitForSpan("tools/call echo", ({ spanId, traceId }) => {
        return spanId === newSpanId && traceId === newTraceId;
      });
    }
  });

  await t.step(
    "[trace.context] a call without a trace context starts a new trace, too",
    async () => {
      const { traceparent } = readMeta(await gateway.callServerToolForText("odd", "echo"));
      assert.match(String(traceparent), /^00-[\da-f]{32}-[\da-f]{16}-01$/);
      const newSpanId = String(traceparent).split("-")[2];
      await receiver.waitForSpan("tools/call echo", ({ spanId }) => spanId === newSpanId);
    },
  );

  await t.step("[trace.no-values] spans contain no argument values", () => {
    assert.equal(receiver.receivedText.includes(SECRET), false);
  });
});

Deno.test("[trace.attributes] the span of a tool called by its own name names that tool once it is known", async () => {
  await using receiver = new OtlpReceiver();
  const env = { ...receiver.env, GATEWAY_FACE: "direct" };
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() }, env });
  for (const name of ["odd__echo", "unknown"]) {
    await gateway.client.request("tools/call", { name, arguments: {} });
  }
  const findSpan = (isFailed: boolean) =>
    receiver.waitForSpan(
      "tools/call",
      ({ status }) => isFailed === (status?.code === STATUS_ERROR),
    );
  assert.equal((await findSpan(false)).attributes["gen_ai.tool.name"], "odd__echo");
  const { attributes } = await findSpan(true);
  assert.equal(attributes["gen_ai.operation.name"], "execute_tool");
  assert.equal(attributes["gen_ai.tool.name"], undefined);
});

Deno.test("[trace.spans] the last spans are exported before the gateway ends", async () => {
  await using receiver = new OtlpReceiver();
  const env = { ...receiver.env, OTEL_BSP_SCHEDULE_DELAY: "600000" };
  const gateway = await startGateway({ servers: { odd: misbehavingServer() }, env });
  await gateway.callServerToolForText("odd", "count");
  assert.deepEqual(receiver.spans, [], "no span is exported before the gateway ends");
  await gateway.end();
  assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), [
    "decision",
    "queue",
    "tools/call count",
    "tools/call execute_tool",
  ]);
});

Deno.test("[trace.no-values] the log warns once of a server with a variable or a password in its URL, which Deno's own spans contain", async () => {
  await using receiver = new OtlpReceiver();
  await using server = new ProtectedServer();
  server.allowsAnonymous = true;
  const { host } = new URL(server.url);
  const servers = {
    queryVariable: { url: `${server.url}?key=\${KEY}` },
    password: { url: `http://user:\${KEY}@${host}/mcp` },
    hostVariable: { url: "http://${HOST}/mcp" },
  };
  const env = { ...receiver.env, KEY: SECRET, HOST: host };
  await using gateway = await startGateway({ servers, env });
  for (const name of ["queryVariable", "queryVariable", "password", "hostVariable"]) {
    assert.equal(await gateway.callServerToolForText(name, "read"), "read");
  }
  const warnings = gateway.program.stderr.match(/.*appears in Deno's traces.*/g) ?? [];
  assert.deepEqual(warnings.map((warning) => /server=(\w+)$/.exec(warning)?.[1]), [
    "queryVariable",
    "password",
  ]);
  assert.match(warnings[0] ?? "", /put keys into headers instead/);
  assert.equal(warnings.join().includes(SECRET), false);
});
