import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AccessRequest,
  compilePattern,
  compilePolicy,
  type Decision,
  type GrantLists,
  type PolicyRules,
} from "../../src/policy/mod.ts";
import { decideByContract, type NamedItem } from "../policy/decide_by_contract.ts";
import { runs } from "./runs.ts";

type EntriesByServer = [key: string, entries: string[]][];
/** The entries of an `allow` or a `deny`. */
interface GeneratedLists {
  servers: string[];
  tools: EntriesByServer;
  resources: EntriesByServer;
  prompts: EntriesByServer;
}
interface GeneratedAgent {
  allow: GeneratedLists;
  deny: GeneratedLists;
  ask: Pick<GeneratedLists, "tools">;
  maxResultTokens: number | undefined;
}
interface GeneratedRules {
  agents: [id: string, GeneratedAgent][];
  denyOverrides: boolean;
  maxResultTokens: number | undefined;
}

const servers = ["pg", "px", "git", "gateway", "__proto__", "p*", "\uff01\u{1f600}"];
const tools = ["query", "read_result", "drop", "drop_all", "toString", "constructor"];
const anyServerPattern = fc.constantFrom(
  ...servers,
  ...["*", "**", "p?", "gate*", "*gateway", "?g", "*g", "g*", "*\uff01*", "*\u{1f600}*", "*_*"],
);
const anyToolPattern = fc.constantFrom(...tools, "*", "drop*", "*o*", "q????", "*all", "?o*");

/** URIs with all their spellings, written by hand. */
const spellings: Record<string, string[]> = {
  "docs://a/1": ["docs://a/1"],
  "docs://b": ["docs://b"],
  "docs://a/c/../1": ["docs://a/c/../1", "docs://a/1"],
  "docs://b#part": ["docs://b#part", "docs://b"],
  "query": ["query"],
};
const anyUriPattern = fc.constantFrom(
  ...["docs://a/1", "docs://b", "query"],
  ...["*", "docs://a/*", "docs://a/?", "docs://b*", "docs://?", "*1", "*c*"],
);

const anyServerLists = (anyPattern: fc.Arbitrary<string>): fc.Arbitrary<EntriesByServer> =>
  fc.uniqueArray(fc.tuple(anyServerPattern, fc.array(anyPattern, { maxLength: 4 })), {
    maxLength: 4,
    selector: ([key]) => key,
  });

const anyLists: fc.Arbitrary<GeneratedLists> = fc.record({
  servers: fc.array(anyServerPattern, { maxLength: 4 }),
  tools: anyServerLists(anyToolPattern),
  resources: anyServerLists(anyUriPattern),
  prompts: anyServerLists(anyToolPattern),
});
const anyAsk = fc.record({ tools: anyServerLists(anyToolPattern) });
const anyMaxResultTokens = fc.option(fc.constant(200), { nil: undefined });
const ids = ["a", "team.b", "__proto__", "constructor"];
const anyRules: fc.Arbitrary<GeneratedRules> = fc.record({
  agents: fc.uniqueArray(
    fc.tuple(
      fc.constantFrom(...ids),
      fc.record({
        allow: anyLists,
        deny: anyLists,
        ask: anyAsk,
        maxResultTokens: anyMaxResultTokens,
      }),
    ),
    { maxLength: 3, selector: ([id]) => id },
  ),
  denyOverrides: fc.boolean(),
  maxResultTokens: anyMaxResultTokens,
});

function toPolicyRules({ agents, denyOverrides, maxResultTokens }: GeneratedRules): PolicyRules {
  const toGrants = ({ servers, tools, resources, prompts }: GeneratedLists) => ({
    servers,
    tools: new Map(tools),
    resources: new Map(resources),
    prompts: new Map(prompts),
  });
  return {
    agents: new Map(
      agents.map(([id, { allow, deny, ask, maxResultTokens }]) => [
        id,
        {
          allow: toGrants(allow),
          deny: toGrants(deny),
          ask: { tools: new Map(ask.tools) },
          limits: { maxResultTokens },
        },
      ]),
    ),
    denyOverrides,
    limits: { maxResultTokens },
  };
}

const compileRules = (rules: GeneratedRules) => compilePolicy(toPolicyRules(rules));

/** An access request of an agent for an item, or for the server itself if `item` is undefined. */
interface Question {
  agent: string;
  server: string;
  item: NamedItem | undefined;
}

const items: NamedItem[] = [
  ...tools.map((name): NamedItem => ({ kind: "tool", name })),
  ...tools.slice(0, 3).map((name): NamedItem => ({ kind: "prompt", name })),
  ...Object.entries(spellings).map(([name, spellings]): NamedItem => {
    return { kind: "resource", name, spellings };
  }),
];
const questions: Question[] = [...ids, "toString", "*"].flatMap((agent) =>
  servers.flatMap((server) => [undefined, ...items].map((item) => ({ agent, server, item })))
);

