import assert from "node:assert/strict";
import { isAgentId } from "../../src/agent_id.ts";
import { type CallerFacts, resolveAgent } from "../../src/policy/mod.ts";

const KNOWN_AGENTS = ["backend", "team.frontend", "default"];

function createIdentity(
  overrides: Partial<CallerFacts> = {},
  agents: readonly string[] = KNOWN_AGENTS,
): CallerFacts {
  return { denyOnMissing: false, has: (agent) => agents.includes(agent), ...overrides };
}

/** Returns the error of a call that is refused because of its `agent_id`. */
function identityErrorOf(agentId: string | undefined, identity: CallerFacts) {
  const resolution = resolveAgent(agentId, identity);
  assert.ok("error" in resolution, `resolved to ${JSON.stringify(resolution)}`);
  return resolution.error;
}

const DENY_ON_MISSING = { denyOnMissing: true };

Deno.test("[identity.agent-ids] agent ids are 1 to 128 letters, digits, -, _ and .", () => {
  const validIds = ["a", "Z", "0", "team.role", "a-b_c.d", "..", "a".repeat(128), "__proto__"];
  const letters = ["\u00e9", "\u0430", "\u{1f600}", "\uff41"];
  const invalidIds = ["", "a".repeat(129), "a b", "a/b", "a\n", "\na", "a*", "a\u0000", ...letters];
  assert.deepEqual(validIds.filter(isAgentId), validIds);
  assert.deepEqual(invalidIds.filter(isAgentId), []);
});

Deno.test("[identity.given] an agent_id that is in the rules is the caller", () => {
  for (const denyOnMissing of [true, false]) {
    const identity = createIdentity({ denyOnMissing, defaultAgent: "backend" });
    assert.deepEqual(resolveAgent("team.frontend", identity), { agent: "team.frontend" });
  }
});

Deno.test("[identity.unknown-agent] an unknown agent is refused in every mode", () => {
  for (const name of ["ghost", "Backend", "backend.", "toString", "__proto__"]) {
    for (const denyOnMissing of [true, false]) {
      const { code, message } = identityErrorOf(
        name,
        createIdentity({ denyOnMissing, defaultAgent: "backend" }),
      );
      assert.equal(code, "INVALID_AGENT_ID");
      assert.ok(message.includes(`"${name}"`));
    }
  }
});

Deno.test("[identity.malformed] a malformed agent_id is refused, even if the rules contain it", () => {
  const agents = ["a b", "x".repeat(129)];
  for (const name of [...agents, " ", "a\nb", "*"]) {
    for (const overrides of [DENY_ON_MISSING, { bound: "backend" }, { bound: name }]) {
      const { code } = identityErrorOf(
        name,
        createIdentity(overrides, [...agents, ...KNOWN_AGENTS]),
      );
      assert.equal(code, "INVALID_AGENT_ID");
    }
  }
});

Deno.test("[identity.malformed] the message quotes a malformed agent_id shortened and in printable ASCII", () => {
  const hostileIds = [
    "\u001b[31m\r\n\u202e\u0000\u007f\u{1f600}",
    "\u009b".repeat(5_000_000),
    '"\\" ',
  ];
  for (const name of hostileIds) {
    const { message, hint = "" } = identityErrorOf(name, createIdentity());
    assert.match(message + hint, /^[ -~]+$/);
    assert.ok(message.length < 500);
  }
  const { message } = identityErrorOf("a\nb", createIdentity());
  assert.ok(message.includes(String.raw`"a\nb"`));
});

Deno.test("[identity.missing-denied] deny_on_missing_agent denies a call without agent_id despite a fallback", () => {
  for (const agentId of [undefined, ""]) {
    const identity = createIdentity({ ...DENY_ON_MISSING, defaultAgent: "backend" });
    assert.equal(identityErrorOf(agentId, identity).code, "INVALID_AGENT_ID");
  }
});

