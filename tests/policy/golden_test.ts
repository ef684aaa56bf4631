/**
 * Checks the tables of decisions in tests/golden/policy: `{title, rules, limitedServers?, rows}` with rows of
 * `[agent, server, item, "allow", "deny" or "ask", rule]`. The item is the name of a tool, `{resource}`, `{prompt}`, or
 * null for the server itself.
 */
import assert from "node:assert/strict";
import { type AccessRequest, compilePolicy, type Decision } from "../../src/policy/mod.ts";
import { readRules, type WrittenRules } from "./read_rules.ts";

type Item = string | null | { readonly resource: string } | { readonly prompt: string };
type Row = [agent: string, server: string, item: Item, Decision["effect"], rule: string];

interface Table {
  readonly title: string;
  readonly rules: WrittenRules;
  readonly limitedServers?: readonly string[];
  readonly rows: readonly Row[];
}

const folder = new URL("../golden/policy/", import.meta.url);
const fileNames = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the folder of golden decisions is not empty", () => {
  assert.ok(fileNames.length > 0);
});

for (const fileName of fileNames) {
  const text = Deno.readTextFileSync(new URL(fileName, folder));
  const { title, rules, limitedServers, rows }: Table = JSON.parse(text);
  Deno.test(`${title} (${fileName})`, () => {
    const policy = compilePolicy(readRules(rules), limitedServers && { limitedServers });
    const decidedRows = rows.map(([agent, server, item]): Row => {
      const { effect, rule } = policy.decide(agent, createAccessRequest(server, item));
      return [agent, server, item, effect, rule];
    });
    assert.ok(rows.length > 0);
    assert.deepEqual(decidedRows, rows);
  });
}

function createAccessRequest(server: string, item: Item): AccessRequest {
  if (item === null) return { kind: "server", server };
  if (typeof item === "string") return { kind: "tool", server, tool: item };
  if ("prompt" in item) return { kind: "prompt", server, prompt: item.prompt };
  return { kind: "resource", server, uri: item.resource };
}
