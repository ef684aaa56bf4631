import assert from "node:assert/strict";
import { Shell } from "./shell.ts";

const RULES = {
  agents: {
    keeper: {
      allow: {
        servers: ["files"],
        tools: {
          files: [
            "read_file",
            { tool: "write_file", when: { path: { within: "/srv/notes" } } },
            { tool: "list_*", hint: "read_only" },
          ],
        },
        prompts: { files: ["summarize"] },
      },
      deny: { tools: { files: ["read_media_file"] } },
    },
    backend: { allow: { servers: ["files"] }, deny: { tools: { "*": ["drop_*"] } } },
  },
};

/** Writes cases beside the rules; the first is in line 3. */
function toCases(cases: readonly Readonly<Record<string, unknown>>[]): string {
  return `{\n  "cases": [\n${cases.map((one) => `    ${JSON.stringify(one)}`).join(",\n")}\n  ]\n}`;
}

const KEEPER = { agent: "keeper", server: "files" };

async function runCases(
  cases: readonly Readonly<Record<string, unknown>>[] | string,
  { args = [], rules = RULES }: { readonly args?: readonly string[]; readonly rules?: object } = {},
) {
  await using shell = new Shell({
    servers: { files: { command: "true" } },
    rules: { ...rules },
    files: { ".mcp-gateway-tests.json": typeof cases === "string" ? cases : toCases(cases) },
  });
  return await shell.run(["test", ...args]);
}

Deno.test("[try.test] cases that the rules decide as expected pass, with exit code 0", async () => {
  const { code, stdout, stderr } = await runCases([
    { ...KEEPER, tool: "read_file", expect: "allow" },
    { ...KEEPER, tool: "write_file", args: { path: "/srv/notes/a" }, expect: "allow" },
    { ...KEEPER, tool: "write_file", args: { path: "/etc/passwd" }, expect: "deny" },
    {
      ...KEEPER,
      tool: "read_media_file",
      expect: "deny",
      rule: "agents.keeper.deny.tools.files[0]",
    },
    { ...KEEPER, prompt: "summarize", expect: "allow" },
    { ...KEEPER, prompt: "other", expect: "deny" },
    { ...KEEPER, resource: "file:///srv/notes/a", expect: "allow" },
    { agent: "backend", server: "files", tool: "drop_table", expect: "deny" },
  ]);
  assert.deepEqual([code, stdout], [0, ""], stderr);
  assert.equal(stderr, "8 cases: 8 as expected\n");
});

