import assert from "node:assert/strict";
import { readServeFlags } from "../../src/config/mod.ts";

Deno.test("[cli.flags] command lines that only serve are parsed without the full parser", () => {
  assert.deepEqual(readServeFlags([]), {});
  assert.deepEqual(readServeFlags(["serve"]), {});
  assert.deepEqual(readServeFlags(["--mcp-config", "a.json", "--debug", "--rules", "b.json"]), {
    mcpConfig: "a.json",
    debug: true,
    rules: "b.json",
  });
  assert.deepEqual(readServeFlags(["serve", "--port", "0"]), { port: "0" });
});

Deno.test("[cli.flags] all other command lines are left to the parser of all commands", () => {
  for (
    const line of [
      ...["--help", "-h", "--version", "init", "serve serve", "serve --help", "x", "--", "-"],
      ...["--rules", "--rules --debug", "--rules -x", "--rules=x", "--debug=true", "--debug x"],
      ...["--rules a --rules b", "--debug --debug", "--mcpConfig x", "--undefined x", "--noDebug"],
      ...["--max-sessions 5", "__complete", "--toString x"],
    ]
  ) assert.equal(readServeFlags(line.split(" ")), undefined, line);
  assert.equal(readServeFlags(["--rules", ""]), undefined);
  assert.equal(readServeFlags([""]), undefined);
});
