import assert from "node:assert/strict";
import { DEFAULT_AUDIT_LOG } from "../e2e/setup.ts";
import { createCallLine, createDenialLine, createResourceLine, REFUSED_LOG } from "./audit_logs.ts";
import { Shell } from "./shell.ts";

const RULES = `{
  "$schema": "./rules.schema.json",
  // The agents of the team.
  "agents": {
    "keeper": {
      "allow": {
        "servers": ["*"],
        "tools": {
          "files": ["read_*", { "tool": "write_*", "when": { "path": { "within": "/srv" } } }, "x"]
        }
      },
      "ask": { "tools": { "files": ["delete_*"] } },
      "limits": { "per_minute": 60 },
    },
    // Stays as it is.
    "other": { "allow": { "servers": ["files"] } },
  },
}
`;

const LOG = [
  createCallLine("read_file"),
  createCallLine("write_file", { args: { path: "/srv/4711" } }),
  createCallLine("delete_file", { approval: { id: "A", by: "client", after_ms: 9 } }),
  createCallLine("search", { server: "web" }),
  createResourceLine("file:///srv/a"),
  createCallLine("summarize", { operation: "prompts/get", tool: undefined, prompt: "sum" }),
  // Another agent, and a name with a typing error.
  createCallLine("move_file", { agent_id: "other" }),
  createCallLine("raed_file", { decision: "ERROR", code: "TOOL_NOT_FOUND" }),
].join("");

async function suggest(
  log: string,
  { args = ["--agent", "keeper"], refused = "", rules = RULES }: {
    readonly args?: readonly string[];
    readonly refused?: string;
    readonly rules?: string;
  } = {},
) {
  await using shell = new Shell({
    servers: { files: { command: "true" }, web: { command: "true" } },
    rules,
    files: { [DEFAULT_AUDIT_LOG]: log, [REFUSED_LOG]: refused },
  });
  const suggested = await shell.run(["suggest", ...args]);
  shell.setup.writeFile("new-rules.json", suggested.stdout);
  const replayed = await shell.run(["replay", "--rules", "new-rules.json", "--agent", "keeper"]);
  const valid = await shell.run(["validate", "--rules", "new-rules.json"]);
  return { ...suggested, replayed, valid };
}

Deno.test("[try.suggest] suggest prints the whole rules file, narrowed to what was let through; replayed, it changes nothing", async () => {
  const { code, stdout, stderr, replayed, valid } = await suggest(LOG, {
    refused: createDenialLine("move_file"),
  });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Narrowed the rules of agent "keeper" to 6 operations$/m);
  assert.deepEqual([replayed.code, valid.code], [0, 0], replayed.stdout + valid.stdout);
  assert.match(replayed.stdout, /^7 operations: 7 as before, 0 would change; 1 more were not/);
  assert.ok(stdout.includes("// The agents of the team.") && stdout.includes("// Stays as it is."));
  const written = JSON.parse(stdout.replaceAll(/^ *\/\/.*/gm, "").replaceAll(/,(?=\s*\})/g, ""));
  assert.deepEqual(written, {
    $schema: "./rules.schema.json",
    agents: {
      keeper: {
        allow: {
          servers: ["files", "web"],
          tools: {
            files: ["read_file", { tool: "write_file", when: { path: { within: "/srv" } } }],
            web: ["search"],
          },
          resources: { files: ["file:///srv/a"], "*": [] },
          prompts: { files: ["sum"], "*": [] },
        },
        ask: { tools: { files: ["delete_file"] } },
        limits: { per_minute: 60 },
      },
      other: { allow: { servers: ["files"] } },
    },
  });
  assert.ok(!(stdout + stderr + replayed.stdout).includes("4711"), "arguments are never printed");
});

Deno.test("[try.suggest-shadow] operations in shadow mode count if they were let through; what was to be asked about is asked", async () => {
  const rule = "agents.keeper.deny.tools.files[0]";
  const { stdout, replayed, stderr } = await suggest(
    createCallLine("move_file", { shadow: "DENY", rule }) +
      createCallLine("delete_file", { shadow: "ASK" }) +
      createCallLine("write_file", { shadow: "DENY", args: { path: "/etc/x" } }),
  );
  assert.equal(replayed.code, 0, replayed.stdout + stderr);
  const { allow, ask } =
    JSON.parse(stdout.replaceAll(/^ *\/\/.*/gm, "").replaceAll(/,(?=\s*\})/g, "")).agents.keeper;
  // The condition on write_file would deny what was let through.
  assert.deepEqual([allow.tools, ask.tools], [
    { files: ["move_file", "write_file"] },
    { files: ["delete_file"] },
  ]);
});

Deno.test("[try.suggest-tiers] entries keep their order, also where an explicit allow precedes an ask with a wildcard", async () => {
  const rules = JSON.stringify({
    agents: {
      keeper: {
        allow: {
          servers: ["files"],
          tools: { files: [{ tool: "write", when: { path: { within: "/a" } } }] },
        },
        ask: { tools: { "*": ["*"] } },
      },
    },
  });
  const { stdout, replayed } = await suggest(
    createCallLine("write", { args: { path: "/a/x" } }) +
      createCallLine("write", { args: { path: "/b/x" }, approval: { id: "A" } }),
    { rules },
  );
  assert.equal(replayed.code, 0, replayed.stdout);
  const { allow, ask, deny } = JSON.parse(stdout).agents.keeper;
  assert.deepEqual([allow.tools.files, ask.tools.files, deny.tools.files], [
    [{ tool: "write", when: { path: { within: "/a" } } }],
    ["write*"],
    ["write?*"],
  ]);
});

Deno.test("[try.suggest] differences that no rules can avoid are reported", async () => {
  // The rules were others when the first call was made.
  const { code, stderr, replayed } = await suggest(
    createCallLine("read_file"),
    { refused: createDenialLine("read_file") },
  );
  assert.equal(code, 0);
  assert.equal(replayed.code, 3);
  assert.match(
    stderr,
    /would be decided otherwise: .*:\n {2}files\/read_file: deny to allow by agents\.keeper\.allow\.tools\.files\[0\] \(1 operation\)\n/,
  );
});

Deno.test("[try.suggest] a name with a wildcard of its own does not become a pattern", async () => {
  const { code, stdout } = await suggest(createCallLine("read_file") + createCallLine("*"));
  assert.equal(code, 0);
  assert.match(stdout, /"tools": \{\s*"files": \[\s*"read_file"\s*\]\s*\}/);
});

Deno.test("[try.suggest] without an agent, or without operations that were let through, there is no suggestion", async () => {
  const none = await suggest(LOG, { args: [] });
  assert.deepEqual([none.code, none.stdout], [2, ""]);
  const unused = await suggest(LOG, { args: ["--agent", "kepper"] });
  assert.deepEqual([unused.code, unused.stdout], [1, ""]);
  assert.match(
    unused.stderr,
    /no operation of agent "kepper" that was let through.*; did you mean "keeper"\?/,
  );
  const later = await suggest(LOG, { args: ["--agent", "keeper", "--since", "1h"] });
  assert.deepEqual([later.code, later.stdout], [1, ""]);
  const denied = await suggest("", { refused: createDenialLine("read_file") });
  assert.deepEqual([denied.code, denied.stdout], [1, ""]);
});
