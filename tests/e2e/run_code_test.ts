/** `run_code` as agents use it: results, errors, and the records of its calls. */
import assert from "node:assert/strict";
import { CodeFixture, readCodeAnswer } from "./code_fixture.ts";
import { readRefusal } from "./agent_session.ts";
import { EarlierClient } from "./eras_clients.ts";
import type { HttpTransport } from "./http_transport.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";
import { waitUntil } from "./wait.ts";

for (const transport of ["stdio", "http"] as const) {
  for (const client of ["earlier", "stateless"] as const) {
    Deno.test(`[own.code] code calls tools as its agent, for a client of the ${client} era over ${transport}`, async (t) => {
      await using fixture = await CodeFixture.start({ transport, client });
      const { approvals } = fixture;

      await t.step(
        "[own.code-answer] it returns a value, its output, and the list of its calls",
        async () => {
          const answer = await fixture.run(`
          const ids: string[] = ["a", "b"];
          for (const id of ids) console.log("wrote", (await tools.notes.plain({ id, deep: [1, null] })).id);
          const whole = await call("notes", "plain", { id: "c" });
          return { whole, none: undefined };
        `);
          assert.deepEqual(answer, {
            result: { whole: { id: "c" } },
            logs: "wrote a\nwrote b",
            calls: Array(3).fill({ server: "notes", tool: "plain" }),
          });
          assert.deepEqual(["a", "b", "c"].map((id) => approvals.effects(id)), [1, 1, 1]);
        },
      );

      await t.step(
        "[own.code-records] each call is recorded, with the request that ran the code",
        async () => {
          const [...lines] = await fixture.audited();
          const run = lines.find(({ tool }) => tool === "run_code");
          const calls = lines.filter(({ tool }) => tool === "plain");
          assert.deepEqual([run?.operation, run?.server, run?.rule, run?.phase, run?.parent], [
            "execute_tool",
            "gateway",
            "agents.writer.allow.servers[1]",
            "ended",
            undefined,
          ]);
          assert.deepEqual(
            calls.map(({ request_id }) => request_id),
            [1, 2, 3].map((number) => {
              return `${run?.request_id}.${number}`;
            }),
          );
          for (const call of calls) {
            assert.deepEqual(
              [call.agent_id, call.operation, call.server, call.decision, call.rule],
              [
                "writer",
                "execute_tool",
                "notes",
                "ALLOW",
                "agents.writer.allow.servers[0]",
              ],
            );
            assert.equal(call.parent, run?.request_id);
            assert.equal(call.session, run?.session);
            assert.ok(Number(call.result_bytes) > 0);
          }
          const { stdout, stderr } = await approvals.shell("audit", "tail", "--lines", "20");
          assert.match(
            stdout,
            new RegExp(`notes/plain .* in code of request ${run?.request_id}`),
            stderr,
          );
        },
      );

      await t.step("[own.code-errors] refusals and errors throw, with their codes", async () => {
        const answer = await fixture.run(`
          const codes = {};
          const tried = async (name, run) => {
            try { await run(); } catch (error) { codes[name] = [error.code, error.message, error.rule]; }
          };
          await tried("failed", () => tools.notes.fail({}));
          await tried("denied", () => tools.other.tool({}));
          await tried("unknown", () => tools.notes.nothing({}));
          await tried("nested", () => tools.gateway.run_code({ code: "return 1" }));
          await tried("own", () => tools.gateway.approval_status({ approval_id: "a" }));
          await tried("array", () => call("notes", "plain", [1]));
          return codes;
        `);
        const codes = answer.result as Readonly<Record<string, string[]>>;
        assert.deepEqual(Object.entries(codes).map(([name, [code]]) => [name, code]), [
          ["failed", "TOOL_ERROR"],
          ["denied", "DENIED_BY_POLICY"],
          ["unknown", "TOOL_NOT_FOUND"],
          ["nested", "INVALID_ARGUMENTS"],
          ["own", "INVALID_ARGUMENTS"],
          ["array", "INVALID_ARGUMENTS"],
        ]);
        assert.match(codes.failed?.[1] ?? "", /failed/);
        assert.match(codes.own?.[1] ?? "", /^approval_status: /);
        assert.equal(codes.denied?.[2], "agents.writer.allow.servers");
        const listed = answer.calls.map(({ server, tool, code }) => `${server} ${tool} ${code}`);
        assert.deepEqual(listed, [
          "notes fail TOOL_ERROR",
          "other tool DENIED_BY_POLICY",
          "notes nothing TOOL_NOT_FOUND",
          "gateway run_code INVALID_ARGUMENTS",
          "gateway approval_status INVALID_ARGUMENTS",
          "notes plain INVALID_ARGUMENTS",
        ]);
      });

      await t.step(
        "[own.code-errors] code that fails says where, and keeps its output",
        async () => {
          const thrown = await fixture.run(`console.log("before");\n\nthrow new Error("no luck");`);
          assert.deepEqual([thrown.error?.code, thrown.error?.line, thrown.logs], [
            "CODE_ERROR",
            3,
            "before",
          ]);
          assert.match(thrown.error?.message ?? "", /no luck/);
          const refused = await fixture.run("return await tools.other.tool()");
          const error: Readonly<Record<string, unknown>> = refused.error ?? {};
          const { code, rule, retryable, hint } = error;
          assert.deepEqual(
            [code, rule, retryable],
            ["DENIED_BY_POLICY", "agents.writer.allow.servers", false],
          );
          assert.match(String(hint), /tell the user/);
          assert.equal((await fixture.run("return {")).error?.code, "SYNTAX_ERROR");
        },
      );
    });
  }
}