Deno.test("[try.test] [try.messages] a failed case says what was expected, what was decided, by which entry, and what would pass", async () => {
  const { code, stdout, stderr } = await runCases([
    { ...KEEPER, tool: "write_file", args: { path: "/etc/secret-4711" }, expect: "allow" },
    { ...KEEPER, tool: "read_media_file", expect: "allow" },
    { ...KEEPER, tool: "delete_file", expect: "allow" },
    { ...KEEPER, tool: "read_file", expect: "deny" },
    { ...KEEPER, tool: "read_file", expect: "allow", rule: "agents.keeper.allow.servers[0]" },
    { agent: "keeper", server: "other", tool: "x", expect: "allow" },
    { agent: "nobody", server: "files", tool: "x", expect: "allow" },
    { agent: "backend", server: "files", tool: "drop_table", expect: "allow" },
    { agent: "keeper", server: "other", tool: "x", expect: "ask" },
  ]);
  assert.equal(code, 1);
  const blocks = stdout.split("\n\n");
  const expected: readonly (readonly [string, string, string, string])[] = [
    [
      '3:5: cases[0]: tool "write_file" of server "files" for agent "keeper", with its args',
      "expected allow",
      "decided deny by agents.keeper.allow.tools.files[1]",
      "to be allowed by agents.keeper.allow.tools.files[1]: path must be within /srv/notes; or add " +
      '"write_file" to agents.keeper.allow.tools.files, with a condition ("when") if it is for ' +
      'such calls only; or write "expect": "deny" in the case',
    ],
    [
      '4:5: cases[1]: tool "read_media_file" of server "files" for agent "keeper", without args',
      "expected allow",
      "decided deny by agents.keeper.deny.tools.files[0]",
      'remove or narrow agents.keeper.deny.tools.files[0]; or write "expect": "deny" in the case',
    ],
    [
      '5:5: cases[2]: tool "delete_file" of server "files" for agent "keeper", without args',
      "expected allow",
      "decided deny by agents.keeper.allow.tools.files",
      'add "delete_file" to agents.keeper.allow.tools.files; or write "expect": "deny" in the case',
    ],
    [
      '6:5: cases[3]: tool "read_file" of server "files" for agent "keeper", without args',
      "expected deny",
      "decided allow by agents.keeper.allow.tools.files[0]",
      'add "read_file" to agents.keeper.deny.tools.files; or write "expect": "allow" in the case',
    ],
    [
      '7:5: cases[4]: tool "read_file" of server "files" for agent "keeper", without args',
      "expected allow by agents.keeper.allow.servers[0]",
      "decided allow by agents.keeper.allow.tools.files[0]",
      'write "rule": "agents.keeper.allow.tools.files[0]" in the case, or change the rules so that ' +
      "agents.keeper.allow.servers[0] decides",
    ],
    [
      '8:5: cases[5]: tool "x" of server "other" for agent "keeper", without args',
      "expected allow",
      "decided deny by agents.keeper.allow.servers",
      'add "other" to agents.keeper.allow.servers; or write "expect": "deny" in the case',
    ],
    [
      '9:5: cases[6]: tool "x" of server "files" for agent "nobody", without args',
      "expected allow",
      "decided deny by agents.nobody",
      'add agents.nobody to the rules; or write "expect": "deny" in the case',
    ],
    [
      '10:5: cases[7]: tool "drop_table" of server "files" for agent "backend", without args',
      "expected allow",
      'decided deny by agents.backend.deny.tools["*"][0]',
      'remove or narrow agents.backend.deny.tools["*"][0]; or write "expect": "deny" in the case',
    ],
    [
      '11:5: cases[8]: tool "x" of server "other" for agent "keeper", without args',
      "expected ask",
      "decided deny by agents.keeper.allow.servers",
      'add "other" to agents.keeper.allow.servers, and add "x" to agents.keeper.ask.tools.other; ' +
      'or write "expect": "deny" in the case',
    ],
  ];
  assert.equal(blocks.length, expected.length, stdout);
  for (const [index, [title, ...lines]] of expected.entries()) {
    const [first = "", ...rest] = (blocks[index] ?? "").split("\n");
    assert.ok(first.endsWith(`.mcp-gateway-tests.json:${title}`), first);
    const [expectedLine, decidedLine, remedy] = lines;
    assert.deepEqual(rest.slice(0, 3), [
      `  ${expectedLine}`,
      `  ${decidedLine}`,
      `  to pass: ${remedy}`,
    ]);
  }
  assert.match(stderr, /^9 cases: 0 as expected, 9 decided otherwise$/m);
  assert.ok(!stdout.includes("4711"), "arguments are never printed");
});

