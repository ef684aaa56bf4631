import assert from "node:assert/strict";
import {
  type Fields,
  misbehavingServer,
  readRefusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";

const AGENTS = {
  reader: { allow: { servers: ["odd"] } },
  "team.writer": { allow: { servers: ["other"] } },
  default: { allow: { servers: ["other"] } },
};
const SERVERS = { odd: misbehavingServer(), other: misbehavingServer() };
const LAZY_ENV = { GATEWAY_INIT_STRATEGY: "lazy" };

/** Calls `list_servers`, and returns the names of the listed servers. */
async function listServerNames(gateway: RunningGateway, args: Fields = {}): Promise<string[]> {
  const servers = await gateway.callGatewayToolForJson<{ name: string }[]>("list_servers", args);
  return servers.map(({ name }) => name);
}

/** Calls each of the three tools with the given `agent_id`, and returns the refusals. */
async function callEveryToolForRefusal(
  gateway: RunningGateway,
  agentArgs: Fields,
): Promise<Fields[]> {
  const calls: [string, Fields][] = [
    ["list_servers", {}],
    ["get_server_tools", { server: "odd" }],
    ["execute_tool", { server: "odd", tool: "echo", args: {} }],
  ];
  const answers = calls.map(([name, args]) =>
    gateway.callGatewayTool(name, { ...args, ...agentArgs })
  );
  return (await Promise.all(answers)).map((answer) => ({ ...readRefusal(answer) }));
}

Deno.test("an agent must identify itself", async (t) => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: { agents: AGENTS },
    env: { ...LAZY_ENV, GATEWAY_DEFAULT_AGENT: "reader" },
  });

  await t.step("[identity.given] agent_id names the agent", async () => {
    assert.deepEqual(await listServerNames(gateway, { agent_id: "reader" }), ["odd"]);
    assert.deepEqual(await listServerNames(gateway, { agent_id: "team.writer" }), ["other"]);
  });

  const missingIdTitle = "[identity.deny-by-default] [identity.missing-denied] [identity.empty] " +
    "a missing agent_id is refused by default";
  await t.step(missingIdTitle, async () => {
    for (const agent of [{}, { agent_id: "" }, { agent_id: null }]) {
      for (const refusal of await callEveryToolForRefusal(gateway, agent)) {
        assert.deepEqual(refusal, {
          code: "INVALID_AGENT_ID",
          retryable: false,
          message: "agent_id is missing. Call again with the agent_id that you were given.",
        });
      }
    }
  });

  await t.step("[identity.unknown-agent] calls of an unknown agent are refused", async () => {
    for (const refusal of await callEveryToolForRefusal(gateway, { agent_id: "Reader" })) {
      assert.deepEqual(refusal, {
        code: "INVALID_AGENT_ID",
        retryable: false,
        message: 'Agent "Reader" is not in the gateway\'s rules. Check the spelling of agent_id.',
        hint: "The operator of the gateway can add the agent to the rules.",
      });
    }
    for (const agent_id of ["__proto__", "constructor", "toString"]) {
      const [refusal] = await callEveryToolForRefusal(gateway, { agent_id });
      assert.equal(refusal?.code, "INVALID_AGENT_ID", agent_id);
    }
  });

  await t.step("[identity.malformed] calls with a malformed id are refused", async () => {
    for (const agent_id of ["two words", "a/b", "é", "a".repeat(129), "new\nline", "*"]) {
      const [refusal] = await callEveryToolForRefusal(gateway, { agent_id });
      assert.equal(refusal?.code, "INVALID_AGENT_ID", agent_id);
      assert.match(String(refusal?.message), /malformed/);
    }
  });

  await t.step("[identity.no-other-names] no refusal names another agent", () => {
    const answers = gateway.client.receivedMessages.map(({ text }) => text).join("\n");
    assert.doesNotMatch(answers, /team\.writer|\breader\b/);
  });
});