/** Compiles rules, and returns a function that decides. */
function createDecide(rules: GeneratedRules) {
  const policy = compileRules(rules);
  return ({ agent, server, item }: Question) =>
    policy.decide(agent, createAccessRequest(server, item));
}

function createAccessRequest(server: string, item: NamedItem | undefined): AccessRequest {
  if (item === undefined) return { kind: "server", server };
  const { kind, name } = item;
  if (kind === "tool") return { kind, server, tool: name };
  return kind === "prompt" ? { kind, server, prompt: name } : { kind, server, uri: name };
}

const isAllowed = ({ effect }: Decision) => effect === "allow";
const rankOf = ({ effect }: Decision) => ["deny", "ask", "allow"].indexOf(effect);

const options = { numRuns: runs(50) };

Deno.test("[rules.five-steps] decisions and their rules agree with an independent implementation of the contract", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      for (const question of questions) {
        assert.deepEqual(decide(question), decideByContract(toPolicyRules(rules), question));
      }
    }),
    { numRuns: runs(166) },
  );
});

Deno.test("[rules.deny-never-widens] adding a deny never allows more", () => {
  const anyAddedDeny = fc.record({
    agentIndex: fc.nat(),
    position: fc.nat(),
    entry: fc.oneof(
      fc.record({ server: anyServerPattern }),
      fc.record({
        list: fc.constantFrom("tools" as const, "prompts" as const),
        key: anyServerPattern,
        pattern: anyToolPattern,
      }),
      fc.record({
        list: fc.constant("resources" as const),
        key: anyServerPattern,
        pattern: anyUriPattern,
      }),
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
        const lists = deny[entry.list];
        const [, entries] = lists.find(([key]) => key === entry.key) ?? [];
        if (entries === undefined) lists.push([entry.key, [entry.pattern]]);
        else entries.splice(position % (entries.length + 1), 0, entry.pattern);
      }
      const [decideBefore, decideAfter] = [createDecide(rules), createDecide(rulesWithDeny)];
      for (const question of questions) {
        const [before, after] = [decideBefore(question), decideAfter(question)];
        // A denied call does not become one that a person is asked about.
        assert.ok(rankOf(after) <= rankOf(before));
      }
    }),
    options,
  );
});

Deno.test("[rules.ask-never-widens] adding an ask never allows more", () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.record({ agentIndex: fc.nat(), position: fc.nat() }),
      anyServerPattern,
      anyToolPattern,
      (rules, { agentIndex, position }, key, pattern) => {
        fc.pre(rules.agents.length > 0);
        const rulesWithAsk = structuredClone(rules);
        const [, { ask: { tools } }] = rulesWithAsk
          .agents[agentIndex % rules.agents.length] as GeneratedRules["agents"][number];
        const [, entries] = tools.find(([present]) => present === key) ?? [];
        if (entries === undefined) tools.push([key, [pattern]]);
        else entries.splice(position % (entries.length + 1), 0, pattern);
        const [decideBefore, decideAfter] = [createDecide(rules), createDecide(rulesWithAsk)];
        for (const question of questions) {
          const [before, after] = [decideBefore(question), decideAfter(question)];
          if (isAllowed(after) || question.item?.kind !== "tool") assert.deepEqual(after, before);
        }
      },
    ),
    options,
  );
});

Deno.test("[rules.deny-overrides] deny_overrides never allows more than its absence", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decideOverriding = createDecide({ ...rules, denyOverrides: true });
      const decideByDefault = createDecide({ ...rules, denyOverrides: false });
      for (const question of questions) {
        assert.ok(rankOf(decideOverriding(question)) <= rankOf(decideByDefault(question)));
      }
    }),
    options,
  );
});

Deno.test("[rules.server-decision] a denied server denies everything of it, by the same rule", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      for (const question of questions) {
        const serverDecision = decide({ ...question, item: undefined });
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
          for (const item of items) {
            assert.ok(!policy.allows(agent, createAccessRequest(server, item)));
          }
        }
      }
    }),
    options,
  );
});

