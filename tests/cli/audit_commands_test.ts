import assert from "node:assert/strict";
import { AuditFiles, FollowedLog } from "../../src/cli/audit_files.ts";
import { readSince } from "../../src/cli/times.ts";
import { TestFolder } from "../audit/audit_log_fixtures.ts";
import { createAuditLine, runStats, runTail } from "./run_audit_commands.ts";

const DENIED = { decision: "DENY", code: "DENIED_BY_POLICY", rule: "agents.b.deny.tools.db[0]" };

/** Writes an audit log of three files, with 24 entries and 4 damaged lines. Returns the path of the newest file. */
function writeLog(folder: TestFolder): string {
  const path = folder.pathOf("audit.jsonl");
  const timeAt = (minute: number) => ({ timestamp: `2026-01-31T08:${minute}:00.000Z` });
  const writeLines = (name: string, ...lines: string[]): void => {
    Deno.writeTextFileSync(folder.pathOf(name), lines.join(""));
  };
  const allowedLines = Array.from(
    { length: 20 },
    (_, n) => createAuditLine({ ...timeAt(10), latency_ms: n + 1 }),
  );
  writeLines(
    "audit.jsonl.2",
    ...allowedLines,
    '{"timestamp":"2026-01-',
    "\n",
    "\n",
    "[]\n",
    "{}\n",
  );
  const deniedLine = createAuditLine({
    ...timeAt(20),
    agent_id: "b",
    server: "db",
    tool: "drop",
    ...DENIED,
  });
  writeLines("audit.jsonl.1", deniedLine, deniedLine, "\xff\n");
  const timeout = { agent_id: "b", decision: "ERROR", code: "TIMEOUT", latency_ms: 9000 };
  const unknownAgent = { agent_id: null, decision: "DENY", code: "INVALID_AGENT_ID" };
  const listServers = { operation: "list_servers", server: undefined, tool: undefined };
  writeLines(
    "audit.jsonl",
    createAuditLine({ ...timeAt(30), ...timeout, server: "db", tool: "query" }),
    createAuditLine({ ...timeAt(31), ...unknownAgent, ...listServers }),
  );
  return path;
}

Deno.test("[audit.stats] [audit.damaged] entries of all files are counted, and damaged lines separately", async () => {
  using folder = new TestFolder();
  const path = writeLog(folder);
  const { code, stdout, stderr } = await runStats(path);
  assert.equal(code, 0);
  assert.match(stderr, /Skipped 4 damaged/);
  const figures = JSON.parse(stdout);
  assert.deepEqual(figures.files, [`${path}.2`, `${path}.1`, path]);
  assert.deepEqual([figures.count, figures.damaged_lines], [24, 4]);
  assert.deepEqual(figures.decisions, { ALLOW: 20, DENY: 3, ERROR: 1 });
  assert.deepEqual([figures.from, figures.to], [
    "2026-01-31T08:10:00.000Z",
    "2026-01-31T08:31:00.000Z",
  ]);
  const counts = (rows: Record<string, unknown>[]) => {
    return rows.map(({ name, count, denied, errors }) => [name, count, denied, errors]);
  };
  assert.deepEqual(counts(figures.agents), [["a", 20, 0, 0], ["b", 3, 2, 1], ["", 1, 1, 0]]);
  assert.deepEqual(counts(figures.servers), [["files", 20, 0, 0], ["db", 3, 2, 1]]);
  assert.deepEqual(counts(figures.tools), [
    ["files/read", 20, 0, 0],
    ["db/drop", 2, 2, 0],
    ["db/query", 1, 0, 1],
  ]);
  assert.deepEqual(figures.denials, [
    { agent: "b", rule: DENIED.rule, count: 2 },
    { agent: "", rule: "INVALID_AGENT_ID", count: 1 },
  ]);
  assert.deepEqual(figures.errors, [{ code: "TIMEOUT", count: 1 }]);
  const [readTool] = figures.tools;
  assert.ok(Math.abs(readTool.p95_ms - 19) <= 0.4, `${readTool.p95_ms} ms`);
  assert.equal(readTool.max_ms, 20);
});

