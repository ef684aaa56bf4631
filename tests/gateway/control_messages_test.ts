/** Walks the messages about conditions, approvals and pins: each names the entry, the test and what would pass. */
import assert from "node:assert/strict";
import rulesSchema from "../../config/rules.schema.json" with { type: "json" };
import type { AskingProblem } from "../../src/approvals/mod.ts";
import { describeCondition } from "../../src/cli/explain_text.ts";
import { createHeldBackError } from "../../src/downstream/catalog/held_back.ts";
import {
  cannotAskBody,
  deniedByPersonBody,
  undecidedBody,
} from "../../src/gateway/approval_errors.ts";
import { denialErrorBody, type ErrorBody, errorBodyOf } from "../../src/gateway/error_body.ts";
import {
  type AccessRequest,
  compilePolicy,
  type Decision,
  type Effect,
} from "../../src/policy/mod.ts";
import { checkFiles } from "../config/check_files.ts";
import { readConfiguration } from "./session_fixture.ts";

type Json = Readonly<Record<string, unknown>>;

/** A test of an argument, and how messages describe it. */
interface TestCase {
  readonly test: Json;
  /** A value that passes, and one that does not. */
  readonly passing: unknown;
  readonly failing: unknown;
  /** The part of a message that says what would pass, and the part that says what would not. */
  readonly toPass: string;
  readonly toFail: string;
}

/** The cases, by the name of the test. */
const TESTS: Readonly<Record<string, TestCase>> = {
  equals: {
    test: { equals: "a" },
    passing: "a",
    failing: "b",
    toPass: 'x must be "a"',
    toFail: 'x must not be "a"',
  },
  one_of: {
    test: { one_of: [1, 2] },
    passing: 2,
    failing: 3,
    toPass: "x must be one of 1, 2",
    toFail: "x must not be one of 1, 2",
  },
  like: {
    test: { like: "a*" },
    passing: "ab",
    failing: "b",
    toPass: 'x must match "a*"',
    toFail: 'x must not match "a*"',
  },
  ilike: {
    test: { ilike: "select *" },
    passing: "SELECT 1",
    failing: "drop",
    toPass: 'x must match "select *" in any case',
    toFail: 'x must not match "select *" in any case',
  },
  within: {
    test: { within: "/srv/notes" },
    passing: "/srv/notes/a",
    failing: "/srv/notes/../b",
    toPass: "x must be within /srv/notes",
    toFail: "x must not be within /srv/notes",
  },
  host: {
    test: { host: "*.example.com" },
    passing: "https://a.example.com/b",
    failing: "https://example.org",
    toPass: "x must be a URL with the host *.example.com",
    toFail: "x must not be a URL with the host *.example.com",
  },
  min: {
    test: { min: 5 },
    passing: 5,
    failing: 4,
    toPass: "x must be at least 5",
    toFail: "x must be less than 5",
  },
  max: {
    test: { max: 5 },
    passing: 5,
    failing: 6,
    toPass: "x must be at most 5",
    toFail: "x must be more than 5",
  },
  max_length: {
    test: { max_length: 2 },
    passing: "ab",
    failing: "abc",
    toPass: "x must have at most 2 characters",
    toFail: "x must have more than 2 characters",
  },
  exists: {
    test: { exists: true },
    passing: 1,
    failing: undefined,
    toPass: "x must be given",
    toFail: "x must be left out",
  },
};

/** The cases of annotations. */
const HINTS: Readonly<Record<string, { readonly annotations: Json; readonly adjective: string }>> =
  {
    read_only: { annotations: { readOnlyHint: true }, adjective: "read-only" },
    destructive: { annotations: { destructiveHint: true }, adjective: "destructive" },
    open_world: { annotations: { openWorldHint: true }, adjective: "open to the world" },
  };

/** Annotations that match no hint. */
const NO_HINT = { readOnlyHint: false, destructiveHint: false, openWorldHint: false };

const RULES: Readonly<Record<Effect, string>> = {
  allow: "agents.a.allow.tools.s[0]",
  deny: "agents.a.deny.tools.s[0]",
  ask: "agents.a.ask.tools.s[0]",
};

