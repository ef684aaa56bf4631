/**
 * Checks the tables of conditions in tests/golden/conditions. A line `when {…}` is a condition, and the lines after it
 * are the arguments of calls, as JSON: `yes` if the condition holds, `no` if it does not, and `?` if it fails closed
 * both ways, because a value is missing, cannot be judged, or is a list of which only some members pass.
 */
import assert from "node:assert/strict";
import { compilePolicy, type Decision, type Policy } from "../../src/policy/mod.ts";
import { checkFiles } from "../config/check_files.ts";

const folder = new URL("../golden/conditions/", import.meta.url);
const fileNames = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

type Effect = Decision["effect"];

/** The decisions of an `allow`, a `deny` and an `ask` with the condition. */
const OUTCOMES: Readonly<Record<string, readonly [allow: Effect, deny: Effect, ask: Effect]>> = {
  yes: ["allow", "deny", "ask"],
  no: ["deny", "allow", "allow"],
  "?": ["deny", "deny", "ask"],
};

let caseCount = 0;

for (const fileName of fileNames) {
  const [title = "", ...lines] = Deno.readTextFileSync(new URL(fileName, folder)).split("\n");
  Deno.test(`${title.replace("# ", "")} (${fileName})`, async () => {
    let policy: Policy | undefined;
    let condition = "";
    for (const line of lines) {
      const [, word = "", json = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
      if (word === "when") {
        policy = await compileCondition(json);
        condition = json;
      } else if (word !== "") {
        assert.ok(policy);
        const args = () => ({ json, value: JSON.parse(json) });
        const request = { kind: "tool", server: "s", tool: "t", args } as const;
        const outcome = ["allows", "denies", "asks"]
          .map((agent) => policy?.decide(agent, request).effect);
        assert.deepEqual(outcome, OUTCOMES[word], `${word} ${json} when ${condition}`);
        caseCount++;
      }
    }
  });
}

Deno.test("[rules.conditions-table] [rules.ask-conditions] the tables of conditions have more than 200 cases", () => {
  assert.ok(caseCount >= 200, `${caseCount} cases`);
});

/** Compiles rules that the gateway itself has read from a file. */
async function compileCondition(when: string): Promise<Policy> {
  const tools = `"tools": {"s": [{"tool": "t", "when": ${when}}]}`;
  const { configuration, errors } = await checkFiles(
    undefined,
    `{"agents": {
      "allows": {"allow": {"servers": ["s"], ${tools}}},
      "denies": {"allow": {"servers": ["s"]}, "deny": {${tools}}},
      "asks": {"allow": {"servers": ["s"]}, "ask": {${tools}}}
    }}`,
  );
  assert.deepEqual(errors, []);
  assert.ok(configuration);
  return compilePolicy(configuration.rules);
}