Deno.test("[audit.stats] lines of the text output have at most 80 columns and no control characters, and the slowest tool is listed first", async () => {
  using folder = new TestFolder();
  const path = writeLog(folder);
  const name = `long\x1b[2J\u202e${"x".repeat(200)}`;
  const manyDenials = Array.from(
    { length: 30 },
    (_, n) => createAuditLine({ ...DENIED, tool: `${name}${n}` }),
  );
  Deno.writeTextFileSync(path, manyDenials.join(""), { append: true });
  const { stdout } = await runStats(path, { json: false });
  for (const line of stdout.split("\n")) assert.ok([...line].length <= 80, line);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\u202e]/);
  assert.match(stdout, /^54 operations: 33 DENY, 20 ALLOW, 1 ERROR$/m);
  assert.match(stdout, /^SLOWEST TOOL.*\ndb\/query +9000 +9000\nfiles\/read +19 +20$/m);
  assert.match(stdout, /^b {2}agents\.b\.deny\.tools\.db\[0\] +2$/m);
  assert.match(stdout, /^\(none\) {2}INVALID_AGENT_ID +1$/m);
  assert.match(stdout, /^TIMEOUT +1$/m);
  assert.match(stdout, /^and 23 more; --json has all$/m);
});

Deno.test("[audit.stats] [audit.tail] --since and --agent select entries, and --since takes a duration or a date", async () => {
  using folder = new TestFolder();
  const path = writeLog(folder);
  const since = Date.parse("2026-01-31T08:20:00Z");
  const count = async (flags: { since?: number; agent?: string }) => {
    return JSON.parse((await runStats(path, flags)).stdout).count;
  };
  assert.equal(await count({ since }), 4);
  assert.equal(await count({ agent: "b" }), 3);
  assert.equal(await count({ since, agent: "a" }), 0);
  assert.equal(await count({ agent: "nobody" }), 0);
  assert.equal(
    (await runTail(path, { agent: "a", lines: 3, json: true })).stdout.split("\n").length,
    4,
  );
  assert.equal((await runTail(path, { since, agent: "a" })).stdout, "");
  const now = Date.parse("2026-01-31T08:00:00Z");
  assert.equal(readSince("90s", now), now - 90_000);
  assert.equal(readSince("1h", now), now - 3_600_000);
  assert.equal(readSince("2d", now), now - 2 * 86_400_000);
  assert.equal(readSince("2026-01-31T08:00:00Z"), now);
  for (const invalidSince of ["", "1", "h", "-1h", "1.5h", "yesterday", "2026", "2026-13-01"]) {
    assert.throws(() => readSince(invalidSince), SyntaxError, invalidSince);
  }
});

Deno.test("[audit.tail] the last operations of all files are shown, the newest last", async () => {
  using folder = new TestFolder();
  const path = writeLog(folder);
  const { code, stdout } = await runTail(path, { lines: 5 });
  assert.equal(code, 0);
  const lines = stdout.split("\n").slice(0, -1);
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.deepEqual(lines, [
    "2026-01-31T08:10:00Z ALLOW a files/read 20 ms",
    "2026-01-31T08:20:00Z DENY  b db/drop 1.50 ms agents.b.deny.tools.db[0]",
    "2026-01-31T08:20:00Z DENY  b db/drop 1.50 ms agents.b.deny.tools.db[0]",
    "2026-01-31T08:30:00Z ERROR b db/query 9000 ms TIMEOUT",
    "2026-01-31T08:31:00Z DENY  (none) list_servers 1.50 ms INVALID_AGENT_ID",
  ]);
  const json = (await runTail(path, { lines: 2, json: true })).stdout;
  assert.equal(json, Deno.readTextFileSync(path));
});

