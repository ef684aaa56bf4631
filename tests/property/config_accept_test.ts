import assert from "node:assert/strict";
import fc from "fast-check";
import type { CheckedFile, FileChecks } from "../../src/config/file_checks.ts";
import { diagnosticChecks } from "../../src/config/diagnostic_checks.ts";
import { fastChecks } from "../../src/config/fast_checks.ts";
import { runs } from "./runs.ts";

type Kind = "servers" | "rules";
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Checks a text; returns `undefined` if it cannot be parsed. */
function checkFile(checks: FileChecks, kind: Kind, text: string): CheckedFile<unknown> | undefined {
  const { document, problems } = checks.parse("x.json", text);
  if (document === undefined || problems.length > 0) return undefined;
  return kind === "servers" ? checks.checkServers(document) : checks.checkRules(document);
}

/**
 * Whether the fast checks accept a text. If so, asserts that the diagnostic checks, which use zod, have the
 * same result.
 */
function isAcceptedFast(kind: Kind, text: string): boolean {
  const fast = checkFile(fastChecks, kind, text);
  if (fast?.file === undefined) return false;
  const diagnostic = checkFile(diagnosticChecks, kind, text);
  assert.deepEqual(diagnostic?.file, fast.file, text);
  // The order must be the same too.
  assert.equal(JSON.stringify(diagnostic?.file), JSON.stringify(fast.file));
  assert.equal(diagnostic?.problems.length, fast.problems.length, text);
  return true;
}

const ALL_OPTIONAL = { requiredKeys: [] };
const anyWord = fc.stringMatching(/^[A-Za-z0-9._-]{1,8}$/).filter((word) => !/^\d+$/.test(word));
const anyText = fc.oneof(anyWord, fc.string(), fc.constant("${HOME}/x"))
  .map((text) => text.replaceAll("\0", ""));