Deno.test("[try.test-depends] a case whose decision depends on what it does not say is a difference that says so", async () => {
  const { code, stdout } = await runCases([
    { ...KEEPER, tool: "write_file", expect: "allow" },
    { ...KEEPER, tool: "write_file", expect: "deny" },
    { ...KEEPER, tool: "list_files", args: {}, expect: "allow" },
  ], { args: ["--json"] });
  assert.equal(code, 1);
  const { differences, cases, passed } = JSON.parse(stdout);
  assert.deepEqual([cases, passed], [3, 0]);
  const [allow, deny, hint] = differences;
  for (const [expected, difference] of [["allow", allow], ["deny", deny]] as const) {
    assert.equal(difference.expected, expected);
    assert.equal(difference.decided, "nothing: it depends on agents.keeper.allow.tools.files[1]");
    assert.equal(
      difference.to_pass,
      "give the case `args` (to be allowed by agents.keeper.allow.tools.files[1]: path must be " +
        "within /srv/notes)",
    );
  }
  assert.equal(hint.problem.line, 5);
  assert.match(
    hint.to_pass,
    /^run agent-mcp-gateway refresh files, so that .* \(to be allowed by \S+: the tool must be read-only/,
  );
});

Deno.test("[try.test-args] arguments are judged with all their digits, and may stand beside comments", async () => {
  const rules = {
    agents: {
      keeper: {
        allow: {
          servers: ["files"],
          tools: { files: [{ tool: "get", when: { "/filter/id": { equals: 0.1 } } }] },
        },
      },
    },
  };
  const { code, stderr, stdout } = await runCases(
    `{ "cases": [
      // JSON.parse would make this 0.1.
      { "agent": "keeper", "server": "files", "tool": "get", "expect": "deny",
        "args": { "filter": { "id": 0.10000000000000000001, }, /* comment */ "a\\"b": ["x",], } },
      { "agent": "keeper", "server": "files", "tool": "get", "expect": "allow",
        "args": { "filter": { "id": 0.1 } } },
    ] }`,
    { rules },
  );
  assert.equal(code, 0, stdout + stderr);
});

Deno.test("[try.test-coverage] --coverage lists the entries that decided nothing", async () => {
  const cases = [
    { ...KEEPER, tool: "read_file", expect: "allow" },
    { ...KEEPER, tool: "write_file", args: { path: "/x" }, expect: "deny" },
    { agent: "backend", server: "files", tool: "x", expect: "allow" },
  ];
  const unused = [
    "agents.keeper.allow.tools.files[2]",
    "agents.keeper.allow.prompts.files[0]",
    "agents.keeper.deny.tools.files[0]",
    'agents.backend.deny.tools["*"][0]',
  ];
  const json = await runCases(cases, { args: ["--coverage", "--json"] });
  assert.equal(json.code, 0, "coverage changes no exit code");
  // The condition of write_file did not hold, so that the list decided, and not the entry.
  assert.deepEqual(JSON.parse(json.stdout).decided_nothing, unused);
  const text = await runCases(cases, { args: ["--coverage"] });
  assert.match(
    text.stdout,
    /^Entries of the rules that decided nothing:\n {2}agents\.keeper\.allow\.tools\.files\[2\]: "list_\*" under conditions\n/,
  );
});

Deno.test("[try.test-file] errors of the file have their positions, and nothing is decided", async () => {
  const { code, stdout, stderr } = await runCases(
    `{
  "cases": [
    { "agent": "keeper", "server": "files", "tool": "a", "expect": "alow" },
    { "agent": "keeper", "server": "files", "expect": "allow" },
    { "agent": "keeper", "server": "files", "tool": "a", "prompt": "b", "expect": "deny" },
    { "agent": "keeper", "server": "files", "prompt": "b", "expect": "ask" },
    { "agent": "keeper", "server": "files", "resource": "b", "args": {}, "expect": "deny" },
    { "agent": "keeper", "sever": "files", "tool": "b", "expect": "deny", "args": [] }
  ]
}`,
  );
  assert.deepEqual([code, stdout], [1, ""]);
  const lines = stderr.trimEnd().split("\n").map((line) => line.replace(/^.*tests\.json:/, ""));
  const expected = [
    /^3:\d+: cases\[0\]\.expect: expected one of "allow", "deny", "ask", found "alow"; did you mean "allow"\?/,
    /^8:\d+: cases\[5\]\.server: this key is missing|^8:5: cases\[5\]\.server: this key is missing/,
    /^8:\d+: cases\[5\]\.args: expected an object of arguments by name, found a list/,
    /^8:\d+: cases\[5\]\.sever: unknown key; did you mean "server"\?/,
    /^4:5: cases\[1\]: this case is about nothing: add `tool`, `resource` or `prompt`/,
    /^5:\d+: cases\[2\]\.prompt: a case is about one thing: remove `tool` or `prompt`/,
    /^6:\d+: cases\[3\]\.expect: rules ask about calls of tools only/,
    /^7:\d+: cases\[4\]\.args: rules judge arguments of tools only/,
  ];
  for (const pattern of expected) {
    assert.ok(lines.some((line) => pattern.test(line)), `${pattern}\n${stderr}`);
  }
  assert.equal(lines.length, expected.length, stderr);
  const empty = await runCases('{"cases": []}');
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /:1:\d+: cases: expected at least one case/);
  const missing = await runCases([], { args: ["none.json"] });
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /^none\.json: there is no such file; write a file of cases, such as/,
  );
});

Deno.test("[try.test] a name that is not known causes a warning, because its case may pass by mistake", async () => {
  const { code, stderr } = await runCases([
    { agent: "keper", server: "files", tool: "a", expect: "deny" },
    { agent: "keeper", server: "fils", tool: "a", expect: "deny" },
  ]);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /Warning: .*:3:5: cases\[0\]: the agent "keper" is not in the rules; did you mean "keeper"\?/,
  );
  assert.match(
    stderr,
    /Warning: .*:4:5: cases\[1\]: the server "fils" is not configured; did you mean "files"\?/,
  );
});
