import assert from "node:assert/strict";
import { isAgentId } from "../../src/agent_id.ts";
import { type Identity, resolveAgent } from "../../src/policy/mod.ts";

const KNOWN_AGENTS = ["backend", "team.frontend", "default"];

function identity(
  overrides: Partial<Identity> = {},
  agents: readonly string[] = KNOWN_AGENTS,
): Identity {
  return { denyOnMissing: false, has: (agent) => agents.includes(agent), ...overrides };
}

/** Returns the error of a call whose caller cannot be identified. */
function identityErrorOf(agentId: string | undefined, identity: Identity) {
  const resolution = resolveAgent(agentId, identity);
  assert.ok("error" in resolution, `resolved to ${JSON.stringify(resolution)}`);
  return resolution.error;
}

const strict = { denyOnMissing: true };

Deno.test("[identity.agent-ids] agent ids are 1 to 128 letters, digits, -, _ and .", () => {
  const good = ["a", "Z", "0", "team.role", "a-b_c.d", "..", "a".repeat(128), "__proto__"];
  const letters = ["\u00e9", "\u0430", "\u{1f600}", "\uff41"];
  const bad = ["", "a".repeat(129), "a b", "a/b", "a\n", "\na", "a*", "a\u0000", ...letters];
  assert.deepEqual(good.filter(isAgentId), good);
  assert.deepEqual(bad.filter(isAgentId), []);
});

Deno.test("[identity.given] a given agent_id that is in the rules is the caller", () => {
  for (const denyOnMissing of [true, false]) {
    const who = identity({ denyOnMissing, defaultAgent: "backend" });
    assert.deepEqual(resolveAgent("team.frontend", who), { agent: "team.frontend" });
  }
});

Deno.test("[identity.unknown-agent] an unknown agent is refused in every mode", () => {
  for (const name of ["ghost", "Backend", "backend.", "toString", "__proto__"]) {
    for (const denyOnMissing of [true, false]) {
      const { code, message } = identityErrorOf(
        name,
        identity({ denyOnMissing, defaultAgent: "backend" }),
      );
      assert.equal(code, "INVALID_AGENT_ID");
      assert.ok(message.includes(`"${name}"`));
    }
  }
});

Deno.test("[identity.malformed] a malformed agent_id is refused, even if the rules contain it", () => {
  const agents = ["a b", "x".repeat(129)];
  for (const name of [...agents, " ", "a\nb", "*"]) {
    for (const overrides of [strict, { bound: "backend" }, { bound: name }]) {
      const { code } = identityErrorOf(name, identity(overrides, [...agents, ...KNOWN_AGENTS]));
      assert.equal(code, "INVALID_AGENT_ID");
    }
  }
});

Deno.test("[identity.malformed] a malformed agent_id is quoted shortened and in printable ASCII", () => {
  const hostile = [
    "\u001b[31m\r\n\u202e\u0000\u007f\u{1f600}",
    "\u009b".repeat(5_000_000),
    '"\\" ',
  ];
  for (const name of hostile) {
    const { message, hint = "" } = identityErrorOf(name, identity());
    assert.match(message + hint, /^[ -~]+$/);
    assert.ok(message.length < 500);
  }
  const { message } = identityErrorOf("a\nb", identity());
  assert.ok(message.includes(String.raw`"a\nb"`));
});

Deno.test("[identity.missing-denied] deny_on_missing_agent denies a call without agent_id despite a fallback", () => {
  for (const given of [undefined, ""]) {
    const who = identity({ ...strict, defaultAgent: "backend" });
    assert.equal(identityErrorOf(given, who).code, "INVALID_AGENT_ID");
  }
});

Deno.test("[identity.fallback] without agent_id the caller is GATEWAY_DEFAULT_AGENT, or else the agent default", () => {
  for (const given of [undefined, ""]) {
    assert.deepEqual(resolveAgent(given, identity({ defaultAgent: "backend" })), {
      agent: "backend",
    });
    assert.deepEqual(resolveAgent(given, identity()), { agent: "default" });
    assert.deepEqual(resolveAgent(given, identity({ defaultAgent: "" })), { agent: "default" });
  }
});

Deno.test("[identity.no-fallback] a call without agent_id is refused with NO_FALLBACK_CONFIGURED if there is no fallback", () => {
  for (const given of [undefined, ""]) {
    assert.equal(identityErrorOf(given, identity({}, ["backend"])).code, "NO_FALLBACK_CONFIGURED");
  }
});

Deno.test("[identity.fallback-not-in-rules] a configured fallback that is not in the rules is refused, although default exists", () => {
  const { code, message, hint } = identityErrorOf(undefined, identity({ defaultAgent: "ghost" }));
  assert.equal(code, "FALLBACK_AGENT_NOT_IN_RULES");
  assert.ok(!`${message} ${hint}`.includes("ghost"));
});

Deno.test("[identity.bound] a bound gateway accepts calls without agent_id or with its own", () => {
  for (const given of [undefined, "", "backend"]) {
    for (const denyOnMissing of [true, false]) {
      const who = identity({ denyOnMissing, bound: "backend", defaultAgent: "default" });
      assert.deepEqual(resolveAgent(given, who), { agent: "backend" });
    }
  }
});

Deno.test("[identity.bound] an agent_id other than the bound one is refused with the same message, whether the rules contain it or not", () => {
  const messages = ["default", "ghost"].map((given) => {
    const { code, message, hint } = identityErrorOf(given, identity({ bound: "backend" }));
    assert.equal(code, "INVALID_AGENT_ID");
    return `${message} ${hint}`.replaceAll(given, "");
  });
  assert.equal(messages[0], messages[1]);
  assert.ok(!messages[0]?.includes("backend"));
});

Deno.test("[identity.bound] a bound agent that is not in the rules is refused without a fallback", () => {
  for (const bound of ["ghost", "", "toString"]) {
    for (const given of [undefined, "", bound]) {
      const { code } = identityErrorOf(given, identity({ bound, defaultAgent: "backend" }));
      assert.equal(code, "INVALID_AGENT_ID");
    }
  }
});

Deno.test("[identity.no-other-names] refusals name only the agent that was given", () => {
  const agents = ["zeta-one", "zeta-two", "default"];
  const situations: [string | undefined, Partial<Identity>][] = [
    ["ghost", {}],
    ["zeta-two", { bound: "zeta-one" }],
    ["ghost", { bound: "zeta-one" }],
    [undefined, { bound: "ghost" }],
    [undefined, { ...strict, defaultAgent: "zeta-one" }],
    [undefined, { defaultAgent: "ghost" }],
    ["not valid", { bound: "zeta-one", defaultAgent: "zeta-two" }],
  ];
  for (const [given, overrides] of situations) {
    const { message, hint = "" } = identityErrorOf(given, identity(overrides, agents));
    const text = given === undefined ? message + hint : (message + hint).replaceAll(given, "");
    for (const name of ["zeta-one", "zeta-two", "ghost"]) {
      assert.ok(!text.includes(name), `${name} in: ${text}`);
    }
  }
});
