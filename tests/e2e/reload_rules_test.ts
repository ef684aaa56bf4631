import assert from "node:assert/strict";
import { createPipe } from "../config/temp_folder.ts";
import { executeToolParams, type Message, readRefusal, startGateway } from "./gateway.ts";
import {
  callNamedServer,
  CONFIG_FILES,
  editAndReload,
  type GatewayStatus,
  namedServer,
  readStatus,
} from "./config_edits.ts";
import { waitUntil } from "./wait.ts";

const ALLOWED = { agents: { tester: { allow: { servers: ["*"] } } } };
const DENIED = {
  agents: { tester: { allow: { servers: ["*"] }, deny: { tools: { one: ["identify"] } } } },
};
const ARGS = ["--agent", "tester", "--debug"];
const RELOADED_MESSAGE = "The changed configuration is in force";

/** Returns the line of a request that calls a gateway tool. */
function toolCallLine(name: string, args: object, id: string): string {
  return JSON.stringify({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name, arguments: args },
  });
}

Deno.test("rules change while the gateway serves", async (t) => {
  await using gateway = await startGateway({
    servers: { one: namedServer("one") },
    rules: ALLOWED,
    args: ARGS,
  });
  const { client, setup, program } = gateway;
  const { pid } = await callNamedServer(gateway, "one");
  const callArgs = { server: "one", tool: "identify", args: { token: "x" } };

  await t.step(
    "[reload.revoked] once the status reports the reload, a revoked permission is denied",
    async () => {
      for (let round = 0; round < 3; round++) {
        const { success_count } = (await readStatus(gateway)).reload_status.gateway_rules;
        setup.writeFile(CONFIG_FILES.gateway_rules, DENIED);
        await waitUntil("the status reports the reload", async () => {
          // Both requests are sent in one write, so that nothing happens between them.
          const ids = [client.newId(), client.newId()].map(String);
          const [statusAnswer, callAnswer] = ids.map((id) => client.waitForAnswer(id));
          const lines = [
            toolCallLine("get_gateway_status", {}, ids[0] ?? ""),
            toolCallLine("execute_tool", callArgs, ids[1] ?? ""),
          ];
          await client.sendLine(lines.join("\n"));
          const [status, answer] = [
            readStatusAnswer((await statusAnswer)?.message),
            (await callAnswer)?.message,
          ];
          if (status.reload_status.gateway_rules.success_count === success_count) return false;
          const { code, rule } = readRefusal(answer?.result);
          assert.deepEqual([code, rule], ["DENIED_BY_POLICY", "agents.tester.deny.tools.one[0]"]);
          return true;
        });
        await editAndReload(gateway, "gateway_rules", ALLOWED);
        assert.equal((await callNamedServer(gateway, "one")).pid, pid);
      }
    },
  );

  await t.step(
    "[reload.revoked] once the log reports the reload, a revoked permission is denied",
    async () => {
      const countReloads = () => program.stderr.split(RELOADED_MESSAGE).length - 1;
      const reloadCount = countReloads();
      setup.writeFile(CONFIG_FILES.gateway_rules, DENIED);
      await waitUntil("the log reports the reload", () => countReloads() > reloadCount);
      assert.equal(
        (await gateway.expectRefusal("execute_tool", callArgs)).code,
        "DENIED_BY_POLICY",
      );
      await editAndReload(gateway, "gateway_rules", ALLOWED);
    },
  );

  await t.step(
    "[reload.in-flight] a call in progress is completed although its tool is denied meanwhile",
    async () => {
      const params = executeToolParams("one", "identify", { token: "late", after_ms: 1000 });
      const answer = client.request("tools/call", params);
      await editAndReload(gateway, "gateway_rules", DENIED);
      assert.equal(
        (await gateway.expectRefusal("execute_tool", callArgs)).code,
        "DENIED_BY_POLICY",
      );
      assert.deepEqual((await answer).result?.content, [{ type: "text", text: `one ${pid} late` }]);
      await editAndReload(gateway, "gateway_rules", ALLOWED);
    },
  );

  await t.step(
    "[reload.bad-file] an invalid file changes nothing; log and status report all errors",
    async () => {
      const invalidRules =
        '{"agents": {"tester": {"allow": {"servers": "*"}}, "b c": {}},\n "defaults": 7}';
      const status = await editAndReload(gateway, "gateway_rules", invalidRules);
      const { mcp_config, gateway_rules } = status.reload_status;
      const errors = gateway_rules.last_error?.split("\n") ?? [];
      assert.equal(errors.length, 3, gateway_rules.last_error ?? "none");
      for (const error of errors) {
        assert.match(error, /^\.mcp-gateway-rules\.json:[12]:\d+: \S/);
        assert.ok(program.stderr.includes(error), error);
      }
      assert.ok(gateway_rules.success_count < gateway_rules.attempt_count);
      assert.ok(gateway_rules.last_success < gateway_rules.last_attempt);
      assert.equal(mcp_config.last_error, null);
      assert.equal((await callNamedServer(gateway, "one")).pid, pid);
    },
  );

  await t.step(
    "[reload.bad-file] a valid file is not used while the other is invalid, and the status says why",
    async () => {
      const mcpServers = { one: namedServer("one"), two: namedServer("two") };
      const { reload_status, available_servers } = await editAndReload(gateway, "mcp_config", {
        mcpServers,
      });
      assert.match(
        String(reload_status.mcp_config.last_error),
        /error in \.mcp-gateway-rules\.json/,
      );
      assert.deepEqual(available_servers, ["one"]);

      const laterStatus = await editAndReload(gateway, "gateway_rules", ALLOWED);
      const { mcp_config, gateway_rules } = laterStatus.reload_status;
      assert.deepEqual([mcp_config.last_error, gateway_rules.last_error], [null, null]);
      assert.equal(mcp_config.success_count, reload_status.mcp_config.success_count + 1);
      assert.equal((await callNamedServer(gateway, "two")).name, "two");
      assert.equal((await callNamedServer(gateway, "one")).pid, pid);
    },
  );

  await t.step(
    "[reload.bad-file] a missing file changes nothing until it is back",
    async () => {
      const earlierStatus = await readStatus(gateway);
      Deno.removeSync(`${setup.workingFolder}/${CONFIG_FILES.gateway_rules}`);
      const error = await waitUntil("the status reports the error", async () => {
        const { last_error } = (await readStatus(gateway)).reload_status.gateway_rules;
        return last_error ?? undefined;
      });
      assert.match(error, /there is no such file/);
      assert.equal((await callNamedServer(gateway, "one")).pid, pid);
      const { reload_status } = await editAndReload(gateway, "gateway_rules", DENIED);
      assert.equal(reload_status.gateway_rules.last_error, null);
      const { success_count } = earlierStatus.reload_status.gateway_rules;
      assert.equal(reload_status.gateway_rules.success_count, success_count + 1);
      assert.equal(
        (await gateway.expectRefusal("execute_tool", callArgs)).code,
        "DENIED_BY_POLICY",
      );
    },
  );

  await t.step(
    "[rules.shadow] [rules.shadow-warns] shadow mode takes effect with a reload, the log and the status warn of it, and it ends with another",
    async () => {
      const [tester] = Object.values(DENIED.agents);
      const rules = {
        agents: { tester: { ...tester, mode: "shadow", ask: { tools: { one: ["*"] } } } },
      };
      const shadowed = await editAndReload(gateway, "gateway_rules", rules);
      assert.deepEqual(shadowed.policy_state.shadow_agents, ["tester"]);
      const [warning = "none"] = shadowed.reload_status.gateway_rules.last_warnings;
      assert.match(warning, /agent "tester" is in shadow mode/);
      assert.ok(program.stderr.includes(warning));
      await callNamedServer(gateway, "one");
      const lines = gateway.readAuditLog().filter(({ shadow }) => shadow !== undefined);
      assert.ok(lines.length > 0);
      for (const { tool, decision, shadow, rule } of lines) {
        assert.deepEqual([tool, decision, shadow, rule], [
          "identify",
          "ALLOW",
          "DENY",
          "agents.tester.deny.tools.one[0]",
        ]);
      }
      const enforced = await editAndReload(gateway, "gateway_rules", DENIED);
      assert.equal(enforced.policy_state.shadow_agents, undefined);
      const { code } = await gateway.expectRefusal("execute_tool", callArgs);
      assert.equal(code, "DENIED_BY_POLICY");
      await editAndReload(gateway, "gateway_rules", ALLOWED);
    },
  );

  await t.step("[reload.warnings] the log and the status show warnings", async () => {
    const rulesWithWarning = { agents: { tester: { allow: { servers: ["one", "nowhere"] } } } };
    const { reload_status } = await editAndReload(gateway, "gateway_rules", rulesWithWarning);
    const { last_warnings, last_error } = reload_status.gateway_rules;
    assert.equal(last_error, null);
    assert.equal(last_warnings.length, 1);
    assert.match(last_warnings[0] ?? "", /nowhere/);
    assert.ok(program.stderr.includes(last_warnings[0] ?? "none"));
    const laterStatus = await editAndReload(gateway, "gateway_rules", ALLOWED);
    assert.deepEqual(laterStatus.reload_status.gateway_rules.last_warnings, []);
  });
});