Deno.test("[own.code-answer] the list of calls has those that had not ended when the code ended", async () => {
  await using fixture = await CodeFixture.start();
  const { approvals } = fixture;
  const answer = await fixture.run(`
    const waiting = tools.notes.wait({ id: "w" });
    await tools.notes.plain({ id: "a" });
    await Promise.all([waiting, tools.other.tool({})]);
  `);
  assert.equal(answer.error?.code, "DENIED_BY_POLICY");
  assert.deepEqual(answer.calls, [
    { server: "notes", tool: "wait", code: "CANCELLED" },
    { server: "notes", tool: "plain" },
    { server: "other", tool: "tool", code: "DENIED_BY_POLICY" },
  ]);
  const unawaited = await fixture.run(`tools.notes.plain({ id: "b" }); return 1;`);
  assert.deepEqual([unawaited.result, unawaited.calls.length], [1, 1]);
  assert.ok(approvals.effects("a") === 1);
});

Deno.test("[own.code-time] code that does not end is ended at its time, or at the shorter time of the call", async () => {
  await using fixture = await CodeFixture.start({ env: { GATEWAY_CODE_TIMEOUT_MS: "3000" } });
  const endless = `console.log("begun"); while (true);`;
  const { error, logs } = await fixture.run(endless, { args: { timeout_ms: 100_000 } });
  assert.deepEqual([error?.code, logs], ["TIMEOUT", "begun"]);
  assert.match(error?.message ?? "", /within 3000 ms/);
  const short = await fixture.run(endless, { args: { timeout_ms: 1 } });
  assert.match(short.error?.message ?? "", /within 1 ms/);
  assert.equal(await fixture.resultOf("return 1"), 1);
});

Deno.test("[own.code-limits] code with calls needs only one place of the limits", async () => {
  await using fixture = await CodeFixture.start({ rules: { limits: { concurrent: 1 } } });
  const outcomes = await fixture.resultOf(`
    const tried = (id) => tools.notes.plain({ id }).then(() => "ok", (error) => error.code);
    const outcomes = [await tried("a"), await tried("b")];
    // Beside this call, which lasts as long as the code, there is no place.
    tools.notes.wait({ id: "w" }).catch(() => {});
    return [...outcomes, await tried("c")];
  `);
  assert.deepEqual(outcomes, ["ok", "ok", "RATE_LIMITED"]);
});

Deno.test("[own.code-limits] the calls of code count towards the limit per minute, as the code does", async () => {
  await using fixture = await CodeFixture.start({ rules: { limits: { per_minute: 4 } } });
  const outcomes = await fixture.resultOf(`
    const outcomes = [];
    for (const id of ["a", "b", "c", "d"]) {
      outcomes.push(await tools.notes.plain({ id }).then(() => "ok", (error) => error.code));
    }
    return outcomes;
  `);
  assert.deepEqual(outcomes, ["ok", "ok", "ok", "RATE_LIMITED"]);
});

Deno.test("[own.code-rules] the rules of the moment decide about each call of running code", async () => {
  await using fixture = await CodeFixture.start();
  const { approvals } = fixture;
  const running = fixture.run(`
    for (let number = 0;; number++) {
      try {
        await tools.notes.plain({ id: "x" });
        if (number === 0) console.log("first");
      } catch (error) {
        return [error.code, error.rule];
      }
    }
  `);
  await waitUntil("the code runs", () => approvals.effects("x") > 0);
  const allow = { servers: ["notes", "gateway"] };
  approvals.gateway.setup.writeFile(".mcp-gateway-rules.json", {
    agents: { writer: { allow, deny: { tools: { notes: ["plain"] } } } },
  });
  const { result, logs } = await running;
  assert.deepEqual([result, logs], [
    ["DENIED_BY_POLICY", "agents.writer.deny.tools.notes[0]"],
    "first",
  ]);
});