Deno.test("[audit.stats] [audit.tail] resources and prompts are counted and shown with their servers", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const none = { server: undefined, tool: undefined };
  const read = { ...none, operation: "resources/read", server: "docs", uri: "docs://a" };
  const get = { ...none, operation: "prompts/get", server: "docs", prompt: "sum" };
  Deno.writeTextFileSync(
    path,
    [
      createAuditLine({ ...read, request_id: 1 }),
      createAuditLine({ ...read, request_id: 2, decision: "DENY", rule: "r[0]" }),
      createAuditLine({ ...read, request_id: 3, server: undefined, decision: "DENY", rule: "r" }),
      createAuditLine({ ...get, request_id: 4 }),
      createAuditLine({ ...none, operation: "prompts/list", request_id: 5 }),
      createAuditLine({ ...get, request_id: 6, phase: "begun", latency_ms: undefined }),
      createAuditLine({ ...read, request_id: 7, phase: "begun", latency_ms: undefined }),
    ].join(""),
  );
  const figures = JSON.parse((await runStats(path)).stdout);
  const counts = (rows: Record<string, unknown>[]) => {
    return rows.map(({ name, count, denied }) => [name, count, denied]);
  };
  assert.deepEqual(counts(figures.resources), [["docs docs://a", 2, 1], ["docs://a", 1, 1]]);
  assert.deepEqual(counts(figures.prompts), [["docs/sum", 1, 0]]);
  assert.deepEqual(counts(figures.tools), []);
  assert.deepEqual(
    figures.unfinished.map(({ operation, server, uri, prompt }: Record<string, string>) => {
      return [operation, server, uri, prompt];
    }),
    [["resources/read", "docs", "docs://a", ""], ["prompts/get", "docs", "", "sum"]],
  );
  const text = (await runStats(path, { json: false })).stdout;
  assert.match(text, /^RESOURCE .*\ndocs docs:\/\/a +2 +1 /m);
  assert.match(text, /^PROMPT .*\ndocs\/sum +1 +0 /m);
  assert.match(text, /^a {2}prompts\/get docs\/sum +1$/m);
  assert.deepEqual(
    (await runTail(path)).stdout.replaceAll("2026-01-31T08:00:00Z ", "").split("\n"),
    [
      "ALLOW a resources/read docs docs://a 1.50 ms",
      "DENY  a resources/read docs docs://a 1.50 ms r[0]",
      "DENY  a resources/read docs://a 1.50 ms r",
      "ALLOW a prompts/get docs/sum 1.50 ms",
      "ALLOW a prompts/list 1.50 ms",
      "ALLOW a prompts/get docs/sum begun",
      "ALLOW a resources/read docs docs://a begun",
      "",
    ],
  );
});

Deno.test("[audit.tail] the address is shown for a refused login, which has no agent", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const login = { agent_id: null, operation: "login", server: undefined, tool: undefined };
  Deno.writeTextFileSync(
    path,
    createAuditLine({ ...login, address: "192.0.2.7", decision: "DENY", code: "UNAUTHORIZED" }),
  );
  const { stdout } = await runTail(path);
  assert.equal(stdout, "2026-01-31T08:00:00Z DENY  192.0.2.7 login 1.50 ms UNAUTHORIZED\n");
});

Deno.test("[audit.tail] lines that cross chunks are read completely, backwards and forwards", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const lines = Array.from({ length: 3000 }, (_, n) => {
    return createAuditLine({ request_id: n, note: "é".repeat(n % 700) });
  });
  const damagedLine = `"${"x".repeat(3 * 1024 * 1024)}"\n`;
  Deno.writeTextFileSync(path, [...lines, damagedLine, ...lines].join(""));
  const { stdout, stderr } = await runTail(path, { lines: 10_000, json: true });
  assert.equal(stdout, [...lines, ...lines].join(""));
  assert.match(stderr, /Skipped 1 damaged/);
  const figures = JSON.parse((await runStats(path)).stdout);
  assert.deepEqual([figures.count, figures.damaged_lines], [6000, 1]);
});