const anyTexts = fc.array(anyText, { maxLength: 3 });
const anyTransport = fc.constantFrom("stdio", "http", "streamable-http", "streamableHttp", "sse");
const anyGatewayBlock = fc.record({
  isolation: fc.constantFrom("shared", "session", "agent", "call"),
  idle_timeout_s: fc.integer({ min: 0, max: 2147483 }),
  connect_timeout_ms: fc.integer({ min: 1 }),
  call_timeout_ms: fc.constantFrom(1, 2 ** 31 - 1),
  max_call_ms: fc.integer({ min: 1 }),
  max_concurrency: fc.integer({ min: 1, max: 1e6 }),
  forward: fc.subarray(["elicitation", "roots", "sampling"]),
  inherit_env: fc.array(anyWord, { maxLength: 2 }),
  direct_start: fc.boolean(),
  oauth: fc.record({
    client_id: anyText,
    client_secret: anyText,
    scopes: anyTexts,
    redirect_port: fc.integer({ min: 1, max: 65535 }),
    grant: fc.constantFrom("authorization_code", "client_credentials"),
  }, ALL_OPTIONAL),
}, ALL_OPTIONAL);
const anyEntry = fc.record({
  description: fc.string(),
  disabled: fc.boolean(),
  command: anyText.filter((text) => text.trim() !== ""),
  args: anyTexts,
  env: fc.dictionary(anyWord, anyText, { maxKeys: 3 }),
  cwd: anyText,
  url: fc.constantFrom("https://example.com/mcp", "${URL}", "HTTP://x"),
  headers: fc.dictionary(anyWord, anyWord, { maxKeys: 2 }),
  type: anyTransport,
  transport: anyTransport,
  gateway: anyGatewayBlock,
  // A key of another client. The filter removes values that the fast checks may leave to zod: values with
  // an escape, with several strings, or with a key that is `__proto__` or a number.
  autoApprove: fc.jsonValue({ maxDepth: 1 })
    .filter((value) => !/"(?:__proto__|\d+"|[^"]*":.*")|\\/.test(JSON.stringify(value))),
}, ALL_OPTIONAL);
const anyLimits = fc.record({
  per_minute: fc.integer({ min: 1 }),
  concurrent: fc.integer({ min: 1 }),
}, ALL_OPTIONAL);
const anyNumber = fc.oneof(fc.integer(), fc.constantFrom(0.5, -1e-7, 2 ** 53 - 1));
const oneOrMore = (text: string) => fc.constantFrom(text, [text], [text, text]);
const anyToolEntry = fc.record({
  tool: anyText,
  when: fc.dictionary(
    fc.oneof(anyWord, fc.constant("/a~1b/0")),
    fc.oneof(
      fc.record({ equals: fc.constantFrom<Json>(null, "x", 5, [1, { a: [] }], { b: 0.5 }) }),
      fc.record({ one_of: fc.constantFrom<Json>([1], ["a", null], [{ a: 1 }]) }),
      fc.record({ like: oneOrMore("a*"), ilike: oneOrMore("A?") }),
      fc.record({ within: oneOrMore("/srv"), host: oneOrMore("*.example.com") }),
      fc.record({ min: anyNumber }),
      fc.record({ max: anyNumber, max_length: fc.nat(), exists: fc.boolean() }),
    ),
    { minKeys: 1, maxKeys: 2 },
  ),
  hint: fc.constantFrom("read_only", "destructive", "open_world"),
}, { requiredKeys: ["tool"] });
const anyToolLists = fc.dictionary(
  anyWord,
  fc.array(fc.oneof(anyText, anyToolEntry), { maxLength: 3 }),
  { maxKeys: 2 },
);
const anyMode = fc.constantFrom("enforce", "shadow");
const anyGrants = fc.record({
  servers: anyTexts,
  tools: anyToolLists,
  resources: fc.dictionary(anyWord, anyTexts, { maxKeys: 2 }),
  prompts: fc.dictionary(anyWord, anyTexts, { maxKeys: 2 }),
}, ALL_OPTIONAL);
const anyHash = fc.constantFrom("0".repeat(64), "aB".repeat(32));
const anyAgent = fc.record({
  allow: anyGrants,
  deny: anyGrants,
  ask: fc.record({ tools: anyToolLists }, ALL_OPTIONAL),
  mode: anyMode,
  token_sha256: fc.array(fc.oneof(anyHash, fc.record({ sha256: anyHash })), { maxLength: 2 }),
  limits: anyLimits,
  status: fc.boolean(),
}, ALL_OPTIONAL);
const anyFiles = {
  servers: fc.record({
    $schema: fc.string(),
    mcpServers: fc.dictionary(anyWord, anyEntry, { maxKeys: 3 }),
    inputs: fc.constant([]),
  }, { requiredKeys: ["mcpServers"] }),
  rules: fc.record({
    $schema: fc.string(),
    agents: fc.dictionary(anyWord, anyAgent, { maxKeys: 3 }),
    defaults: fc.record({
      deny_on_missing_agent: fc.boolean(),
      deny_overrides: fc.boolean(),
      limits: anyLimits,
      mode: anyMode,
      approval: fc.record({
        expires_s: fc.integer({ min: 60, max: 86_400 }),
        wait_s: fc.integer({ min: 0, max: 60 }),
      }, ALL_OPTIONAL),
    }, ALL_OPTIONAL),
    auth: fc.record({
      jwt: fc.record({
        issuer: fc.constant("https://id.example.com"),
        audience: anyWord,
        agent_claim: anyWord,
      }),
    }, ALL_OPTIONAL),
  }, { requiredKeys: ["agents"] }),
};

/** Values that are invalid for most keys. */
const anyInvalidValue = fc.constantFrom<Json>(
  ...[null, true, 0, -0, -1, 1, 1.5, 65536, 2 ** 31, 2 ** 53, 1e300, [], {}, ["x"], [1], { a: 1 }],
  ...["", " ", "\0", "a\0", "\ufeff", "x", "agent", "sse", "0".repeat(64), "0".repeat(63)],
  ...["2027-01-31", "2027-02-30", "2027-02-30T25:00Z", "http://example.com", "https://x", "\ud800"],
  ...[{ sha256: "0".repeat(64), expires: "2027-02-30" }, { sha256: "0".repeat(64), expires: "" }],
  ...[{ issuer: "x", audience: "x", agent_claim: "x", jwks_url: "http://example.com" }],
);
const anyKey = fc.constantFrom(
  ...["x", "constructor", "toString", "__proto__", "7", "", "\0", "a=b", "command", "expires"],
  ...["gateway", "jwt", "jwks_url", "servers", "tools", "limits", "token_sha256", "oauth"],
);
const anyChange = fc.record({
  steps: fc.array(fc.nat(), { minLength: 1, maxLength: 7 }),
  kind: fc.constantFrom("replace", "remove", "add"),
  key: anyKey,
  value: anyInvalidValue,
});
type Change = { steps: number[]; kind: string; key: string; value: Json };

/** Applies a change inside a value; each step chooses a member one level deeper. */
function applyChange(value: Json, { steps, kind, key, value: newValue }: Change): Json {
  const [step = 0, ...innerSteps] = steps;
  if (typeof value !== "object" || value === null) return newValue;
  const members = Object.entries(value);
  if (kind === "add" && innerSteps.length === 0) members.push([key, newValue]);
  else if (members.length > 0) {
    const index = step % members.length;
    const [name, member] = members[index] ?? ["", null];
    if (innerSteps.length > 0) {
      members[index] = [
        name,
        applyChange(member, { steps: innerSteps, kind, key, value: newValue }),
      ];
    } else if (kind === "remove") members.splice(index, 1);
    else members[index] = [name, newValue];
  }
  return Array.isArray(value) ? members.map(([, member]) => member) : Object.fromEntries(members);
}

for (const kind of ["servers", "rules"] as const) {
  Deno.test(`[config.strict-json] a valid ${kind} file is accepted by the fast checks, with the same result as by zod`, () => {
    fc.assert(fc.property(anyFiles[kind], (file) => {
      const text = JSON.stringify(file);
      assert.ok(isAcceptedFast(kind, text), text);
    }));
  });

  Deno.test(`[config.strict-json] a ${kind} file that zod refuses is not accepted by the fast checks`, () => {
    let [acceptedCount, otherCount] = [0, 0];
    const changes = fc.array(anyChange, { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(anyFiles[kind], changes, (file, changes) => {
        const validFile = JSON.parse(JSON.stringify(file)) as Json;
        const changedFile = changes.reduce(applyChange, validFile);
        if (isAcceptedFast(kind, JSON.stringify(changedFile))) acceptedCount++;
        else otherCount++;
      }),
      { numRuns: runs(750) },
    );
    assert.ok(
      acceptedCount > runs(75) && otherCount > runs(75),
      `${acceptedCount} accepted, ${otherCount} not`,
    );
  });
}

const rulesOfEntry = (entry: { readonly [key: string]: Json }) => ({
  agents: { a: { deny: { tools: { s: [{ tool: "t", ...entry }] } } } },
});

Deno.test("[config.strict-json] the fast checks report conditions that only functions refuse", () => {
  const tests: Json[] = [
    ...[{ equals: 2 ** 53 }, { min: 0.1234567890123456 }, { max: 1e300 }, { min: 2, max: 1 }],
    ...[{ within: "srv" }, { within: "/a/../b" }, { host: "a/b" }, { host: "*:80" }],
  ];
  for (
    const when of [{ "": { equals: 1 } }, { "/~": { equals: 1 } }, ...tests.map((a) => ({ a }))]
  ) {
    const text = JSON.stringify(rulesOfEntry({ when }));
    assert.equal(checkFile(fastChecks, "rules", text)?.problems.length, 1, text);
    assert.equal(checkFile(diagnosticChecks, "rules", text)?.problems.length, 1, text);
  }
});

const goldenFolder = new URL("../golden/config/", import.meta.url);
Deno.test("[config.strict-json] a golden file that the fast checks accept has the same result with zod", () => {
  let [acceptedCount, otherCount] = [0, 0];
  for (const { name } of Deno.readDirSync(goldenFolder)) {
    for (const [kind, file] of [["servers", "mcp.json"], ["rules", "rules.json"]] as const) {
      let text: string;
      try {
        text = Deno.readTextFileSync(new URL(`${name}/${file}`, goldenFolder));
      } catch {
        // A folder, a missing file, or a file that is not text.
        continue;
      }
      if (isAcceptedFast(kind, text)) acceptedCount++;
      else otherCount++;
    }
  }
  assert.ok(acceptedCount > 40 && otherCount > 30, `${acceptedCount} accepted, ${otherCount} not`);
});

Deno.test("[config.strict-json] values that only a refinement of zod refuses are not accepted by the fast checks", () => {
  const token = (expires: string) => ({
    agents: { a: { token_sha256: [{ sha256: "0".repeat(64), expires }] } },
  });
  const jwt = { issuer: "x", audience: "x", agent_claim: "x" };
  const entries: Json[] = [
    ...["", " \ufeff", "a\0", "\0"].map((command) => ({ command })),
    ...[{ args: ["\0"] }, { env: { a: "\0" } }, { cwd: "\0" }],
    ...["", "a=b", "\0"].map((name) => ({ gateway: { inherit_env: [name] } })),
    ...[1.5, 0, 2 ** 31, 2 ** 53].map((ms) => ({ gateway: { call_timeout_ms: ms } })),
  ];
  for (const a of entries) {
    assert.equal(isAcceptedFast("servers", JSON.stringify({ mcpServers: { a } })), false);
  }
  for (
    const rules of [
      ...["", "2027-02-30", "2027-01-31T25:00Z", "soon"].map(token),
      ...[{ when: {} }, { when: { a: {} } }, { hint: "x" }].map(rulesOfEntry),
      ...[{ one_of: [] }, { like: [] }, { like: 5 }, { max_length: 1.5 }, { exists: null }]
        .map((test) => rulesOfEntry({ when: { a: test } })),
      { agents: {}, auth: { jwt: { ...jwt, jwks_url: "http://example.com" } } },
      { agents: {}, auth: { jwt: { ...jwt, issuer: "" } } },
      { agents: { a: { token_sha256: ["0".repeat(63)] } } },
    ]
  ) assert.equal(isAcceptedFast("rules", JSON.stringify(rules)), false);
});

Deno.test("[config.strict-json] any header value is checked in linear time", () => {
  for (const value of [" ".repeat(200_000), `${" ".repeat(200_000)}\u6f22`, "a ".repeat(100_000)]) {
    const text = JSON.stringify({
      mcpServers: { a: { url: "https://x.example", headers: { b: value } } },
    });
    const { document } = fastChecks.parse("x.json", text);
    assert.ok(document);
    assert.equal(fastChecks.checkServers(document).file !== undefined, !value.endsWith("\u6f22"));
  }
});