Deno.test("[identity.fallback] without agent_id the caller is GATEWAY_DEFAULT_AGENT, or else the agent named default", () => {
  for (const agentId of [undefined, ""]) {
    assert.deepEqual(resolveAgent(agentId, createIdentity({ defaultAgent: "backend" })), {
      agent: "backend",
    });
    assert.deepEqual(resolveAgent(agentId, createIdentity()), { agent: "default" });
    assert.deepEqual(resolveAgent(agentId, createIdentity({ defaultAgent: "" })), {
      agent: "default",
    });
  }
});

Deno.test("[identity.no-fallback] a call without agent_id is refused with NO_FALLBACK_CONFIGURED if there is no fallback", () => {
  for (const agentId of [undefined, ""]) {
    assert.equal(
      identityErrorOf(agentId, createIdentity({}, ["backend"])).code,
      "NO_FALLBACK_CONFIGURED",
    );
  }
});

Deno.test("[identity.fallback-not-in-rules] a configured fallback that is not in the rules is refused, although the agent default exists", () => {
  const { code, message, hint } = identityErrorOf(
    undefined,
    createIdentity({ defaultAgent: "ghost" }),
  );
  assert.equal(code, "FALLBACK_AGENT_NOT_IN_RULES");
  assert.ok(!`${message} ${hint}`.includes("ghost"));
});

Deno.test("[identity.bound] a bound gateway accepts calls without agent_id or with its own", () => {
  for (const agentId of [undefined, "", "backend"]) {
    for (const denyOnMissing of [true, false]) {
      const identity = createIdentity({ denyOnMissing, bound: "backend", defaultAgent: "default" });
      assert.deepEqual(resolveAgent(agentId, identity), { agent: "backend" });
    }
  }
});

Deno.test("[identity.bound] an agent_id other than the bound one is refused with the same message, whether the rules contain it or not", () => {
  const messages = ["default", "ghost"].map((agentId) => {
    const { code, message, hint } = identityErrorOf(agentId, createIdentity({ bound: "backend" }));
    assert.equal(code, "INVALID_AGENT_ID");
    return `${message} ${hint}`.replaceAll(agentId, "");
  });
  assert.equal(messages[0], messages[1]);
  assert.ok(!messages[0]?.includes("backend"));
});

Deno.test("[identity.bound] a bound agent that is not in the rules is refused without a fallback", () => {
  for (const bound of ["ghost", "", "toString"]) {
    for (const agentId of [undefined, "", bound]) {
      const { code } = identityErrorOf(agentId, createIdentity({ bound, defaultAgent: "backend" }));
      assert.equal(code, "INVALID_AGENT_ID");
    }
  }
});

Deno.test("[identity.bound] a connection that is bound to two agents says so, whatever the agent_id", () => {
  for (const agentId of [undefined, "", "backend"]) {
    const { code, message } = identityErrorOf(agentId, createIdentity({ bound: "" }));
    assert.equal(code, "INVALID_AGENT_ID");
    assert.match(message, /^This connection is bound to two agents/);
  }
});

Deno.test("[identity.no-other-names] refusals name only the agent that was given", () => {
  const agents = ["zeta-one", "zeta-two", "default"];
  const situations: [string | undefined, Partial<CallerFacts>][] = [
    ["ghost", {}],
    ["zeta-two", { bound: "zeta-one" }],
    ["ghost", { bound: "zeta-one" }],
    [undefined, { bound: "ghost" }],
    [undefined, { ...DENY_ON_MISSING, defaultAgent: "zeta-one" }],
    [undefined, { defaultAgent: "ghost" }],
    ["not valid", { bound: "zeta-one", defaultAgent: "zeta-two" }],
  ];
  for (const [agentId, overrides] of situations) {
    const { message, hint = "" } = identityErrorOf(agentId, createIdentity(overrides, agents));
    const text = agentId === undefined ? message + hint : (message + hint).replaceAll(agentId, "");
    for (const name of ["zeta-one", "zeta-two", "ghost"]) {
      assert.ok(!text.includes(name), `${name} in: ${text}`);
    }
  }
});
