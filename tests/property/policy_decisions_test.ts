import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AccessRequest,
  compilePattern,
  compilePolicy,
  type Decision,
  type PolicyRules,
} from "../../src/policy/mod.ts";
import { decideByContract } from "../policy/decide_by_contract.ts";

type Tools = [key: string, entries: string[]][];
/** The entries of an `allow` or a `deny`. */
interface GeneratedLists {
  servers: string[];
  tools: Tools;
}
interface GeneratedRules {
  agents: [id: string, { allow: GeneratedLists; deny: GeneratedLists }][];
  denyOverrides: boolean;
}

const servers = ["pg", "px", "git", "__proto__", "p*", "\uff01\u{1f600}"];
const tools = ["query", "drop", "drop_all", "toString", "constructor"];
const anyServerPattern = fc.constantFrom(
  ...servers,
  ...["*", "**", "p?", "?g", "*g", "g*", "*\uff01*", "*\u{1f600}*", "*_*"],
);
const anyToolPattern = fc.constantFrom(...tools, "*", "drop*", "*o*", "q????", "*all", "?o*");

const anyLists: fc.Arbitrary<GeneratedLists> = fc.record({
  servers: fc.array(anyServerPattern, { maxLength: 4 }),
  tools: fc.uniqueArray(fc.tuple(anyServerPattern, fc.array(anyToolPattern, { maxLength: 4 })), {
    maxLength: 4,
    selector: ([key]) => key,
  }),
});
const ids = ["a", "team.b", "__proto__", "constructor"];
const anyRules: fc.Arbitrary<GeneratedRules> = fc.record({
  agents: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...ids), fc.record({ allow: anyLists, deny: anyLists })),
    { maxLength: 3, selector: ([id]) => id },
  ),
  denyOverrides: fc.boolean(),
});

function toPolicyRules({ agents, denyOverrides }: GeneratedRules): PolicyRules {
  const toGrants = ({ servers, tools }: GeneratedLists) => ({ servers, tools: new Map(tools) });
  return {
    agents: new Map(
      agents.map(([id, { allow, deny }]) => [id, { allow: toGrants(allow), deny: toGrants(deny) }]),
    ),
    denyOverrides,
  };
}

const compileRules = (rules: GeneratedRules) => compilePolicy(toPolicyRules(rules));

/** An access request of an agent for a tool, or for the server itself if `tool` is undefined. */
interface Question {
  agent: string;
  server: string;
  tool: string | undefined;
}

const questions: Question[] = [...ids, "toString", "*"].flatMap((agent) =>
  servers.flatMap((server) => [undefined, ...tools].map((tool) => ({ agent, server, tool })))
);

/** Compiles rules, and returns a function that decides. */
function createDecide(rules: GeneratedRules) {
  const policy = compileRules(rules);
  return ({ agent, server, tool }: Question) =>
    policy.decide(agent, createAccessRequest(server, tool));
}

function createAccessRequest(server: string, tool: string | undefined): AccessRequest {
  return tool === undefined ? { kind: "server", server } : { kind: "tool", server, tool };
}

const isAllowed = ({ effect }: Decision) => effect === "allow";

const options = { numRuns: 150 };

Deno.test("[rules.five-steps] decisions and their rules agree with an independent implementation of the contract", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      for (const question of questions) {
        assert.deepEqual(decide(question), decideByContract(toPolicyRules(rules), question));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("[rules.deny-never-widens] adding a deny never allows more", () => {
  const anyAddedDeny = fc.record({
    agentIndex: fc.nat(),
    position: fc.nat(),
    entry: fc.oneof(
      fc.record({ server: anyServerPattern }),
      fc.record({ key: anyServerPattern, tool: anyToolPattern }),
    ),
  });
  fc.assert(
    fc.property(anyRules, anyAddedDeny, (rules, { agentIndex, position, entry }) => {
      fc.pre(rules.agents.length > 0);
      const rulesWithDeny = structuredClone(rules);
      const [, { deny }] = rulesWithDeny
        .agents[agentIndex % rules.agents.length] as GeneratedRules["agents"][number];
      if ("server" in entry) {
        deny.servers.splice(position % (deny.servers.length + 1), 0, entry.server);
      } else {
        const [, entries] = deny.tools.find(([key]) => key === entry.key) ?? [];
        if (entries === undefined) deny.tools.push([entry.key, [entry.tool]]);
        else entries.splice(position % (entries.length + 1), 0, entry.tool);
      }
      const [decideBefore, decideAfter] = [createDecide(rules), createDecide(rulesWithDeny)];
      for (const question of questions) {
        if (isAllowed(decideAfter(question))) assert.ok(isAllowed(decideBefore(question)));
      }
    }),
    options,
  );
});

Deno.test("[rules.deny-overrides] deny_overrides never allows more than its absence", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decideOverriding = createDecide({ ...rules, denyOverrides: true });
      const decideByDefault = createDecide({ ...rules, denyOverrides: false });
      for (const question of questions) {
        if (isAllowed(decideOverriding(question))) assert.ok(isAllowed(decideByDefault(question)));
      }
    }),
    options,
  );
});

