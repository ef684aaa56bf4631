/**
 * Checks the tables of decisions in tests/golden/policy: `{title, rules, rows}` with rows of
 * `[agent, server, tool or null, "allow" or "deny", rule]`.
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
const fileNames = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the folder of golden decisions is not empty", () => {
  assert.ok(fileNames.length > 0);
});

for (const fileName of fileNames) {
  const text = Deno.readTextFileSync(new URL(fileName, folder));
  const { title, rules, rows }: Table = JSON.parse(text);
  Deno.test(`${title} (${fileName})`, () => {
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
