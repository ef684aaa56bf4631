import assert from "node:assert/strict";
import { misbehavingServer, readSingleText, startGateway, type TransportKind } from "./gateway.ts";
import { EVERY_COMMAND } from "./every_command.ts";
import { GATEWAY_COMMAND, type GatewayCommand, VERSION } from "./gateway_command.ts";
import { runOnce } from "./run_once.ts";

/** Transports to test a form with: both for the form that the suite runs on, HTTP for the image, stdio for all others. */
function testedTransports(command: GatewayCommand): readonly TransportKind[] {
  if (command === "image") return ["http"];
  return command === GATEWAY_COMMAND ? ["stdio", "http"] : ["stdio"];
}

for (const command of EVERY_COMMAND) {
  for (const transport of testedTransports(command)) {
    Deno.test(`an agent does its whole job over ${transport}, from ${command}`, async (t) => {
      await using gateway = await startGateway({
        command,
        transport,
        servers: { odd: misbehavingServer(), dies: misbehavingServer("--exit=1") },
        rules: {
          agents: {
            a: { allow: { servers: ["odd", "dies"] }, deny: { tools: { odd: ["env"] } } },
          },
        },
        initialize: false,
      });
      const { client } = gateway;

      await t.step("[lifecycle.handshake] a client connects", async () => {
        const { result } = await client.initialize();
        assert.equal(result?.protocolVersion, "2025-11-25");
        assert.equal((result?.serverInfo as { version: string }).version, VERSION);
      });

      await t.step("[tools.list] the client lists three tools", async () => {
        const { result } = await client.request("tools/list");
        assert.equal((result?.tools as unknown[]).length, 3);
      });

      await t.step("[tools.servers-shape] the agent lists servers", async () => {
        const servers = await gateway.callGatewayToolForJson("list_servers", { agent_id: "a" });
        assert.deepEqual(servers, [{ name: "odd" }, { name: "dies" }]);
      });

      await t.step("[tools.listing-shape] [tools.signatures] the agent lists tools", async () => {
        const answer = await gateway.callGatewayToolForJson<{ tools: unknown[]; detail: string }>(
          "get_server_tools",
          {
            agent_id: "a",
            server: "odd",
            names: "echo",
            detail: "signatures",
          },
        );
        const description = "What echo does";
        assert.deepEqual(answer.tools, [
          { name: "echo", signature: "echo(text?: string)", description },
        ]);
      });

      await t.step("[tools.execute-unchanged] the agent calls a tool", async () => {
        const text = await gateway.callServerToolForText("odd", "echo", { text: "é" }, {
          agent_id: "a",
        });
        assert.deepEqual(JSON.parse(text).params.arguments, { text: "é" });
      });

      await t.step(
        "[tools.task] [protocol.progress] the agent calls a tool that must run as a task, and a tool with progress",
        async () => {
          await gateway.callServerToolForText("odd", "must_be_task", {}, { agent_id: "a" });
          const { result } = await client.request("tools/call", {
            name: "execute_tool",
            arguments: { agent_id: "a", server: "odd", tool: "progress", args: {} },
            _meta: { progressToken: 0 },
          });
          assert.equal(readSingleText(result), "done");
          assert.equal(client.notificationParams("notifications/progress").length, 3);
        },
      );

      await t.step("[errors.denied] a denied call is refused", async () => {
        const call = { agent_id: "a", server: "odd", tool: "env", args: {} };
        const { code, rule } = await gateway.expectRefusal("execute_tool", call);
        assert.deepEqual([code, rule], ["DENIED_BY_POLICY", "agents.a.deny.tools.odd[0]"]);
      });

      await t.step("[errors.unavailable] [errors.timeout] failed calls are refused", async () => {
        const callOfDying = { agent_id: "a", server: "dies", tool: "x", args: {} };
        assert.equal(
          (await gateway.expectRefusal("execute_tool", callOfDying)).code,
          "SERVER_UNAVAILABLE",
        );
        const slowCall = { agent_id: "a", server: "odd", tool: "wait", args: {}, timeout_ms: 50 };
        assert.equal((await gateway.expectRefusal("execute_tool", slowCall)).code, "TIMEOUT");
      });

      await t.step("[audit.fields] each operation is in the audit log", () => {
        const decisions = gateway.readAuditLog().map(({ decision }) => decision);
        assert.deepEqual(decisions, [
          ...["ALLOW", "ALLOW", "ALLOW", "ALLOW", "ALLOW"],
          ...["DENY", "ERROR", "ERROR"],
        ]);
      });

      await t.step("[lifecycle.end-of-input] the gateway ends cleanly", async () => {
        await gateway.end();
      });
    });
  }

  Deno.test(`the command line works, from ${command}`, async (t) => {
    await t.step("[cli.version] [cli.help] the program prints its version and help", async () => {
      const version = await runOnce(["--version"], { command });
      assert.deepEqual([version.code, version.stdout], [0, VERSION]);
      const help = await runOnce(["serve", "--help"], { command });
      assert.match(help.stdout, /--mcp-config/);
    });

    await t.step("[cli.usage-errors] [cli.config-errors] the program reports errors", async () => {
      const usage = await runOnce(["--no-such-flag"], { command });
      assert.deepEqual([usage.code, usage.stdout], [2, ""]);
      const config = await runOnce([], { command, servers: "{" });
      assert.deepEqual([config.code, config.stdout], [1, ""]);
      assert.match(config.stderr, /\.mcp\.json:1:/);
    });
  });
}