Deno.test("[audit.stream] a log of 20 MB takes at most 60 MB more memory than a short one", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const lines = Array.from({ length: 10_000 }, (_, n) => {
    return createAuditLine({ agent_id: `agent-${n % 100}`, latency_ms: n % 500 });
  }).join("");
  Deno.writeTextFileSync(path, lines);
  await runStats(path);
  const rssBefore = Deno.memoryUsage().rss;
  const copies = Math.ceil(20e6 / lines.length);
  for (let copy = 1; copy < copies; copy++) Deno.writeTextFileSync(path, lines, { append: true });
  const { count } = JSON.parse((await runStats(path)).stdout);
  assert.equal(count, copies * 10_000);
  const addedBytes = Deno.memoryUsage().rss - rssBefore;
  assert.ok(addedBytes < 60e6, `${addedBytes} bytes more`);
});

Deno.test("[audit.stats] a missing log is reported, and a folder cannot be read as a log", async () => {
  using folder = new TestFolder();
  const { code, stdout, stderr } = await runStats(folder.pathOf("none.jsonl"));
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /no audit log at .*none\.jsonl: no call has been recorded there yet; if the log is elsewhere,/,
  );
  assert.equal((await runTail(folder.path)).code, 1);
});

Deno.test("[audit.tail] long names are cut, but neither the rule nor the code", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const longName = "x".repeat(100);
  const rule = `agents.${longName}.deny.tools.${longName}[17]`;
  const longNames = { agent_id: longName, server: longName, tool: longName };
  const code = "A_CODE_OF_A_SERVER_THAT_IS_RATHER_LONG";
  Deno.writeTextFileSync(
    path,
    createAuditLine({ ...longNames, decision: "DENY", code: "DENIED_BY_POLICY", rule }) +
      createAuditLine({ ...longNames, decision: "ERROR", code }),
  );
  const [denied = "", failed = ""] = (await runTail(path)).stdout.split("\n");
  assert.match(denied, /^2026-01-31T08:00:00Z DENY {2}x+… 1\.50 ms agents\./);
  assert.ok(denied.endsWith(` ${rule}`), denied);
  assert.equal(denied.length, 80 + 1 + rule.length);
  assert.ok(failed.endsWith(` 1.50 ms ${code}`), failed);
});

Deno.test("[audit.tool-errors] results with isError are counted separately and marked", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const errorLine = createAuditLine({ tool_error: true });
  Deno.writeTextFileSync(
    path,
    createAuditLine() + errorLine + errorLine + createAuditLine({ tool: "write" }),
  );
  const figures = JSON.parse((await runStats(path)).stdout);
  assert.deepEqual([figures.decisions, figures.tool_errors], [{ ALLOW: 4 }, 2]);
  const toolErrors = (rows: Record<string, unknown>[]) => {
    return rows.map(({ name, errors, tool_errors }) => [name, errors, tool_errors]);
  };
  assert.deepEqual(toolErrors(figures.tools), [["files/read", 0, 2], ["files/write", 0, 0]]);
  assert.deepEqual(toolErrors(figures.agents), [["a", 0, 2]]);
  const { stdout } = await runStats(path, { json: false });
  assert.match(stdout, /^4 operations: 4 ALLOW; 2 of the allowed calls returned isError$/m);
  assert.match(stdout, /^TOOL WITH isError +COUNT\nfiles\/read +2$/m);
  const [, secondLine] = (await runTail(path)).stdout.split("\n");
  assert.equal(secondLine, "2026-01-31T08:00:00Z ALLOW a files/read 1.50 ms isError");
});

Deno.test("[interaction.audit] audit tail shows how often the client was asked, and audit stats accepts such lines", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const ended = createAuditLine({ rounds: 2, waited_ms: 1.25 });
  Deno.writeTextFileSync(path, ended + createAuditLine({ rounds: 1, waited_ms: 1 }));
  const [twice, once] = (await runTail(path)).stdout.split("\n");
  assert.equal(twice, "2026-01-31T08:00:00Z ALLOW a files/read 1.50 ms in 2 rounds");
  assert.equal(once, "2026-01-31T08:00:00Z ALLOW a files/read 1.50 ms in 1 round");
  const { count, damaged_lines } = JSON.parse((await runStats(path)).stdout);
  assert.deepEqual([count, damaged_lines], [2, 0]);
});

