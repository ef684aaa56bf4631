import assert from "node:assert/strict";
import {
  executeToolParams,
  misbehavingServer,
  readRefusal,
  readSingleText,
  startGateway,
} from "./gateway.ts";

const RULES = {
  agents: {
    all: { allow: { servers: ["*"] } },
    asked: { allow: { servers: ["*"] }, ask: { tools: { "*": ["*"] } } },
    fenced: {
      allow: { servers: ["*"], tools: { odd: ["*"] } },
      deny: { tools: { "*": [{ tool: "echo", when: { text: { like: "*secret*" } } }] } },
    },
    some: {
      allow: { servers: ["odd", "odder"], tools: { odd: ["echo", "contents", "gr*"] } },
      deny: { servers: ["secret-*"], tools: { odd: ["grow"] } },
    },
  },
};

Deno.test("a refusal says what an agent can do next", async (t) => {
  await using gateway = await startGateway({
    servers: {
      odd: misbehavingServer(),
      "secret-one": misbehavingServer(),
      other: misbehavingServer(),
    },
    rules: RULES,
    args: ["--init-strategy", "lazy"],
  });
  const refuseCall = (agent: string, server: string, tool: string) => {
    return gateway.expectRefusal("execute_tool", { agent_id: agent, server, tool, args: {} });
  };

  await t.step(
    "[errors.denied] [errors.shape] a tool that a rule denies is refused with that rule",
    async () => {
      const { result } = await gateway.client.request("tools/call", {
        name: "execute_tool",
        arguments: { agent_id: "some", server: "odd", tool: "grow", args: {} },
      });
      const error = {
        code: "DENIED_BY_POLICY",
        message: 'Agent "some" may not use tool "grow" of server "odd".',
        retryable: false,
        rule: "agents.some.deny.tools.odd[0]",
        hint: "Use another tool, or tell the user that the gateway's rules do not allow this",
      };
      assert.deepEqual(result, {
        content: [{ type: "text", text: JSON.stringify({ error }) }],
        isError: true,
      });
    },
  );

  await t.step(
    "[errors.denied] the refusal names the allow list that lacks the tool or server, or the deny rule of the server",
    async () => {
      const toolRefusal = await refuseCall("some", "odd", "pid");
      assert.deepEqual([toolRefusal.code, toolRefusal.rule], [
        "DENIED_BY_POLICY",
        "agents.some.allow.tools.odd",
      ]);
      const serverRefusal = await refuseCall("some", "other", "echo");
      assert.deepEqual([serverRefusal.code, serverRefusal.rule], [
        "DENIED_BY_POLICY",
        "agents.some.allow.servers",
      ]);
      const listing = { agent_id: "some", server: "secret-one" };
      const { code, rule } = await gateway.expectRefusal("get_server_tools", listing);
      assert.deepEqual([code, rule], ["DENIED_BY_POLICY", "agents.some.deny.servers[0]"]);
    },
  );

  await t.step(
    "[errors.denied-hides] a denial is the same whether or not the server exists",
    async () => {
      for (
        const [existing, missing] of [["other", "xxxxx"], ["secret-one", "secret-xxx"]] as const
      ) {
        const refusals = await Promise.all([
          refuseCall("some", existing, "echo"),
          refuseCall("some", missing, "echo"),
          gateway.expectRefusal("get_server_tools", { agent_id: "some", server: existing }),
          gateway.expectRefusal("get_server_tools", { agent_id: "some", server: missing }),
        ]);
        const [existingCall, missingCall, existingList, missingList] = refusals.map((refusal) => {
          return JSON.stringify(refusal).replaceAll(missing, existing);
        });
        assert.deepEqual([existingCall, existingList], [missingCall, missingList]);
      }
    },
  );

  await t.step(
    "[errors.not-configured] an allowed server that is not configured is unavailable",
    async () => {
      assert.deepEqual(await refuseCall("all", "nothing", "echo"), {
        code: "SERVER_UNAVAILABLE",
        retryable: false,
        message: 'Server "nothing" is not available: it is not configured.',
        hint: "Call list_servers to see the servers you may use",
      });
    },
  );

  await t.step(
    "[errors.near-servers] for a misspelt server, similar names that the agent may use are suggested",
    async () => {
      const readCodeAndHint = async (agent: string, server: string) => {
        const executed = await refuseCall(agent, server, "echo");
        const listed = await gateway.expectRefusal("get_server_tools", { agent_id: agent, server });
        assert.equal(executed.hint, listed.hint);
        return [executed.code, executed.hint ?? ""];
      };
      const advice =
        "Use one of them if you meant it, or tell the user that the gateway's rules do " +
        "not allow this";
      assert.deepEqual(await readCodeAndHint("some", "ood"), [
        "DENIED_BY_POLICY",
        `Similar names among the servers you may use: odd. ${advice}`,
      ]);
      assert.deepEqual(await readCodeAndHint("all", "Oddd"), [
        "SERVER_UNAVAILABLE",
        "Similar names: odd. Call list_servers to see the servers you may use",
      ]);
      // The hint suggests neither a server of other agents nor one that is only named in the rules.
      for (const server of ["othr", "secret-one", "secret-onee", "odderr"]) {
        const [code, hint = ""] = await readCodeAndHint("some", server);
        assert.deepEqual([code, /Similar|\bother\b|secret|odder/.test(hint)], [
          "DENIED_BY_POLICY",
          false,
        ]);
      }
      assert.doesNotMatch((await refuseCall("some", "odd", "pid")).hint ?? "", /Similar/);
      // A rule for the tools of all servers decides before anything is known of the server.
      assert.match(
        (await refuseCall("fenced", "ood", "echo")).hint ?? "",
        /^Similar names among the servers you may use: odd\. Use one of them/,
      );
      assert.doesNotMatch((await refuseCall("fenced", "odd", "echo")).hint ?? "", /Similar/);
      // Nobody is asked to approve a call to a server that is not there.
      assert.deepEqual(await readCodeAndHint("asked", "Oddd"), [
        "SERVER_UNAVAILABLE",
        "Similar names: odd. Call list_servers to see the servers you may use",
      ]);
    },
  );

  await t.step(
    "[errors.tool-not-found] an unknown tool is refused with similar names that the agent may call",
    async () => {
      assert.deepEqual(await refuseCall("all", "odd", "ecko"), {
        code: "TOOL_NOT_FOUND",
        retryable: false,
        message: 'Server "odd" has no tool "ecko".',
        hint: "Similar names: echo",
      });
      assert.match((await refuseCall("all", "odd", "grov")).hint ?? "", /\bgrow\b/);
      assert.doesNotMatch((await refuseCall("some", "odd", "grov")).hint ?? "", /\bgrow\b/);
      assert.ok(((await refuseCall("all", "odd", "wai")).hint ?? "").split(",").length <= 3);
    },
  );

  await t.step(
    "[errors.tool-not-found] if no name is similar, the hint says how to list the tools",
    async () => {
      const { hint } = await refuseCall("all", "odd", "zzzzzzzzzz");
      assert.match(hint ?? "", /get_server_tools/);
    },
  );

  await t.step(
    "[errors.asked-afresh] for an unknown tool, the gateway requests the tool list again",
    async () => {
      const callOddTool = (tool: string) => {
        return gateway.callServerToolForText("odd", tool, {}, { agent_id: "all" });
      };
      const countListRequests = async () =>
        (await callOddTool("received")).match(/"tools\/list"/g)?.length ?? 0;
      const previousCount = await countListRequests();
      await refuseCall("all", "odd", "grown");
      assert.equal(await countListRequests(), previousCount + 1);
      await callOddTool("grow");
      assert.match(await callOddTool("grown"), /"name":"grown"/);
      assert.equal(await countListRequests(), previousCount + 2);
      await callOddTool("grown");
      assert.equal(await countListRequests(), previousCount + 2);
    },
  );

  await t.step("[errors.no-insides] no answer shows internals of the gateway", () => {
    const answers = gateway.client.receivedMessages.map(({ text }) => text).join("\n");
    assert.equal(answers.includes(gateway.setup.workingFolder), false);
    assert.doesNotMatch(answers, /\bat file:|\.ts:\d|\bsrc\/|Error:/);
  });

  await t.step("[errors.no-agent-names] no answer names another agent", () => {
    const refusals = gateway.client.receivedMessages.map(({ text }) => text).filter((text) => {
      return text.includes("DENIED_BY_POLICY");
    });
    assert.ok(refusals.length > 5);
    for (const text of refusals) assert.doesNotMatch(text, /agents\.all|Agent \\\\?"all/);
  });
});

Deno.test("a call that takes too long ends with TIMEOUT", async (t) => {
  const limits = { call_timeout_ms: 600, max_call_ms: 1600 };
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer(), limited: { ...misbehavingServer(), gateway: limits } },
  });
  // Both servers must have started: a call that waits for a start cannot be cancelled at the server.
  for (const server of ["odd", "limited"]) await gateway.callServerToolForText(server, "waiting");
  const expectTimeout = async (server: string, tool: string, args = {}, executeToolArgs = {}) => {
    const { code, message } = readRefusal(
      await gateway.callServerTool(server, tool, args, executeToolArgs),
    );
    assert.equal(code, "TIMEOUT");
    return message;
  };

  const cancelledName =
    "[errors.timeout] [tools.timeout-ms] a call ends after timeout_ms, and is cancelled at the server";
  await t.step(cancelledName, async () => {
    assert.deepEqual(
      readRefusal(await gateway.callServerTool("odd", "wait", {}, { timeout_ms: 100 })),
      {
        code: "TIMEOUT",
        retryable: false,
        message: 'Server "odd" did not finish the call within 100 ms; the call was cancelled',
        hint: "The tool may have run: find out before you call it again",
      },
    );
    assert.equal(await gateway.callServerToolForText("odd", "waiting"), "0");
    assert.match(
      await gateway.callServerToolForText("odd", "received"),
      /"notifications\/cancelled"/,
    );
  });

  await t.step(
    "[servers.call-timeout] a call ends after call_timeout_ms without progress",
    async () => {
      assert.match(await expectTimeout("limited", "wait"), /600 ms/);
      assert.equal(await gateway.callServerToolForText("limited", "waiting"), "0");
    },
  );

  await t.step("[servers.call-timeout] progress restarts call_timeout_ms", async () => {
    const args = { every_ms: 200, times: 4 };
    assert.equal(await gateway.callServerToolForText("limited", "slow_progress", args), "done");
  });

  await t.step(
    "[servers.call-timeout] progress does not restart the caller's timeout_ms",
    async () => {
      const args = { every_ms: 100, times: 6 };
      assert.match(
        await expectTimeout("limited", "slow_progress", args, { timeout_ms: 350 }),
        /350 ms/,
      );
    },
  );

  await t.step("[servers.call-timeout] timeout_ms may be longer than call_timeout_ms", async () => {
    const answer = gateway.callServerToolForText("limited", "wait", {}, { timeout_ms: 1000 });
    const sentMs = performance.now();
    const { result } = await gateway.client.request("tools/call", executeToolParams("odd", "echo"));
    readSingleText(result);
    await assert.rejects(answer);
    assert.ok(performance.now() - sentMs > 800);
  });

  await t.step("[servers.max-call] every call ends at max_call_ms", async () => {
    const args = { every_ms: 100, times: 20 };
    assert.match(await expectTimeout("limited", "slow_progress", args), /1600 ms/);
    assert.match(await expectTimeout("limited", "wait", {}, { timeout_ms: 60_000 }), /1600 ms/);
  });
});