Deno.test({
  name: "[reload.sighup] on SIGHUP the gateway reads both files again, changed or not",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = await startGateway({
      servers: { one: namedServer("one") },
      rules: ALLOWED,
      args: ARGS,
    });
    const { pid } = await callNamedServer(gateway, "one");
    for (const count of [2, 3]) {
      gateway.program.sendSignal("SIGHUP");
      const { mcp_config, gateway_rules } = await waitUntil(
        "both files are read again",
        async () => {
          const { reload_status } = await readStatus(gateway);
          return reload_status.gateway_rules.attempt_count === count && reload_status;
        },
      );
      for (const { attempt_count, success_count, last_error } of [mcp_config, gateway_rules]) {
        assert.deepEqual([attempt_count, success_count, last_error], [count, count, null]);
      }
    }
    // SIGHUP and the file watcher may both cause a reload of the same change.
    gateway.setup.writeFile(CONFIG_FILES.gateway_rules, DENIED);
    gateway.program.sendSignal("SIGHUP");
    await waitUntil("the call is denied", async () => {
      return (await gateway.callServerTool("one", "identify", { token: "x" })).isError === true;
    });
    await editAndReload(gateway, "gateway_rules", ALLOWED);
    assert.equal((await callNamedServer(gateway, "one")).pid, pid);
  },
});

