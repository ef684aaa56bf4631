import assert from "node:assert/strict";
import { Shell } from "./command_support.ts";

const NAME = "ev\x1b]0;title\x07il";

Deno.test("[cli.tables] names and output of a server cannot move the cursor", async () => {
  await using shell = new Shell();
  const file = `${shell.setup.workingFolder}/hostile.json`;
  const script = "console.error('\\x1b]0;title\\x07boom'); Deno.exit(3)";
  const command = { command: Deno.execPath(), args: ["eval", script] };
  Deno.writeTextFileSync(file, JSON.stringify({ mcpServers: { [NAME]: command } }));
  const rules = `${shell.setup.workingFolder}/hostile_rules.json`;
  Deno.writeTextFileSync(rules, JSON.stringify({ agents: { a: { allow: { servers: ["*"] } } } }));
  const files = ["--mcp-config", file, "--rules", rules];
  const commands: [string[], RegExp][] = [
    [["doctor"], /ev\?\]0;title\?il/],
    [["explain", "--all"], /ev\?\]0;title\?il/],
    [["tools", "--agent", "a"], /ev\?\]0;title\?il/],
    [["call", NAME, "t", "--agent", "a"], /\?boom|boom/],
    [["savings"], /ev\?\]0;title\?il/],
  ];
  for (const [words, seen] of commands) {
    const { stdout, stderr } = await shell.run([...words, ...files]);
    const all = stdout + stderr;
    assert.match(all, seen, words[0]);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(all, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/, words[0]);
  }
});