Deno.test("[own.code-rules] code that runs while the agent loses the own server, or while the own server goes, ends by itself", async () => {
  await using fixture = await CodeFixture.start();
  const { approvals } = fixture;
  const running = fixture.run(`
    let code;
    while (code === undefined) await tools.notes.plain({ id: "x" }).catch((error) => code = error.code);
    return code;
  `);
  await waitUntil("the code runs", () => approvals.effects("x") > 0);
  approvals.gateway.setup.writeFile(".mcp-gateway-rules.json", { agents: { writer: {} } });
  assert.equal((await running).result, "DENIED_BY_POLICY");
  const answer = await approvals.gateway.callServerTool("gateway", "run_code", {
    code: "return 1",
  });
  assert.match(JSON.stringify(answer), /DENIED_BY_POLICY/);
});

Deno.test("[own.code-rules] conditions judge the arguments of each call of code", async () => {
  const entry = { tool: "plain", when: { id: { equals: "a" } } };
  await using fixture = await CodeFixture.start({
    rules: { allow: { servers: ["gateway", "notes"], tools: { notes: [entry] } } },
  });
  const { result, error } = await fixture.run(`
    const { id } = await tools.notes.plain({ id: "a" });
    await tools.notes.plain({ id: "b" });
  `);
  assert.deepEqual([result, error?.code], [undefined, "DENIED_BY_POLICY"]);
  assert.match(String(error?.message), /id must be "a"/);
  assert.deepEqual(["a", "b"].map((id) => fixture.approvals.effects(id)), [1, 0]);
});

Deno.test("[own.code-answer] code gets results whole, and its own result is cut at the agent's limit", async () => {
  await using fixture = await CodeFixture.start({ rules: { limits: { max_result_tokens: 300 } } });
  const length = await fixture.resultOf(`
    const { text } = await tools.notes.plain({ id: "a", text: "word ".repeat(10_000) });
    return text.length;
  `);
  assert.equal(length, 50_000);
  const { result } = await fixture.client.request("tools/call", {
    name: "execute_tool",
    arguments: {
      server: "gateway",
      tool: "run_code",
      args: { code: `return Array(5000).fill("word")` },
    },
  });
  assert.match(JSON.stringify(result), /read_result/);
});

for (const client of ["earlier", "stateless"] as const) {
  Deno.test(`[own.code-cancel] a client of the ${client} era that cancels ends the code, and the calls that it waits for`, async () => {
    await using fixture = await CodeFixture.start({ client });
    const { approvals } = fixture;
    const cancellation = new AbortController();
    const running = fixture.client.request("tools/call", {
      name: "execute_tool",
      arguments: {
        server: "gateway",
        tool: "run_code",
        args: {
          code: `await tools.notes.wait({ id: "w" }); await tools.notes.plain({ id: "after" });`,
        },
      },
    }, { signal: cancellation.signal });
    running.catch(() => {});
    const journal = () => approvals.server.readJournal();
    await waitUntil("the call waits", () => journal().includes("waiting w"));
    cancellation.abort();
    await waitUntil("the call is cancelled", () => journal().includes("cancelled w"));
    const codes = await waitUntil("both are in the audit log", () => {
      const lines = approvals.gateway.readAuditLog()
        .filter(({ tool }) => tool === "wait" || tool === "run_code");
      return lines.length === 2 && lines.map(({ code }) => code);
    });
    assert.deepEqual(codes, ["CANCELLED", "CANCELLED"]);
    assert.equal(await fixture.resultOf("return 2"), 2);
    assert.equal(approvals.effects("after"), 0);
  });
}

for (const client of ["earlier", "stateless"] as const) {
  Deno.test(`[own.code-cancel] code ends with its client of the ${client} era`, async () => {
    await using fixture = await CodeFixture.start({ transport: "http", client });
    const { approvals } = fixture;
    const disconnection = new AbortController();
    const running = fixture.run(`await tools.notes.wait({ id: "w" });`, {
      // Over HTTP, a stateless client cancels by closing its connection.
      ...(client === "stateless" && { signal: disconnection.signal }),
    });
    running.catch(() => {});
    const journal = () => approvals.server.readJournal();
    await waitUntil("the call waits", () => journal().includes("waiting w"));
    disconnection.abort();
    const transport = fixture.client instanceof EarlierClient
      ? fixture.client.raw.transport
      : undefined;
    if (transport !== undefined) {
      const { sessionId } = transport as HttpTransport;
      const headers = { "mcp-session-id": String(sessionId) };
      await (await fetch(approvals.gateway.url, { method: "DELETE", headers })).body?.cancel();
    }
    await waitUntil("the run is in the audit log", () => {
      return approvals.gateway.readAuditLog().some(({ tool, code }) => {
        return tool === "run_code" && code === "CANCELLED";
      });
    });
    await (transport as HttpTransport | undefined)?.close();
  });
}