Deno.test("[audit.follow] an incomplete line is forgotten when the log is emptied", () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  Deno.writeTextFileSync(path, "x".repeat(100));
  using log = new FollowedLog(path);
  assert.deepEqual([...log.lines()], []);
  Deno.writeTextFileSync(path, "whole line\n");
  assert.deepEqual([...log.lines()], ["whole line"]);
});

// The test fails if a file stays open.
Deno.test("the files of a log are closed if one of them cannot be opened", () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  Deno.writeTextFileSync(path, createAuditLine({}));
  Deno.symlinkSync("audit.jsonl.1", folder.pathOf("audit.jsonl.1"));
  assert.throws(() => new AuditFiles(path), (error) => !(error instanceof Deno.errors.NotFound));
});

Deno.test("[audit.follow] a folder at the path of the log counts as a missing log", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/a.jsonl`;
  try {
    using log = new FollowedLog(path);
    Deno.mkdirSync(path);
    assert.deepEqual([...log.lines()], []);
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "one\n");
    assert.deepEqual([...log.lines()], ["one"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[audit.shadow] operations that shadow mode let through are shown with their rule, and can be selected", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const rule = "agents.a.deny.tools.db[0]";
  const lines = [
    createAuditLine({ server: "db", tool: "query" }),
    createAuditLine({ server: "db", tool: "drop", shadow: "DENY", rule }),
    createAuditLine({
      server: "db",
      tool: "write",
      shadow: "ASK",
      rule: "agents.a.ask.tools.db[0]",
    }),
    createAuditLine({ server: "db", tool: "drop", shadow: "DENY", rule }),
  ];
  Deno.writeTextFileSync(path, lines.join(""));
  const all = await runTail(path);
  assert.match(all.stdout, /db\/drop +\S+ ms shadow DENY agents\.a\.deny\.tools\.db\[0\]$/m);
  assert.equal(all.stdout.trimEnd().split("\n").length, 4);
  const shadowed = await runTail(path, { shadow: true });
  assert.equal(shadowed.stdout.trimEnd().split("\n").length, 3);
  assert.doesNotMatch(shadowed.stdout, /query/);
  const figures = JSON.parse((await runStats(path)).stdout);
  assert.deepEqual(figures.decisions, { ALLOW: 4 });
  assert.deepEqual(
    figures.shadowed.map(({ decision, rule, count }: Record<string, unknown>) => {
      return [decision, rule, count];
    }),
    [["DENY", rule, 2], ["ASK", "agents.a.ask.tools.db[0]", 1]],
  );
  assert.equal(JSON.parse((await runStats(path, { shadow: true })).stdout).count, 3);
  const text = await runStats(path, { json: false });
  assert.match(text.stdout, /LET THROUGH BY SHADOW MODE: AGENT, RULE/);
});

Deno.test("[approvals.audit] audit tail says who has approved a call", async () => {
  using folder = new TestFolder();
  const path = folder.pathOf("audit.jsonl");
  const code = "APPROVAL_REQUIRED";
  const lines = [
    createAuditLine({ approval: { id: "k7mq2x9d", by: "shell", after_ms: 5 } }),
    createAuditLine({ decision: "DENY", code, rule: "agents.a.ask", approval: { id: "abcdefgh" } }),
    createAuditLine({}),
  ];
  Deno.writeTextFileSync(path, lines.join(""));
  const texts = (await runTail(path)).stdout.trimEnd().split("\n");
  assert.deepEqual(texts.map((line) => line.replace(/^.* ms ?/, "")), [
    "approval k7mq2x9d by shell",
    "agents.a.ask approval abcdefgh undecided",
    "",
  ]);
});
