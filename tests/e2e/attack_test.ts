import assert from "node:assert/strict";
import { type Fields, misbehavingServer, readRefusal, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const SECRET = "sk-0123456789";
const INITIALIZE_ANSWER =
  '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}}';

/** Returns the entry of a server that sends these answers in turn, the first to `initialize`; its shell expands their variables. */
function scriptedServer(...answers: string[]): Fields {
  // After the first answer the gateway sends `notifications/initialized`.
  const script = answers.map((answer, index) => {
    return `${"read -r line; ".repeat(index === 0 ? 1 : 2)}cat <<END\n${answer}\nEND\n`;
  });
  const args = ["-c", `${script.join("")}cat >/dev/null`];
  return { command: "sh", args, env: { API_KEY: SECRET }, gateway: { protocol: "legacy" } };
}

Deno.test("messages of a failing server are shown without secrets", async (t) => {
  const errorMessage = `the key $API_KEY in $HOME/keys is bad ${"x".repeat(5000)}`;
  const createErrorAnswer = (id: number) =>
    `{"jsonrpc":"2.0","id":${id},"error":{"code":1,"message":"${errorMessage}"}}`;
  const gateway = await startGateway({
    servers: {
      refuses: scriptedServer(createErrorAnswer(1)),
      "lists-nothing": scriptedServer(INITIALIZE_ANSWER, createErrorAnswer(2)),
      prints: scriptedServer("noise with $API_KEY", ""),
      nowhere: { command: "${userHome}/${MY_PLACE}/server" },
    },
    env: { MY_PLACE: "place-of-secrets" },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
  });
  const messageOf = async (server: string): Promise<string> => {
    const { code, message } = await gateway.expectRefusal("execute_tool", {
      server,
      tool: "x",
      args: {},
    });
    assert.equal(code, "SERVER_UNAVAILABLE");
    return message;
  };

  await t.step(
    "[errors.no-secrets] the error of a server is quoted briefly, without secrets",
    async () => {
      for (const server of ["refuses", "lists-nothing"]) {
        const message = await messageOf(server);
        assert.match(message, /the key \[redacted\] in ~\/keys is bad x/);
        assert.ok(message.length < 1000);
      }
    },
  );

  await t.step(
    "[errors.no-secrets] a command that was not found is shown without secrets",
    async () => {
      assert.match(
        await messageOf("nowhere"),
        /its command "~\/\[redacted\]\/server" was not found/,
      );
    },
  );

  await t.step("[errors.no-secrets] the log of a server's output contains no secret", async () => {
    const call = { server: "prints", tool: "x", args: {}, timeout_ms: 500 };
    await gateway.callGatewayTool("execute_tool", call);
    assert.match(gateway.program.stderr, /noise with \[redacted\]/);
    assert.equal(gateway.program.stderr.includes(SECRET), false);
  });
  await gateway.end();
});

Deno.test("a server cannot flood the log with invalid tools", async (t) => {
  const list = `{"jsonrpc":"2.0","id":2,"result":{"tools":[${"1,".repeat(999)}1]}}`;
  await using gateway = await startGateway({
    servers: { odd: scriptedServer(INITIALIZE_ANSWER, list) },
  });
  await t.step(
    "[tools.listing-odd-entries] the log names 20 invalid tools and counts the others",
    async () => {
      const { total_available } = await gateway.callGatewayToolForJson<Fields>("get_server_tools", {
        server: "odd",
      });
      assert.equal(total_available, 0);
      await waitUntil(
        "the log counts the others",
        () => /and 980 more/.test(gateway.program.stderr),
      );
      assert.equal(gateway.program.stderr.match(/Tool left out: tools/g)?.length, 20);
    },
  );
});

Deno.test("the gateway limits its work for excessive requests", async (t) => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });

  await t.step(
    "[tools.listing-hint] the hint explains 5 of 1,000 wrong names and counts the others",
    async () => {
      const wrongNames = Array.from({ length: 1000 }, (_, index) => `ech${index}`).join(",");
      const answer = await gateway.callGatewayToolForJson<{ hint: string }>("get_server_tools", {
        server: "odd",
        names: wrongNames,
      });
      assert.equal(answer.hint.match(/You may call no tool/g)?.length, 5);
      assert.match(answer.hint, /Nor 995 more of these names\.$/);
    },
  );

  const nestedName =
    "[tools.args-invalid] [protocol.too-complex] args that are nested too deeply are refused";
  await t.step(nestedName, async () => {
    const args = `{"a":${"[".repeat(600_000)}${"]".repeat(600_000)}}`;
    const refusal = readRefusal(
      await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "echo", args }),
    );
    assert.equal(refusal.code, "INVALID_ARGUMENTS");
    assert.match(refusal.message, /"args" is nested too deeply/);
  });
});

Deno.test("a server can request only what the client declared", async (t) => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    initialize: { capabilities: { roots: {} } },
  });
  gateway.client.setRequestHandler("roots/list", () => ({ roots: [] }));
  await t.step(
    "[servers.forward] only requests of declared capabilities reach the client",
    async () => {
      const requestFromClient = async (method: string) => {
        return JSON.parse(
          await gateway.callServerToolForText("odd", "ask", { method, params: {} }),
        );
      };
      assert.deepEqual(await requestFromClient("roots/list"), { roots: [] });
      assert.equal((await requestFromClient("elicitation/create")).code, -32601);
      assert.equal(gateway.client.notificationParams("elicitation/create").length, 0);
    },
  );
});

Deno.test("a session with a server that began before initialize is replaced after initialize", async (t) => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    initialize: false,
  });
  await t.step(
    "[servers.isolation] the new session has a new process, because the client declares more capabilities",
    async () => {
      const firstPid = await gateway.callServerToolForText("odd", "pid");
      await gateway.client.initialize({ capabilities: { roots: {} } });
      assert.notEqual(await gateway.callServerToolForText("odd", "pid"), firstPid);
    },
  );
});

Deno.test("audit lines of a bound connection name the bound agent", async (t) => {
  await using gateway = await startGateway({
    rules: { agents: { tester: {}, other: {} } },
    args: ["--agent", "tester"],
  });
  await t.step(
    "[audit.fields] [identity.bound] a refused call that claims another agent names both",
    async () => {
      await gateway.expectRefusal("execute_tool", { agent_id: "other", server: "odd" });
      await gateway.expectRefusal("execute_tool", { server: "odd" });
      await gateway.expectRefusal("list_servers", { agent_id: "other" });
      const lines = gateway.readAuditLog().map(({ agent_id, claimed_agent_id, code }) => {
        return [agent_id, claimed_agent_id, code];
      });
      assert.deepEqual(lines, [
        ["tester", "other", "INVALID_ARGUMENTS"],
        ["tester", undefined, "INVALID_ARGUMENTS"],
        ["tester", "other", "INVALID_AGENT_ID"],
      ]);
    },
  );
});