Deno.test("[own.code-time] a program waits in its own time while another one runs in the only sandbox", async () => {
  await using fixture = await CodeFixture.start({ env: { GATEWAY_MAX_SANDBOXES: "1" } });
  const { approvals } = fixture;
  const running = fixture.run(`await tools.notes.wait({ id: "w" });`, {
    args: { timeout_ms: 5000 },
  });
  await waitUntil("the code runs", () => approvals.server.readJournal().includes("waiting w"));
  const late = await fixture.run("return 1", { args: { timeout_ms: 10 } });
  assert.match(late.error?.message ?? "", /did not start within 10 ms/);
  const patient = await fixture.run("return 2");
  assert.deepEqual([patient.result, (await running).error?.code], [2, "TIMEOUT"]);
});

Deno.test("[own.code-time] the time of execute_tool ends code, too", async () => {
  await using fixture = await CodeFixture.start();
  const { result } = await fixture.client.request("tools/call", {
    name: "execute_tool",
    arguments: {
      server: "gateway",
      tool: "run_code",
      args: { code: "while (true);" },
      timeout_ms: 500,
    },
  });
  assert.equal(readRefusal(result).code, "TIMEOUT");
  const [line] = await fixture.audited();
  assert.deepEqual([line?.decision, line?.code], ["ERROR", "TIMEOUT"]);
  assert.equal(await fixture.resultOf("return 3"), 3);
});

Deno.test("[own.server] the _meta of a client cannot name another call of the own server", async () => {
  await using fixture = await CodeFixture.start();
  const result = await fixture.resultOf("return (await tools.notes.meta({})).progressToken", {
    meta: { "agent-mcp-gateway/call": "another" },
  });
  assert.equal(typeof result, "number");
});

Deno.test("[own.code] a client that sees tools directly runs code by its direct name", async () => {
  await using fixture = await CodeFixture.start({ env: { GATEWAY_FACE: "direct" } });
  const { result } = await fixture.client.request("tools/call", {
    name: "gateway__run_code",
    arguments: { code: `return (await tools.notes.plain({ id: "d" })).id` },
  });
  assert.equal(readCodeAnswer(result ?? {}).result, "d");
  const lines = await fixture.audited();
  assert.deepEqual(lines.map(({ operation, tool }) => [operation, tool]), [
    ["execute_tool", "plain"],
    ["direct", "run_code"],
  ]);
});

Deno.test("[own.code-records] the metrics count the code and each of its calls", async () => {
  await using fixture = await CodeFixture.start({ env: { GATEWAY_DEBUG: "true" } });
  await fixture.resultOf(`for (const id of ["a", "b"]) await tools.notes.plain({ id });`);
  const { metrics } = await fixture.approvals.gateway.callGatewayToolForJson<{
    metrics: Readonly<Record<"operations" | "tools", Readonly<Record<string, { count: number }>>>>;
  }>("get_gateway_status");
  const counts = Object.entries(metrics.tools).map(([name, { count }]) => `${name} ${count}`);
  assert.deepEqual(counts.sort(), ["gateway/run_code 1", "notes/plain 2"]);
});

Deno.test("[own.code-records] the calls of code belong to the trace of the request that runs it", async () => {
  await using receiver = new OtlpReceiver();
  await using fixture = await CodeFixture.start({ env: receiver.env });
  await fixture.resultOf(`await tools.notes.plain({ id: "a" });`);
  const toServer = await receiver.waitForSpan("tools/call plain");
  const run = await receiver.waitForSpan("tools/call run_code");
  const operations = receiver.spans.filter(({ name }) => name === "tools/call execute_tool");
  const [outer, nested] = operations.sort(({ parentSpanId: one }, { parentSpanId: other }) => {
    return (one ?? "").length - (other ?? "").length;
  });
  assert.equal(toServer.parentSpanId, nested?.spanId);
  assert.equal(nested?.parentSpanId, outer?.spanId);
  assert.equal(run.parentSpanId, outer?.spanId);
  assert.equal(new Set([toServer, run, outer, nested].map((span) => span?.traceId)).size, 1);
});