Deno.test("[rules.server-decision] a denied server denies all of its tools, by the same rule", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      for (const question of questions) {
        const serverDecision = decide({ ...question, tool: undefined });
        if (!isAllowed(serverDecision)) assert.deepEqual(decide(question), serverDecision);
      }
    }),
    options,
  );
});

Deno.test("[rules.unknown-agent] an agent that is not in the rules is never allowed anything", () => {
  fc.assert(
    fc.property(anyRules, fc.string(), (rules, stranger) => {
      const policy = compileRules(rules);
      for (const agent of [...ids, "toString", "*", "", stranger]) {
        if (rules.agents.some(([id]) => id === agent)) continue;
        assert.ok(!policy.has(agent));
        for (const server of servers) {
          assert.ok(!policy.allows(agent, { kind: "server", server }));
          assert.ok(!policy.allows(agent, { kind: "tool", server, tool: "query" }));
        }
      }
    }),
    options,
  );
});

Deno.test("[rules.order-independent] decisions and their rules do not depend on the order of keys", () => {
  const reversed = ({ servers, tools }: GeneratedLists) => ({ servers, tools: tools.toReversed() });
  fc.assert(
    fc.property(anyRules, (rules) => {
      const reordered: GeneratedRules = {
        ...rules,
        agents: rules.agents.toReversed().map(([id, { allow, deny }]) => [
          id,
          { allow: reversed(allow), deny: reversed(deny) },
        ]),
      };
      const [decide, decideReordered] = [createDecide(rules), createDecide(reordered)];
      for (const question of questions) {
        assert.deepEqual(decideReordered(question), decide(question));
      }
    }),
    options,
  );
});

Deno.test("[rules.order-independent] decisions do not depend on earlier decisions", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      const forwards = questions.map(decide);
      assert.deepEqual(questions.toReversed().map(decide).toReversed(), forwards);
    }),
    options,
  );
});

Deno.test("[rules.explain-steps] an explanation has the same decision, and its last step found it", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const policy = compileRules(rules);
      const decide = createDecide(rules);
      for (const question of questions) {
        const { agent, server, tool } = question;
        const { steps, ...decision } = policy.explain(agent, createAccessRequest(server, tool));
        assert.deepEqual(decision, decide(question));
        assert.deepEqual(steps.at(-1)?.decision, decision);
        // Only one earlier step may have a decision: the step that allows the server of a tool.
        const earlySteps = steps.slice(0, -1).filter((step) => step.decision !== undefined);
        assert.ok(earlySteps.every(({ name }) => tool !== undefined && name === "server allow"));
      }
    }),
    options,
  );
});

Deno.test("[rules.rule-path] an allowing rule names an entry that matches the server and the tool", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      const { agents } = toPolicyRules(rules);
      for (const { agent, server, tool } of questions) {
        const { effect, rule } = decide({ agent, server, tool });
        if (effect === "deny") continue;
        const allow = agents.get(agent)?.allow;
        const index = Number(/\[(\d+)\]$/.exec(rule)?.[1]);
        if (rule.includes(".allow.servers[")) {
          assert.ok(compilePattern(allow?.servers?.[index] ?? "").matches(server));
        } else {
          const isEntryFound = [...allow?.tools ?? []].some(([key, entries]) =>
            (rule.endsWith(`.allow.tools[${JSON.stringify(key)}][${index}]`) ||
              rule.endsWith(`.allow.tools.${key}[${index}]`)) &&
            compilePattern(key).matches(server) &&
            compilePattern(entries[index] ?? "").matches(tool ?? "")
          );
          assert.ok(isEntryFound, rule);
        }
      }
    }),
    options,
  );
});
