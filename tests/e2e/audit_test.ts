import assert from "node:assert/strict";
import { join } from "node:path";
import { createPipe, TempFolder } from "../config/temp_folder.ts";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { type AuditLine, DEFAULT_AUDIT_LOG } from "./setup.ts";

const RULES = {
  agents: {
    a: { allow: { servers: ["*"] }, deny: { tools: { odd: ["env"] } } },
  },
};
const NEVER_WRITTEN = "canary-argument";

/** Checks the members of a line that differ in each run, and returns the line without their values. */
function checkAndOmitVaryingFields(line: AuditLine | undefined): AuditLine {
  const { timestamp, latency_ms, downstream_ms, session, ...otherFields } = line ?? {};
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(String(timestamp)) - Date.now()) < 60_000);
  assert.ok(Number(latency_ms) >= 0);
  assert.match(String(session), /^[\w-]{8,}$/);
  if (downstream_ms === undefined) return otherFields;
  assert.ok(Number(downstream_ms) <= Number(latency_ms));
  return { ...otherFields, downstream_ms: "some" };
}

Deno.test("the audit log has a line for every operation", async (t) => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() }, rules: RULES });
  const { client } = gateway;

  /** Calls a gateway tool and returns its audit line, which must exist when the answer arrives. */
  const callAndReadLine = async (
    name: string,
    args: object,
    id?: string | number,
  ): Promise<AuditLine> => {
    const previousCount = gateway.readAuditLog().length;
    await client.request("tools/call", { name, arguments: { agent_id: "a", ...args } }, id);
    const lines = gateway.readAuditLog();
    assert.equal(lines.length, previousCount + 1);
    return checkAndOmitVaryingFields(lines.at(-1));
  };

  const stepName = "[audit.before-answer] [audit.fields] the line exists before the answer";
  await t.step(stepName, async () => {
    const text = `${NEVER_WRITTEN} é`;
    const args = `{ "text": "${text}" }`;
    const params = `{"name":"execute_tool","arguments":{"agent_id":"a","server":"odd",` +
      `"tool":"echo","args":${args}}}`;
    const answer = await client.requestText("tools/call", params, "first");
    const result = answer.text.slice(answer.text.indexOf('"result":') + 9, -1);
    const lines = gateway.readAuditLog();
    assert.equal(lines.length, 1);
    assert.deepEqual(checkAndOmitVaryingFields(lines[0]), {
      agent_id: "a",
      operation: "execute_tool",
      decision: "ALLOW",
      phase: "ended",
      server: "odd",
      tool: "echo",
      rule: "agents.a.allow.servers[0]",
      downstream_ms: "some",
      request_id: "first",
      args_bytes: new TextEncoder().encode(args).length,
      result_bytes: new TextEncoder().encode(result).length,
    });
  });

  await t.step("[audit.before-answer] each of 100 lines exists before its answer", async () => {
    for (let number = 0; number < 100; number++) {
      const call = { server: "odd", tool: "echo", args: { text: "" } };
      const { request_id } = await callAndReadLine("execute_tool", call, `n${number}`);
      assert.equal(request_id, `n${number}`);
    }
  });

  await t.step("[audit.fields] lines of the discovery tools have their fields", async () => {
    const { result_bytes: _, ...list } = await callAndReadLine("list_servers", {}, 0);
    assert.deepEqual(list, {
      agent_id: "a",
      operation: "list_servers",
      decision: "ALLOW",
      request_id: 0,
    });
    const { result_bytes: __, ...tools } = await callAndReadLine("get_server_tools", {
      server: "odd",
    }, 1e6);
    assert.deepEqual(tools, {
      agent_id: "a",
      operation: "get_server_tools",
      decision: "ALLOW",
      server: "odd",
      rule: "agents.a.allow.servers[0]",
      request_id: 1e6,
    });
  });

  await t.step(
    "[audit.decision] the decision is DENY if the policy or the identity is the reason",
    async () => {
      const deniedLine = await callAndReadLine("execute_tool", {
        server: "odd",
        tool: "env",
        args: {},
      });
      assert.deepEqual([deniedLine.decision, deniedLine.code, deniedLine.rule], [
        "DENY",
        "DENIED_BY_POLICY",
        "agents.a.deny.tools.odd[0]",
      ]);
      const emptyLine = await callAndReadLine("list_servers", { agent_id: "" });
      assert.deepEqual([emptyLine.decision, emptyLine.code, emptyLine.agent_id], [
        "DENY",
        "INVALID_AGENT_ID",
        null,
      ]);
      const unknownLine = await callAndReadLine("list_servers", { agent_id: "stranger" });
      assert.deepEqual([unknownLine.decision, unknownLine.agent_id], ["DENY", "stranger"]);
      const longLine = await callAndReadLine("list_servers", { agent_id: "x".repeat(500) });
      assert.equal(longLine.agent_id, "x".repeat(128));
    },
  );

  await t.step("[audit.decision] the decision is ERROR for failures", async () => {
    const call = (tool: string, args: object, otherArguments = {}) => {
      return callAndReadLine("execute_tool", { server: "odd", tool, args, ...otherArguments });
    };
    const lines = [
      await call("no_such_tool", {}),
      await call("wait", {}, { timeout_ms: 50 }),
      await call("crash", { say: NEVER_WRITTEN }),
      await call("rpc_error", { error: { code: -32000, message: NEVER_WRITTEN } }),
      await call("echo", {}, { args: NEVER_WRITTEN }),
      await callAndReadLine("execute_tool", { server: "gone", tool: "echo", args: {} }),
    ];
    assert.deepEqual(lines.map(({ decision, code }) => `${decision} ${code}`), [
      "ERROR TOOL_NOT_FOUND",
      "ERROR TIMEOUT",
      "ERROR SERVER_UNAVAILABLE",
      "ERROR -32000",
      "ERROR INVALID_ARGUMENTS",
      "ERROR SERVER_UNAVAILABLE",
    ]);
  });

  await t.step(
    "[audit.decision] [audit.tool-errors] the decision is ALLOW, with tool_error, if the tool itself returns isError",
    async () => {
      const { decision, code, tool_error } = await callAndReadLine("execute_tool", {
        server: "odd",
        tool: "fails",
        args: {},
      });
      assert.deepEqual([decision, code, tool_error], ["ALLOW", undefined, true]);
    },
  );

  await t.step("[audit.fields] all lines of a connection have the same session", () => {
    assert.equal(new Set(gateway.readAuditLog().map(({ session }) => session)).size, 1);
  });

  await t.step(
    "[audit.fields] only operations and calls of unknown tools have a line",
    async () => {
      const before = gateway.readAuditLog().length;
      await client.request("tools/list");
      await client.request("ping");
      assert.equal(gateway.readAuditLog().length, before);
      const line = await callAndReadLine("no_such_tool".padEnd(100, "!"), {}, "unknown");
      assert.deepEqual(line, {
        agent_id: "a",
        operation: "tools/call",
        decision: "ERROR",
        tool: "no_such_tool".padEnd(64, "!"),
        code: "TOOL_NOT_FOUND",
        request_id: "unknown",
      });
    },
  );

  await t.step("[audit.no-values] argument values are not written", () => {
    const text = Deno.readTextFileSync(join(gateway.setup.workingFolder, DEFAULT_AUDIT_LOG));
    assert.equal(text.includes(NEVER_WRITTEN), false);
  });
});