Deno.test("[rules.order-independent] decisions and their rules do not depend on the order of keys", () => {
  const reversed = ({ servers, tools, resources, prompts }: GeneratedLists) => ({
    servers,
    tools: tools.toReversed(),
    resources: resources.toReversed(),
    prompts: prompts.toReversed(),
  });
  fc.assert(
    fc.property(anyRules, (rules) => {
      const reordered: GeneratedRules = {
        ...rules,
        agents: rules.agents.toReversed().map(([id, { allow, deny, ask, maxResultTokens }]) => [
          id,
          {
            maxResultTokens,
            allow: reversed(allow),
            deny: reversed(deny),
            ask: { tools: ask.tools.toReversed() },
          },
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
        const { agent, server, item } = question;
        const { steps, ...decision } = policy.explain(agent, createAccessRequest(server, item));
        assert.deepEqual(decision, decide(question));
        assert.deepEqual(steps.at(-1)?.decision, decision);
        // Only one earlier step may have a decision: the step that allows the server of an item.
        const earlySteps = steps.slice(0, -1).filter((step) => step.decision !== undefined);
        assert.ok(earlySteps.length <= 1);
        assert.ok(earlySteps.every(({ name }) => {
          return item !== undefined && ["server allow", "result limit"].includes(name);
        }));
      }
    }),
    options,
  );
});

Deno.test("[rules.shadow-decides] shadow mode changes no decision and no rule, and allows all but unknown agents, the status and the own server", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const { agents, ...otherRules } = toPolicyRules(rules);
      const shadowedAgents = [...agents].map(([id, grants]) => {
        return [id, { ...grants, isShadowed: true }] as const;
      });
      const shadowed = compilePolicy({ ...otherRules, agents: new Map(shadowedAgents) });
      const decide = createDecide(rules);
      for (const question of questions) {
        const { agent, server, item } = question;
        const request = createAccessRequest(server, item);
        const decision = decide(question);
        const isLetThrough = agents.has(agent) && !isAllowed(decision) && server !== "gateway";
        const expected = isLetThrough ? { ...decision, isShadowed: true } : decision;
        assert.deepEqual(shadowed.decide(agent, request), expected);
        const { steps: _, ...explained } = shadowed.explain(agent, request);
        assert.deepEqual(explained, expected);
        const isShown = server === "gateway" ? decision.effect !== "deny" : agents.has(agent);
        assert.equal(shadowed.allows(agent, request), isShown);
        assert.ok(!shadowed.allows(agent, { kind: "status" }));
      }
    }),
    options,
  );
});

Deno.test("[rules.rule-path] a rule that allows or asks names an entry that matches the server and the item", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      const { agents } = toPolicyRules(rules);
      for (const { agent, server, item } of questions) {
        const { effect, rule } = decide({ agent, server, item });
        if (effect === "deny" || rule.endsWith(".limits.max_result_tokens")) continue;
        const grants = agents.get(agent);
        const listed: GrantLists | undefined = effect === "ask" ? grants?.ask : grants?.allow;
        const index = Number(/\[(\d+)\]$/.exec(rule)?.[1]);
        if (rule.includes(".allow.servers[")) {
          assert.ok(compilePattern(listed?.servers?.[index] ?? "").matches(server));
        } else {
          const lists = `${item?.kind ?? "tool"}s` as const;
          const isEntryFound = [...listed?.[lists] ?? []].some(([key, entries]) =>
            (rule.endsWith(`.${effect}.${lists}[${JSON.stringify(key)}][${index}]`) ||
              rule.endsWith(`.${effect}.${lists}.${key}[${index}]`)) &&
            compilePattern(key).matches(server) &&
            compilePattern(String(entries[index] ?? "")).matches(item?.name ?? "")
          );
          assert.ok(isEntryFound, rule);
        }
      }
    }),
    options,
  );
});

Deno.test("[own.named-only] without its whole name in allow.servers, an agent may at most read results, and only by a limit", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const decide = createDecide(rules);
      for (const [agent, { allow }] of rules.agents) {
        if (allow.servers.some((entry) => entry.includes("gateway"))) continue;
        for (const item of [undefined, ...items]) {
          const { effect, rule } = decide({ agent, server: "gateway", item });
          if (item === undefined || (item.kind === "tool" && item.name === "read_result")) {
            const isLimited = (rules.agents.find(([id]) => id === agent)?.[1].maxResultTokens ??
              rules.maxResultTokens) !== undefined;
            assert.ok(effect === "deny" || isLimited, rule);
          } else assert.equal(effect, "deny", rule);
        }
      }
    }),
    options,
  );
});

Deno.test("[own.read-by-limit] a limit on results changes no decision but those about reading them", () => {
  fc.assert(
    fc.property(anyRules, (rules) => {
      const unlimited = structuredClone(rules);
      unlimited.maxResultTokens = undefined;
      for (const [, agent] of unlimited.agents) agent.maxResultTokens = undefined;
      const [decide, decideUnlimited] = [createDecide(rules), createDecide(unlimited)];
      for (const question of questions) {
        const { server, item } = question;
        const [limited, before] = [decide(question), decideUnlimited(question)];
        const isReading = server === "gateway" &&
          (item === undefined || (item.kind === "tool" && item.name === "read_result"));
        if (isReading) assert.ok(rankOf(limited) >= rankOf(before));
        else assert.deepEqual(limited, before);
      }
    }),
    options,
  );
});
