/**
 * Checks the tables of decisions in tests/golden/policy: `{title, rules, rows}` with rows of
 * `[agent, server, tool or null, "allow" or "deny", rule]`. A new case is a new file.
 */
import assert from "node:assert/strict";
import { compilePolicy } from "../../src/policy/mod.ts";
import { readRules, type WrittenRules } from "./read_rules.ts";

type Row = [agent: string, server: string, tool: string | null, "allow" | "deny", rule: string];

interface Table {
  readonly title: string;
  readonly rules: WrittenRules;
  readonly rows: readonly Row[];
}

const folder = new URL("../golden/policy/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the folder of golden decisions is not empty", () => {
  assert.ok(names.length > 0);
});

for (const name of names) {
  const { title, rules, rows }: Table = JSON.parse(Deno.readTextFileSync(new URL(name, folder)));
  Deno.test(`${title} (${name})`, () => {
    const policy = compilePolicy(readRules(rules));
    const decidedRows = rows.map(([agent, server, tool]): Row => {
      const { effect, rule } = policy.decide(
        agent,
        tool === null ? { kind: "server", server } : { kind: "tool", server, tool },
      );
      return [agent, server, tool, effect, rule];
    });
    assert.ok(rows.length > 0);
    assert.deepEqual(decidedRows, rows);
  });
}