/** Decides about a call of the tool "t" of server "s" by one entry. */
async function decideBy(
  effect: Effect,
  entry: Json,
  { value, annotations = {} }: { readonly value?: unknown; readonly annotations?: Json },
): Promise<{ readonly decision: Decision; readonly accessRequest: AccessRequest }> {
  const lists = { [effect]: { tools: { s: [entry] } } };
  const agent = { ...lists, allow: { servers: ["s"], ...lists["allow"] } };
  const { rules } = await readConfiguration({ agents: { a: agent } });
  const args = value === undefined ? {} : { x: value };
  const accessRequest = {
    kind: "tool",
    server: "s",
    tool: "t",
    args: () => ({ json: JSON.stringify(args), value: args }),
    listed: () => ({ annotations }),
  } as const;
  return { decision: compilePolicy(rules).decide("a", accessRequest), accessRequest };
}

const CALL = { agent: "a", server: "s", tool: "t", args: "{}" };

/** Returns the refusal of a call that an entry denies, or about which nobody has decided. */
function refusalOf(
  { decision, accessRequest }: Awaited<ReturnType<typeof decideBy>>,
): ErrorBody {
  return decision.effect === "ask"
    ? undecidedBody({ id: "abcd", expiresAt: 0 }, { call: CALL, askedBy: decision })
    : denialErrorBody(decision, {
      operation: "execute_tool",
      agent: "a",
      accessRequest,
      similarServers: [],
      errorId: undefined,
    });
}

