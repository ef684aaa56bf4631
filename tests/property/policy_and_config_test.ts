/**
 * Checks that the policy and the configuration agree. The policy imports no code of the configuration,
 * so both have their own type of rules.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Rules } from "../../src/config/mod.ts";
import { formatPath } from "../../src/json.ts";
import { compilePolicy, type Policy } from "../../src/policy/mod.ts";
import { runs } from "./runs.ts";

// The type of the configuration's rules must be assignable to that of the policy's rules.
compilePolicy satisfies (rules: Rules) => Policy;

const anyText = fc.string({
  unit: fc.constantFrom("a", "Z", "9", "-", "_", ".", " ", '"', "\u00e9"),
});

Deno.test("[rules.rule-path] a rule path has the format of the paths in configuration errors", () => {
  fc.assert(
    fc.property(anyText, anyText, (agent, key) => {
      const grants = { servers: ["*"], tools: new Map([[key, ["*"]]]) };
      const agents = new Map([[agent, { allow: grants }]]);
      assert.equal(
        compilePolicy({ agents, denyOverrides: false })
          .decide(agent, { kind: "tool", server: key, tool: "any" }).rule,
        formatPath(["agents", agent, "allow", "tools", key, 0]),
      );
    }),
    { numRuns: runs(500) },
  );
});
