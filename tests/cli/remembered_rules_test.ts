import assert from "node:assert/strict";
import { faultServer, HAS_NO_SHELL, newMark } from "../e2e/fault_processes.ts";
import { DEFAULT_AUDIT_LOG } from "../e2e/setup.ts";
import { createCallLine } from "./audit_logs.ts";
import { Shell } from "./shell.ts";

const RULES = `{
  "agents": {
    "keeper": {
      "allow": {
        "servers": ["fault"],
        "tools": {
          "fault": [
            "Echo",
            { "tool": "ecko", "when": { "a": { "exists": true } } },
            "*"
          ]
        }
      },
      "deny": { "tools": { "fault": [{ "tool": "echo", "hint": "destructive" }] } },
      "ask": { "tools": { "f*": ["ehco"] } }
    }
  }
}
`;

const NO_MATCH = 'no tool of server "fault" matches';

Deno.test({
  name:
    "[try.unmatched] validate, explain and doctor warn of entries that match no tool that is remembered, with near names and positions",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const servers = { fault: faultServer(newMark()), other: { command: "no-such-program" } };
    const files = {
      "cases.json": {
        cases: [
          { agent: "keeper", server: "fault", tool: "echo", args: {}, expect: "deny" },
          { agent: "keeper", server: "fault", tool: "eccho", args: { a: 1 }, expect: "allow" },
        ],
      },
      [DEFAULT_AUDIT_LOG]: createCallLine("echo", { server: "fault" }),
    };
    await using shell = new Shell({ servers, rules: RULES, files });
    const path = "agents.keeper.allow.tools.fault";
    const unknown = await shell.run(["replay"]);
    assert.equal(unknown.code, 0);
    assert.match(unknown.stdout, /the annotations of their tools are not known/);
    const before = await shell.run(["validate", "--json"]);
    assert.deepEqual(JSON.parse(before.stdout).warnings, [], "nothing is remembered yet");
    const refresh = await shell.run(["refresh", "fault"]);
    assert.equal(refresh.code, 0, refresh.stderr);
    const { code, stdout } = await shell.run(["validate", "--json"]);
    assert.equal(code, 0);
    const expected = [
      [8, 13, `${path}[0]`, `${NO_MATCH} "Echo"; names are case-sensitive: write "echo"`],
      [9, 13, `${path}[1]`, `${NO_MATCH} "ecko"; did you mean "echo"?`],
      [
        15,
        34,
        'agents.keeper.ask.tools["f*"][0]',
        'no tool of the servers that match "f*" matches "ehco"; did you mean "echo"?',
      ],
    ] as const;
    const shown = JSON.parse(stdout).warnings.map((problem: Record<string, unknown>) => {
      return [problem["line"], problem["column"], problem["path"], problem["message"]];
    });
    assert.deepEqual(shown, expected);
    const strict = await shell.run(["validate", "--strict"]);
    assert.equal(strict.code, 1);
    const commands = [
      ["explain", "--agent", "keeper", "--server", "fault", "--tool", "x"],
      ["explain", "--all"],
      ["doctor", "other"],
    ];
    for (const words of commands) {
      const output = await shell.run(words);
      for (const [, , path, message] of expected) {
        const text = output.stdout + output.stderr;
        assert.ok(text.includes(`${path}: ${message}`), `${words.join(" ")}\n${text}`);
      }
    }
    // The remembered list also has the annotations of tools, and their names.
    const tested = await shell.run(["test", "cases.json"]);
    assert.match(tested.stderr, /2 cases: 2 as expected/);
    assert.match(
      tested.stderr,
      /cases\[1\]: the tool "eccho" is not in the list that server "fault" last gave; did you mean "echo"\?/,
    );
    const replayed = await shell.run(["replay"]);
    assert.equal(replayed.code, 3);
    assert.match(replayed.stdout, /^1 operation: 0 as before, 1 would change$/m);
  },
});