/** Requires plain English of the texts of a refusal, and that they say what to do. */
function assertPlain({ message, hint = "", code }: ErrorBody): void {
  for (const text of [message, hint]) {
    assert.match(text, /^[A-Z]/, text);
    assert.doesNotMatch(text, /undefined|null|NaN|\[object|\bfalse\b/, text);
    assert.doesNotMatch(text, / {2}|\s[.,;:]|[.,;:]{2}| $/, text);
    // A sentence begins with its subject or its verb, not with a question word.
    for (const sentence of text.split(/(?<=[.;:]) /)) {
      assert.doesNotMatch(sentence, /^(?:Who|Whoever|What|Whatever|Where|How|Of)\b/, text);
    }
  }
  assert.match(hint, /\b(?:[Tt]ell|ask) the user|[Cc]all|\bcalls?\b/, `${code}: ${hint}`);
}

function assertNames({ message }: { readonly message: string }, ...parts: string[]): void {
  for (const part of ['tool "t"', 'server "s"', ...parts]) {
    assert.ok(message.includes(part), `"${message}" has no ${part}`);
  }
}

Deno.test("[control.messages] every test and every hint of the rules has a case", () => {
  const { agents } = rulesSchema.properties;
  const { tools } = agents.additionalProperties.properties.allow.properties;
  const entry = tools.additionalProperties.items.anyOf.find((schema) => "properties" in schema);
  const { when, hint } = (entry ?? assert.fail()).properties ?? assert.fail();
  assert.deepEqual(Object.keys(TESTS), Object.keys(when.additionalProperties.properties));
  assert.deepEqual(Object.keys(HINTS), hint.enum);
});

Deno.test("[control.messages] a refusal by a condition names the entry, the test, and what would pass", async (t) => {
  for (const [name, { test, passing, failing, toPass, toFail }] of Object.entries(TESTS)) {
    for (const effect of ["allow", "deny", "ask"] as const) {
      await t.step(`${effect} with ${name}`, async () => {
        const value = effect === "allow" ? failing : passing;
        const requirement = effect === "allow" ? toPass : toFail;
        const decided = await decideBy(effect, { tool: "t", when: { x: test } }, { value });
        const body = refusalOf(decided);
        assert.equal(body.rule, RULES[effect]);
        assertNames(body, requirement);
        assertPlain(body);
        assert.equal(body.retryable, effect === "ask");
        // The shell says the same, with the entry.
        const [condition = assert.fail()] = decided.decision.conditions ?? [];
        const printed = { ...condition, decision: condition.effect };
        const line = describeCondition(printed, decided.decision.effect as Effect);
        assert.ok(line.endsWith(` ${RULES[effect]}: ${requirement}`), line);
      });
    }
  }
});

Deno.test("[control.messages] a refusal by the annotations of a tool says which it has to have", async (t) => {
  for (const [hint, { annotations, adjective }] of Object.entries(HINTS)) {
    for (const effect of ["allow", "deny", "ask"] as const) {
      await t.step(`${effect} with ${hint}`, async () => {
        const facts = { annotations: effect === "allow" ? NO_HINT : annotations };
        const body = refusalOf(await decideBy(effect, { tool: "t", hint }, facts));
        assert.equal(body.rule, RULES[effect]);
        const verb = effect === "allow" ? "must be" : "must not be";
        assertNames(body, `the tool ${verb} ${adjective} by its annotations`);
        // No other arguments would help.
        if (effect !== "ask") assert.doesNotMatch(body.hint ?? "", /[Cc]orrect the arguments/);
        assertPlain(body);
      });
    }
  }
});

Deno.test("[control.messages] a pointer, several tests and several entries are named", async () => {
  const when = { "/filter/path": { within: "/srv" }, y: { min: 1, max: 3 } };
  const several = refusalOf(await decideBy("allow", { tool: "t", when }, { value: 1 }));
  assertNames(
    several,
    "/filter/path must be within /srv (it is missing), and " +
      "y must be at least 1 and must be at most 3 (it is missing)",
  );
  const { rules } = await readConfiguration({
    agents: {
      a: {
        allow: {
          servers: ["s"],
          tools: {
            s: [
              { tool: "t", when: { x: { equals: 1 } } },
              { tool: "t", when: { x: { equals: 2 } } },
            ],
          },
        },
      },
    },
  });
  const args = { x: 3 };
  const accessRequest = {
    kind: "tool",
    server: "s",
    tool: "t",
    args: () => ({ json: '{"x":3}', value: args }),
  } as const;
  const decision = compilePolicy(rules).decide("a", accessRequest);
  const body = refusalOf({ decision, accessRequest });
  assertNames(body, "x must be 1", "x must be 2");
  assert.match(`${body.rule} ${body.message}`, /s\[0\]/);
  assert.match(`${body.rule} ${body.message}`, /s\[1\]/);
});

Deno.test("[control.messages] each answer about an approval names the call and says what to do", async () => {
  const entry = { tool: "t", when: { x: { equals: "a" } } };
  const { decision: askedBy, accessRequest } = await decideBy("ask", entry, { value: "a" });
  const unapproved = { call: CALL, askedBy };
  const problems: { readonly [K in AskingProblem["kind"]]: Extract<AskingProblem, { kind: K }> } = {
    "too-many": { kind: "too-many" },
    "too-long": { kind: "too-long", maxLength: 5 },
    unusable: { kind: "unusable", reason: "the folder is a link" },
  };
  const bodies = [
    undecidedBody({ id: "abcd", expiresAt: 0 }, unapproved),
    cannotAskBody(problems["too-long"], unapproved),
    cannotAskBody(problems.unusable, unapproved),
    denialErrorBody(askedBy, {
      operation: "execute_tool",
      agent: "a",
      accessRequest,
      similarServers: [],
      errorId: undefined,
    }),
  ];
  for (const body of bodies) {
    assert.equal(body.rule, RULES.ask);
    assertNames(body, 'x must not be "a"', "a person's approval");
    assertPlain(body);
  }
  const others = [
    cannotAskBody(problems["too-many"], unapproved),
    deniedByPersonBody({ kind: "denied", id: "abcd", by: "shell", afterMs: 1 }, unapproved),
    deniedByPersonBody(
      { kind: "denied", id: "abcd", by: "shell", afterMs: 1, reason: "Not today" },
      unapproved,
    ),
  ];
  for (const body of others) {
    assert.equal(body.rule, RULES.ask);
    assertPlain(body);
  }
  assert.match(bodies[0]?.hint ?? "", /agent-mcp-gateway approvals allow abcd/);
  assert.deepEqual(
    [...bodies, ...others].map(({ code, retryable }) => [code, retryable]),
    [
      ["APPROVAL_REQUIRED", true],
      ["DENIED_BY_POLICY", false],
      ["DENIED_BY_POLICY", false],
      ["APPROVAL_REQUIRED", true],
      ["RATE_LIMITED", true],
      ["DENIED_BY_POLICY", false],
      ["DENIED_BY_POLICY", false],
    ],
  );
});

Deno.test("[control.messages] an item that is held back is named, with the reason and the command", () => {
  for (
    const [reason, clause] of [["new", "was not there"], ["changed", "has changed"], [
      undefined,
      "any more",
    ]] as const
  ) {
    for (
      const [kind, word] of [["tools", "Tool"], ["templates", "Resource template"], [
        "prompts",
        "Prompt",
      ]] as const
    ) {
      const body = errorBodyOf(createHeldBackError(reason, { server: "s", kind, name: "t" }));
      assert.ok(body !== undefined);
      assert.ok(body.message.startsWith(`${word} "t" of server "s" is held back: `), body.message);
      assert.ok(body.message.includes(clause), body.message);
      assert.deepEqual([body.code, body.retryable], ["TOOL_CHANGED", false]);
      assert.match(body.hint ?? "", /agent-mcp-gateway pin s --diff.*pin s --update/);
      assertPlain(body);
    }
  }
});

Deno.test("[control.messages] the command for an item that is held back can be pasted, whatever the server's name", () => {
  for (
    const [server, name] of [["s", "s --diff"], ["-x", "--diff -- '-x'"], [
      "a b's",
      "--diff -- 'a b'\\''s'",
    ]] as const
  ) {
    const error = createHeldBackError("new", { server, kind: "tools", name: "t" });
    assert.equal(errorBodyOf(error)?.command, `agent-mcp-gateway pin ${name}`);
  }
});

Deno.test("[control.messages] a faulty condition is reported at its entry, with what is expected", async () => {
  const faults: readonly (readonly [entry: Json, path: string, expected: RegExp])[] = [
    [{ tool: "t", when: {} }, "when", /^expected a test, such as /],
    [{ tool: "t", when: { "": { min: 1 } } }, 'when[""]', /^expected the key of an argument/],
    [{ tool: "t", when: { "/a~2": { min: 1 } } }, 'when["/a~2"]', /^expected a JSON pointer/],
    [{ tool: "t", when: { x: {} } }, "when.x", /^expected one or more of equals, /],
    [{ tool: "t", when: { x: { one_of: [] } } }, "when.x.one_of", /^expected at least one value/],
    [{ tool: "t", when: { x: { within: "a" } } }, "when.x.within", /^expected an absolute folder/],
    [{ tool: "t", when: { x: { within: "/a/../b" } } }, "when.x.within", /, without \.\.$/],
    [{ tool: "t", when: { x: { within: "~/a" } } }, "when.x.within", /write the whole path/],
    [{ tool: "t", when: { x: { host: "https://a" } } }, "when.x.host", /^expected a host/],
    [{ tool: "t", when: { x: { min: 2, max: 1 } } }, "when.x.min", /^expected at most 1/],
    [
      { tool: "t", when: { x: { max: 9007199254740993 } } },
      "when.x.max",
      /^expected a number with/,
    ],
    [{ tool: "t", when: { x: { lik: "a" } } }, "when.x.lik", /like/],
    [{ tool: "t", hint: "readonly" }, "hint", /read_only/],
  ];
  for (const effect of ["allow", "deny", "ask"] as const) {
    for (const [entry, path, expected] of faults) {
      const agent = { [effect]: { tools: { s: [entry] } } };
      const { errors: problems } = await checkFiles(undefined, { agents: { a: agent } });
      const [problem = assert.fail(`${path} has no fault`), ...more] = problems;
      assert.deepEqual(more, [], path);
      assert.equal(problem.path, `${RULES[effect]}.${path}`.replace(".[", "["));
      assert.match(problem.message, expected);
      assert.ok(problem.line > 0 && problem.column > 0);
    }
  }
});
