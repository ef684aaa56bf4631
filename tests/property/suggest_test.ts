import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { AuditTrailFiles } from "../../src/cli/audit_trail_files.ts";
import { RememberedCatalogs } from "../../src/cli/remembered_catalogs.ts";
import { suggestRules } from "../../src/cli/suggest_rules.ts";
import { type Configuration, type Rules } from "../../src/config/mod.ts";
import { checkText, replaceGrants } from "../../src/config/editing/mod.ts";
import { type AccessRequest, compilePolicy } from "../../src/policy/mod.ts";
import { runs } from "./runs.ts";

const TOOLS = ["read", "write", "wrap", "delete"] as const;
const FOLDERS = ["/a", "/b"] as const;
const NAME_WITH_WILDCARD = "r://c*d";

const anyEntry = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TOOLS, "wr*", "*") },
  fc.record({
    tool: fc.constantFrom(...TOOLS, "wr*", "write*", "*"),
    when: fc.record({ path: fc.record({ within: fc.constantFrom(...FOLDERS) }) }),
  }),
);
const anyToolLists = fc.dictionary(
  fc.constantFrom("files", "web", "*"),
  fc.array(anyEntry, { maxLength: 3 }),
  { maxKeys: 2, noNullPrototype: true },
);
const anyNames = (...names: string[]) =>
  fc.dictionary(
    fc.constantFrom("files", "web", "*"),
    fc.array(fc.constantFrom(...names), { maxLength: 2 }),
    { maxKeys: 2, noNullPrototype: true },
  );
const anyGrants = fc.record({
  servers: fc.subarray(["files", "web", "*"]),
  tools: anyToolLists,
  resources: anyNames("r://a", "r://a/*", "r://*", "https://h/x"),
  prompts: anyNames("p", "q*"),
}, { requiredKeys: [] });
const anyRules = fc.record({
  allow: anyGrants.map((grants) => ({ servers: ["*"], ...grants })),
  deny: anyGrants.map(({ servers: _, ...grants }) => grants),
  ask: fc.record({ tools: anyToolLists }, { requiredKeys: [] }),
}, { requiredKeys: ["allow"] });

interface RandomOperation {
  readonly server: string;
  readonly subject:
    | { readonly tool: string; readonly path: string | undefined }
    | { readonly uri: string; readonly uri_cut?: true }
    | { readonly prompt: string }
    | Record<never, never>;
  readonly answer: "allow" | "deny" | "none";
}

const anyOperation: fc.Arbitrary<RandomOperation> = fc.record({
  server: fc.constantFrom("files", "web"),
  subject: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        tool: fc.constantFrom(...TOOLS),
        path: fc.constantFrom("/a/x", "/b/x", "/c", undefined),
      }),
    },
    fc.record({ uri: fc.constantFrom("r://a", "r://a/b", NAME_WITH_WILDCARD, "https://h/x") }),
    fc.constant({ uri: "https://h/x", uri_cut: true as const }),
    fc.record({ prompt: fc.constantFrom("p", "q1") }),
    fc.constant({}),
  ),
  answer: fc.constantFrom("allow" as const, "deny" as const, "none" as const),
});

function toRequest({ server, subject }: RandomOperation): AccessRequest {
  if ("tool" in subject) {
    const value = subject.path === undefined ? {} : { path: subject.path };
    const args = () => ({ json: JSON.stringify(value), value });
    return { kind: "tool", server, tool: subject.tool, args };
  }
  if ("uri" in subject) {
    return { kind: "resource", server, uri: subject.uri + (subject.uri_cut ? "?q=1" : "") };
  }
  return "prompt" in subject
    ? { kind: "prompt", server, prompt: subject.prompt }
    : { kind: "server", server };
}

/** Returns the line that the gateway writes about an operation under these rules. */
function toLine(
  operation: RandomOperation,
  { rules, isShadow, hasArgs }: { rules: Rules; isShadow: boolean; hasArgs: boolean },
): string {
  const { effect, rule } = compilePolicy(rules).decide("a", toRequest(operation));
  const { server, subject, answer } = operation;
  const { path, ...names } = "tool" in subject ? subject : { ...subject, path: undefined };
  const args = hasArgs && "tool" in subject && { args: path === undefined ? {} : { path } };
  const outcome = effect === "allow"
    ? { decision: "ALLOW" }
    : isShadow
    ? { decision: "ALLOW", shadow: effect.toUpperCase() }
    : effect === "ask" && answer === "allow"
    ? { decision: "ALLOW", approval: { id: "A", by: "shell", after_ms: 1 } }
    : effect === "ask" && answer === "none"
    ? { decision: "DENY", code: "APPROVAL_REQUIRED" }
    : {
      decision: "DENY",
      code: "DENIED_BY_POLICY",
      ...effect === "ask" && { approval: { id: "A", by: "shell", after_ms: 1 } },
    };
  const line = { operation: "x", server, ...names, ...outcome, rule, ...args };
  return JSON.stringify({ timestamp: "2026-01-01T00:00:00.000Z", agent_id: "a", ...line });
}