Deno.test("[reload.start] a change of the rules before initialize takes effect", async () => {
  await using gateway = await startGateway({
    servers: { one: namedServer("one") },
    rules: ALLOWED,
    args: ARGS,
    initialize: false,
  });
  await waitUntil(
    "the gateway is ready",
    () => gateway.program.stderr.includes("Gateway is ready"),
  );
  gateway.setup.writeFile(CONFIG_FILES.gateway_rules, DENIED);
  await gateway.client.initialize();
  await waitUntil("the call is denied", async () => {
    return (await gateway.callServerTool("one", "identify", { token: "x" })).isError === true;
  });
});

/** Reads the status in the answer to a call of `get_gateway_status`. */
function readStatusAnswer(message: Message | undefined): GatewayStatus {
  const [content] = message?.result?.content as { text: string }[];
  return JSON.parse(content?.text ?? "");
}

Deno.test({
  name:
    "[reload.bad-file] a pipe in place of a file blocks neither calls nor the end of the gateway",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = await startGateway({
      servers: { one: namedServer("one") },
      rules: ALLOWED,
      args: ARGS,
    });
    const path = `${gateway.setup.workingFolder}/${CONFIG_FILES.gateway_rules}`;
    Deno.removeSync(path);
    createPipe(path);
    await waitUntil("the status reports the error", async () => {
      const { last_error } = (await readStatus(gateway)).reload_status.gateway_rules;
      return last_error?.includes("this is a pipe or a device");
    });
    await callNamedServer(gateway, "one");
    Deno.removeSync(path);
    const { reload_status } = await editAndReload(gateway, "gateway_rules", DENIED);
    assert.equal(reload_status.gateway_rules.last_error, null);
    await gateway.end();
  },
});

Deno.test({
  name:
    "[reload.polling] with a new named pipe in the folder of a file, a change of the file takes effect soon",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = await startGateway({
      servers: { one: namedServer("one") },
      rules: ALLOWED,
      args: [...ARGS, "--log-level", "debug"],
    });
    // From this reload on, the folder is watched. A pipe that appears then blocks the watch.
    await editAndReload(gateway, "gateway_rules", DENIED);
    createPipe(`${gateway.setup.workingFolder}/pipe`);
    await waitUntil(
      "the folder is polled",
      () => gateway.program.stderr.includes("a named pipe in it blocks the watch"),
    );
    for (const rules of [ALLOWED, DENIED]) {
      const { tookMs } = await editAndReload(gateway, "gateway_rules", rules);
      // Without the polling of this folder, the file would be read only every 5 s.
      assert.ok(tookMs < 4500, `${tookMs} ms`);
    }
    await gateway.end();
  },
});
