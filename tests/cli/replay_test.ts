import assert from "node:assert/strict";
import { DEFAULT_AUDIT_LOG } from "../e2e/setup.ts";
import { createCallLine, createDenialLine, createResourceLine, REFUSED_LOG } from "./audit_logs.ts";
import { createAuditLine } from "./run_audit_commands.ts";
import { Shell } from "./shell.ts";

const NOTES = "agents.keeper.allow.tools.files[1]";

const RULES = {
  agents: {
    keeper: {
      allow: {
        servers: ["files"],
        tools: {
          files: ["read_file", { tool: "write_file", when: { path: { within: "/srv/notes" } } }],
        },
        resources: { files: ["file:///srv/notes/*", "file:///srv/plan"] },
      },
      ask: { tools: { files: ["delete_file"] } },
    },
  },
};

async function replay(
  log: string,
  { args = [], refused, rules = RULES, files = {} }: {
    readonly args?: readonly string[];
    readonly refused?: string;
    readonly rules?: object;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
) {
  await using shell = new Shell({
    servers: { files: { command: "true" } },
    rules: { ...rules },
    files: {
      [DEFAULT_AUDIT_LOG]: log,
      ...refused !== undefined && { [REFUSED_LOG]: refused },
      ...files,
    },
  });
  return await shell.run(["replay", ...args]);
}

async function replayJson(...[log, options = {}]: Parameters<typeof replay>) {
  const { code, stdout, stderr } = await replay(log, {
    ...options,
    args: ["--json", ...options.args ?? []],
  });
  assert.ok(code === 0 || code === 3, stderr);
  return { code, figures: JSON.parse(stdout) };
}

Deno.test("[try.replay] a log that the rules decide as it was changes nothing, with exit code 0", async () => {
  const { code, stdout, stderr } = await replay(
    createCallLine("read_file") + createCallLine("write_file", { args: { path: "/srv/notes/a" } }),
    { refused: createDenialLine("move_file") },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "3 operations: 3 as before, 0 would change");
});

Deno.test("[try.replay] [try.messages] changes are grouped, with the entry and what would pass, and exit code 3", async () => {
  const log = [
    createCallLine("write_file", { args: { path: "/etc/4711" } }),
    createCallLine("write_file", {
      args: { path: "/etc/4712" },
      timestamp: "2026-02-01T08:00:00Z",
    }),
    createCallLine("move_file"),
    createCallLine("delete_file", { decision: "ERROR", code: "TIMEOUT" }),
    createCallLine("read_file"),
  ].join("");
  const refused = createDenialLine("read_file");
  const { code, figures } = await replayJson(log, { refused });
  assert.equal(code, 3);
  const { operations, unchanged, changed, depending, undecided, changes, damaged_lines } = figures;
  assert.deepEqual([operations, unchanged, changed, depending, undecided, damaged_lines], [
    ...[6, 1, 5, 0, 0, 0],
  ]);
  const keeper = { agent: "keeper", server: "files" };
  const time = "2026-01-31T08:00:00.000Z";
  const times = { count: 1, first: time, last: time };
  const byTool = Object.fromEntries(
    changes.map((change: { tool: string }) => [change.tool, change]),
  );
  assert.deepEqual(byTool, {
    write_file: {
      ...keeper,
      tool: "write_file",
      from: "allow",
      to: "deny",
      rule: NOTES,
      conditions: [
        { rule: NOTES, decision: "allow", requirement: "path must be within /srv/notes" },
      ],
      count: 2,
      first: time,
      last: "2026-02-01T08:00:00.000Z",
    },
    move_file: {
      ...keeper,
      tool: "move_file",
      from: "allow",
      to: "deny",
      rule: "agents.keeper.allow.tools.files",
      ...times,
    },
    delete_file: {
      ...keeper,
      tool: "delete_file",
      from: "allow",
      to: "ask",
      rule: "agents.keeper.ask.tools.files[0]",
      ...times,
    },
    read_file: {
      ...keeper,
      tool: "read_file",
      from: "deny",
      to: "allow",
      rule: "agents.keeper.allow.tools.files[0]",
      ...times,
    },
  });
  const text = await replay(log, { refused });
  assert.equal(text.code, 3);
  assert.match(text.stdout, /^6 operations: 1 as before, 5 would change$/m);
  assert.match(
    text.stdout,
    /^ +2 +keeper +files\/write_file +allow to deny +agents\.keeper\.allow\.tools\.files\[1\]$/m,
  );
  assert.match(text.stdout, /^to be allowed by \S+\[1\]: path must be within \/srv\/notes$/m);
  assert.ok(!text.stdout.includes("471"), "arguments are never printed");
});

Deno.test("[try.replay-depends] an operation depends on arguments that the log does not have whole; nothing is guessed", async () => {
  const unknown = [
    createCallLine("write_file"),
    // A value, a key and an object that the log has in part.
    createCallLine("write_file", { args: { path: "/srv/notes/[redacted]" } }),
    createCallLine("write_file", { args: { path: "/srv/not…" } }),
    createCallLine("write_file", { args: { content: "x", "…": "…" } }),
    createCallLine("write_file", { args: { "[redacted]": 1 } }),
    // The log has JSON in strings without its blanks.
    createCallLine("write_file", { args: { path: '{"a":1}' } }),
    // Perhaps too long to be judged.
    createCallLine("write_file", { args: { path: "/srv/notes/a" }, args_bytes: 5_000_000 }),
  ];
  const known = [
    createCallLine("write_file", {
      args: { path: "/srv/notes/a", content: "long…", "…": "…" },
      args_bytes: 100_000,
    }),
    createCallLine("read_file", { args: { path: "[redacted]" } }),
  ];
  const { code, figures } = await replayJson([...unknown, ...known].join(""));
  assert.equal(code, 0, "what depends is no change");
  assert.deepEqual([figures.unchanged, figures.changed, figures.depending], [2, 0, 7]);
  const [group] = figures.depends;
  assert.deepEqual([group.count, group.to, group.rule, group.missing], [
    ...[7, "depends", NOTES, "arguments"],
  ]);
  const text = await replay(unknown.join(""));
  assert.match(text.stdout, /^7 operations: 0 as before, 0 would change, 7 depend on/m);
  assert.match(text.stdout, /GATEWAY_AUDIT_ARGS=redacted/);
});

Deno.test("[try.replay-depends] a number is judged with all its digits, and a cut URI or name is not judged", async () => {
  const rules = {
    agents: {
      keeper: {
        allow: {
          servers: ["files"],
          tools: { files: [{ tool: "get", when: { id: { equals: 0.1 } } }] },
          resources: { files: ["file:///srv/notes/*"] },
        },
      },
      open: { allow: { servers: ["*"] } },
    },
  };
  const line = createCallLine("get", { args: { id: 1 } });
  const { figures } = await replayJson(
    [
      line.replace('"id":1', '"id":0.10000000000000000001'),
      line.replace('"id":1', '"id":0.1'),
      createResourceLine("file:///srv/notes/a", { uri_cut: true }),
      createResourceLine("file:///srv/notes/a"),
      createResourceLine(`file:///srv/notes/${"a".repeat(238)}`),
      // Rules without lists of resources do not depend on the URI.
      createResourceLine("file:///srv/notes/a", { uri_cut: true, agent_id: "open" }),
      createCallLine("t", { server: "s".repeat(64), agent_id: "open", tool: "t".repeat(64) }),
    ].join(""),
    { rules },
  );
  const { changes, depends, unchanged } = figures;
  assert.deepEqual(changes.map(({ to, tool }: { to: string; tool: string }) => [tool, to]), [
    ["get", "deny"],
  ]);
  assert.deepEqual(depends.map(({ missing }: { missing: string }) => missing), ["name", "name"]);
  assert.equal(unchanged, 4);
});

Deno.test("[try.replay-decisions] the decision of an entry is what became of the operation", async () => {
  const approval = { id: "AB12CD34", by: "shell", after_ms: 10 };
  const log = [
    // A person was asked: allowed, and denied.
    createCallLine("delete_file", { approval }),
    createDenialLine("delete_file", { approval }),
    createDenialLine("delete_file", { code: "APPROVAL_REQUIRED" }),
    // Shadow mode: nobody was asked, and a denial was let through.
    createCallLine("delete_file", { shadow: "ASK" }),
    createCallLine("read_file", { shadow: "DENY" }),
    // A call that has begun without an end was let through; one with an end counts once.
    createCallLine("write_file", { phase: "begun", args: { path: "/x" }, request_id: 7 }),
    createCallLine("read_file", { phase: "begun", request_id: 8 }),
    createCallLine("read_file", { phase: "ended", request_id: 8 }),
    // Other operations: of lists, of a whole server, of the status.
    createCallLine("", { operation: "get_server_tools", tool: undefined }),
    createCallLine("", {
      operation: "list_servers",
      tool: undefined,
      server: undefined,
      rule: undefined,
    }),
    createAuditLine({
      agent_id: "keeper",
      operation: "get_gateway_status",
      server: undefined,
      tool: undefined,
      rule: "agents.keeper.status",
    }),
    createAuditLine({ agent_id: "keeper", operation: "lookups", counts: { list_servers: 5 } }),
  ].join("");
  const refused = [
    createDenialLine("read_file", { code: "RATE_LIMITED", rule: undefined }),
    createDenialLine("read_file", { code: "TOOL_CHANGED" }),
    createDenialLine("read_file", { code: "INVALID_AGENT_ID", agent_id: null, rule: undefined }),
    createCallLine("read_file", { decision: "ERROR", code: "INVALID_ARGUMENTS", rule: undefined }),
  ].join("");
  const { figures } = await replayJson(log, { refused });
  const { operations, unchanged, undecided, unasked, changes } = figures;
  assert.deepEqual({ operations, unchanged, undecided, unasked }, {
    operations: 9,
    unchanged: 7,
    undecided: 6,
    unasked: 1,
  });
  assert.deepEqual(
    changes.map(({ tool = "status", from, to }: Record<string, string>) => [tool, from, to]),
    [["status", "allow", "deny"], ["write_file", "allow", "deny"]],
  );
});

Deno.test("[try.replay-logs] rotated files, damaged lines, and entries of earlier versions are read", async () => {
  const old = JSON.stringify({
    timestamp: "2025-01-01T00:00:00.000Z",
    agent_id: "keeper",
    operation: "execute_tool",
    decision: "ALLOW",
    server: "files",
    tool: "move_file",
    rule: "agents.keeper.allow.servers[0]",
    latency_ms: 1,
  });
  const { code, figures } = await replayJson(
    `${createCallLine("read_file")}{"timestamp":"2026\n\0\0\n[]\n"x"\n${"y".repeat(2_000_000)}\n`,
    { files: { [`${DEFAULT_AUDIT_LOG}.1`]: `${old}\n`, [`${DEFAULT_AUDIT_LOG}.2`]: `${old}\n` } },
  );
  assert.equal(code, 3);
  assert.deepEqual([figures.operations, figures.changed, figures.damaged_lines], [3, 2, 5]);
  const since = await replay(
    createCallLine("move_file") +
      createCallLine("read_file", { timestamp: "2026-03-01T00:00:00Z" }),
    { args: ["--since", "2026-02-01"] },
  );
  assert.deepEqual([since.code, since.stdout], [0, "1 operation: 1 as before, 0 would change"]);
});

Deno.test("[try.replay-logs] a log of any size is read in bounded memory, and groups are bounded", async () => {
  let log = "";
  for (let number = 0; number < 12_000; number++) log += createCallLine(`tool_${number}`);
  const { code, figures } = await replayJson(log + createCallLine("read_file").repeat(60_000));
  assert.equal(code, 3);
  assert.deepEqual([figures.operations, figures.changed, figures.changes.length], [
    ...[72_000, 12_000, 10_001],
  ]);
  assert.equal(figures.changes[0].agent, "(others)");
  assert.equal(figures.changes[0].count, 2000);
});

Deno.test("[try.replay] --rules names other rules, --agent selects, --audit-log names the log", async () => {
  const other = JSON.stringify({ agents: { keeper: { allow: { servers: ["*"] } } } });
  const log = createCallLine("move_file") + createCallLine("x", { agent_id: "gone" });
  const args = ["--rules", "other.json", "--audit-log", "log.jsonl"];
  const files = { "other.json": other, "log.jsonl": log };
  const all = await replayJson("", { args, files });
  assert.equal(all.code, 3);
  const [{ agent, from, to, rule }] = all.figures.changes;
  assert.deepEqual([agent, from, to, rule], ["gone", "allow", "deny", "agents.gone"]);
  const one = await replayJson("", { args: [...args, "--agent", "keeper"], files });
  assert.deepEqual([one.code, one.figures.operations], [0, 1]);
  const missing = await replay("", { args: ["--audit-log", "none.jsonl"] });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /There is no audit log at none\.jsonl/);
});