Deno.test("the path of the audit log", async (t) => {
  await t.step(
    "[audit.path] the log is in the state folder by default, not in the working folder",
    async () => {
      await using gateway = await startGateway();
      await gateway.callGatewayToolForJson("list_servers");
      assert.equal(gateway.setup.readAuditLog().length, 1);
      const names = [...Deno.readDirSync(gateway.setup.workingFolder)].map(({ name }) => name);
      assert.deepEqual(names.sort(), [".mcp-gateway-rules.json", ".mcp.json"]);
      // The default path of the gateway's Python version can be configured.
      await using gatewayWithPath = await startGateway({
        env: { GATEWAY_AUDIT_LOG: "./logs/audit.jsonl" },
      });
      await gatewayWithPath.callGatewayToolForJson("list_servers");
      assert.equal(gatewayWithPath.setup.readAuditLog("logs/audit.jsonl").length, 1);
    },
  );

  await t.step(
    "[audit.path] GATEWAY_AUDIT_LOG sets the path, and --audit-log overrides it",
    async () => {
      for (
        const [args, env] of [
          [["--agent", "tester"], { GATEWAY_AUDIT_LOG: "~/deep/audit.log" }],
          [["--agent", "tester", "--audit-log", "~/deep/audit.log"], {
            GATEWAY_AUDIT_LOG: "no.log",
          }],
        ] as const
      ) {
        await using gateway = await startGateway({ args, env });
        await gateway.callGatewayToolForJson("list_servers");
        assert.equal(gateway.setup.readAuditLog("../home/deep/audit.log").length, 1);
      }
    },
  );

  await t.step(
    "[audit.fallback] the log is in the state folder if the configured path cannot be written",
    async () => {
      await using gateway = await startGateway({
        servers: { odd: misbehavingServer() },
        env: { GATEWAY_AUDIT_LOG: ".mcp.json/audit.jsonl" },
      });
      await gateway.client.request("tools/call", executeToolParams("odd", "echo"));
      assert.equal(gateway.setup.readAuditLog().length, 1);
      assert.match(gateway.program.stderr, /^warn: .*audit log.*\.mcp\.json\/audit\.jsonl/m);
    },
  );

  await t.step("[audit.failing-disk] no call fails if no path can be written", async () => {
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      env: {
        GATEWAY_AUDIT_LOG: ".mcp.json/audit.jsonl",
        XDG_STATE_HOME: "/proc/nowhere",
        LOCALAPPDATA: ".mcp.json",
      },
    });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    assert.equal(await gateway.callServerToolForText("odd", "count"), "2");
    assert.equal(gateway.program.stderr.match(/error: .*audit log cannot be written/g)?.length, 1);
  });
});

Deno.test({
  name:
    "[audit.refused-path] with a named pipe as GATEWAY_AUDIT_LOG, calls are answered, and the log is in the state folder",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    await using gateway = await startGateway({
      servers: { odd: misbehavingServer() },
      env: { GATEWAY_AUDIT_LOG: createPipe(`${folder.path}/pipe`) },
    });
    // The lines of these calls are longer than the buffer of a pipe, 64 KiB.
    for (let call = 0; call < 500; call++) await gateway.callServerToolForText("odd", "echo");
    assert.equal(gateway.readAuditLog().length, 500);
    assert.match(gateway.program.stderr, /^warn: .*pipe is not a regular file/m);
  },
});

Deno.test({
  name: "[audit.refused-path] with a link as GATEWAY_AUDIT_LOG, the file to which it leads stays",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    const target = folder.write("target", "export PATH\n");
    const link = `${folder.path}/audit.jsonl`;
    Deno.symlinkSync(target, link);
    await using gateway = await startGateway({ env: { GATEWAY_AUDIT_LOG: link } });
    await gateway.callGatewayToolForJson("list_servers");
    assert.equal(Deno.readTextFileSync(target), "export PATH\n");
    assert.equal(gateway.readAuditLog().length, 1);
  },
});