Deno.test("the agent of a call without agent_id", async (t) => {
  const defaults = { deny_on_missing_agent: false };
  const start = (agents: object, env: Record<string, string> = {}, args: string[] = []) => {
    const rules = { agents, defaults };
    return startGateway({ servers: SERVERS, rules, env: { ...LAZY_ENV, ...env }, args });
  };
  const { default: _, ...agentsWithoutDefault } = AGENTS;

  await t.step("[identity.fallback] it is the agent in GATEWAY_DEFAULT_AGENT", async () => {
    await using gateway = await start(AGENTS, { GATEWAY_DEFAULT_AGENT: "reader" });
    for (const agent of [{}, { agent_id: "" }, { agent_id: null }]) {
      assert.deepEqual(await listServerNames(gateway, agent), ["odd"]);
    }
    assert.deepEqual(await listServerNames(gateway, { agent_id: "team.writer" }), ["other"]);
    const [refusal] = await callEveryToolForRefusal(gateway, { agent_id: "stranger" });
    assert.equal(refusal?.code, "INVALID_AGENT_ID");
  });

  await t.step(
    "[identity.fallback] it is the agent in --default-agent, which overrides GATEWAY_DEFAULT_AGENT",
    async () => {
      const env = { GATEWAY_DEFAULT_AGENT: "reader" };
      await using gateway = await start(AGENTS, env, ["--default-agent", "team.writer"]);
      assert.deepEqual(await listServerNames(gateway), ["other"]);
    },
  );

  await t.step(
    "[identity.fallback] without either setting it is the agent called default",
    async () => {
      await using gateway = await start(AGENTS, { GATEWAY_DEFAULT_AGENT: "" });
      assert.deepEqual(await listServerNames(gateway), ["other"]);
    },
  );

  await t.step("[identity.no-fallback] without a default agent the call is refused", async () => {
    await using gateway = await start(agentsWithoutDefault);
    for (const refusal of await callEveryToolForRefusal(gateway, {})) {
      assert.deepEqual(refusal, {
        code: "NO_FALLBACK_CONFIGURED",
        retryable: false,
        message: "agent_id is missing, and no default agent (--default-agent) is set. " +
          "Call again with the agent_id that you were given.",
        hint: "The operator of the gateway can set --default-agent.",
      });
    }
  });

  await t.step(
    "[identity.fallback-not-in-rules] the call is refused if the default agent is not in the rules",
    async () => {
      await using gateway = await start(AGENTS, { GATEWAY_DEFAULT_AGENT: "stranger" });
      for (const refusal of await callEveryToolForRefusal(gateway, {})) {
        assert.deepEqual(refusal, {
          code: "FALLBACK_AGENT_NOT_IN_RULES",
          retryable: false,
          message: "agent_id is missing, and the default agent (--default-agent) is not in the " +
            "gateway's rules. Call again with the agent_id that you were given.",
          hint: "The operator of the gateway can add the default agent to the rules.",
        });
      }
    },
  );
});

Deno.test("a gateway that is bound to one agent", async (t) => {
  for (
    const [setting, env, args] of [
      ["--agent", {}, ["--agent", "reader"]],
      ["GATEWAY_AGENT", { GATEWAY_AGENT: "reader" }, []],
    ] as const
  ) {
    await t.step(`[identity.bound] bound by ${setting}, it accepts no other agent_id`, async () => {
      await using gateway = await startGateway({
        servers: SERVERS,
        rules: { agents: AGENTS, defaults: { deny_on_missing_agent: false } },
        env: { ...LAZY_ENV, GATEWAY_DEFAULT_AGENT: "team.writer", ...env },
        args,
      });
      for (const agent of [{}, { agent_id: "" }, { agent_id: "reader" }]) {
        assert.deepEqual(await listServerNames(gateway, agent), ["odd"]);
      }
      for (const agent_id of ["team.writer", "stranger"]) {
        for (const refusal of await callEveryToolForRefusal(gateway, { agent_id })) {
          assert.deepEqual(refusal, {
            code: "INVALID_AGENT_ID",
            retryable: false,
            message: `This connection may not act as agent "${agent_id}": ` +
              "it is bound to one agent. Call again without agent_id.",
          });
        }
      }
    });
  }

  const unknownAgentTitle =
    "[identity.bound] bound to an agent that is not in the rules, it refuses all calls";
  await t.step(unknownAgentTitle, async () => {
    await using gateway = await startGateway({
      servers: SERVERS,
      rules: { agents: AGENTS },
      args: ["--agent", "stranger"],
      env: LAZY_ENV,
    });
    for (const agent of [{}, { agent_id: "stranger" }, { agent_id: "reader" }]) {
      const [refusal] = await callEveryToolForRefusal(gateway, agent);
      assert.equal(refusal?.code, "INVALID_AGENT_ID");
    }
  });
});