Deno.test("[try.suggest] the suggested rules are valid, keep all else, and decide the log as it was, for any rules and operations", async () => {
  const folder = Deno.makeTempDirSync();
  const path = join(folder, "audit.jsonl");
  let suggestions = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        anyRules,
        fc.array(anyOperation, { minLength: 1, maxLength: 12 }),
        fc.record({ isShadow: fc.boolean(), hasArgs: fc.boolean(), denyOverrides: fc.boolean() }),
        async (agentRules, operations, { isShadow, hasArgs, denyOverrides }) => {
          const other = { allow: { servers: ["files"] }, limits: { per_minute: 3 } };
          const file = {
            agents: { a: { ...agentRules, limits: { concurrent: 2 } }, other },
            defaults: { deny_overrides: denyOverrides },
          };
          const text = `// A comment\n${JSON.stringify(file, null, 2)}\n`;
          assert.deepEqual(checkText("rules", { file: "r", text }), []);
          const { rules } = replaceGrants({ file: "r", text }, { agent: "a", ...agentRules });
          const options = { rules, isShadow, hasArgs };
          const lines = operations.map((operation) => toLine(operation, options));
          // The log is read backwards, and has other agents' operations.
          Deno.writeTextFileSync(
            path,
            [...lines, lines[0]?.replace('"agent_id":"a"', '"agent_id":"b"')].join("\n") + "\n",
          );
          if (lines.every((line) => /"DENY","code":"D(?!.*approval)/.test(line))) return;
          const servers = new Map(["files", "web"].map((name) => [name, { name, options: {} }]));
          const configuration = { rules, servers } as unknown as Configuration;
          using files = new AuditTrailFiles(path);
          const { text: suggested, figures } = await suggestRules(files, {
            agent: "a",
            since: -Infinity,
            configuration,
            content: { file: "r", text },
            catalogs: new RememberedCatalogs(configuration, undefined),
          });
          suggestions++;
          assert.deepEqual(checkText("rules", { file: "r", text: suggested }), [], suggested);
          // In shadow mode, calls of one tool may have been denied and asked about: the tool is asked about then.
          const effectsOf = (server: string | undefined, tool: string | undefined) =>
            new Set(
              operations.filter((operation) => {
                const { subject } = operation;
                return operation.server === server && "tool" in subject && subject.tool === tool;
              }).map((operation) => compilePolicy(rules).decide("a", toRequest(operation)).effect),
            );
          const changes = figures.changes.filter(({ server, tool, resource, to }) => {
            // Its name would be a pattern in rules, so it is left out, and denied.
            if (resource === NAME_WITH_WILDCARD) return to !== "deny";
            const effects = effectsOf(server, tool);
            return !(isShadow && to === "ask" && effects.has("ask") && effects.size > 1);
          });
          assert.deepEqual(changes, [], suggested);
          assert.equal(
            figures.unchanged + figures.changed + figures.depending,
            operations.length,
          );
          if (hasArgs) {
            const cut = operations.filter(({ subject }) => "uri_cut" in subject).length;
            assert.ok(figures.depending <= cut, suggested);
          }
          const { agents, ...rest } = JSON.parse(suggested.replace("// A comment\n", ""));
          assert.deepEqual(rest, { defaults: { deny_overrides: denyOverrides } });
          assert.deepEqual([agents.other, agents.a.limits], [other, { concurrent: 2 }]);
          assert.ok(suggested.startsWith("// A comment\n"));
          // Nothing that was never used is allowed.
          const { rules: narrow } = replaceGrants({ file: "r", text: suggested }, {
            agent: "other",
          });
          const policy = compilePolicy(narrow);
          for (const server of ["files", "web", "third"]) {
            for (const tool of [...TOOLS, "unused"]) {
              const isUsed = operations.some(({ server: used, subject }) => {
                return used === server && "tool" in subject &&
                  subject.tool === tool;
              });
              const { effect } = policy.decide("a", { kind: "tool", server, tool });
              assert.ok(isUsed || effect === "deny", `${server} ${tool} ${suggested}`);
            }
          }
        },
      ),
      { numRuns: runs(100) },
    );
    assert.ok(suggestions > runs(50), `${suggestions} suggestions`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
