import assert from "node:assert/strict";
import { misbehavingServer } from "../e2e/gateway.ts";
import { faultServer, HAS_NO_SHELL, markedProcesses, newMark } from "../e2e/fault_processes.ts";
import { waitUntil } from "../e2e/wait.ts";
import { Shell } from "./shell.ts";

Deno.test({
  name: "[cli.doctor] each failure comes with its cause and its fix",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const mark = newMark();
    const servers = {
      good: faultServer(mark),
      chatty: faultServer(mark, "noisy"),
      missing: { command: "no-such-program" },
      path: { command: "./no/such/program" },
      words: { command: "npx -y something" },
      folder: { command: "true", cwd: "no/such/folder" },
      unset: { command: "true", env: { KEY: "${NOT_SET_ANYWHERE}" } },
      banner: { command: "echo", args: ["Welcome!"] },
      dying: faultServer(mark, "dying"),
      mute: { ...faultServer(mark, "mute"), gateway: { connect_timeout_ms: 400 } },
      revision: misbehavingServer("--revision=1999-01-01"),
    };
    await using shell = new Shell({ servers });
    const { code, stdout, stderr } = await shell.run(["doctor", "--json"]);
    assert.equal(code, 1);
    // deno-lint-ignore no-explicit-any -- as printed
    const reports = new Map<string, any>(
      JSON.parse(stdout).servers.map((report: { server: string }) => [report.server, report]),
    );
    assert.deepEqual([...reports.keys()], Object.keys(servers));
    const good = reports.get("good");
    assert.deepEqual([good.ok, good.tools, good.error], [true, 11, undefined]);
    assert.ok(good.tokens > 50 && good.ms > 0);
    assert.match(good.revision, /^\d{4}-\d\d-\d\d$/);
    assert.equal(reports.get("dying").revision, undefined);
    assert.equal(reports.get("chatty").ok, true);
    assert.match(reports.get("chatty").warnings[0], /writes text .* to stdout, .*Welcome!/);
    const assertCause = (name: string, kind: string, message: RegExp, fix: RegExp) => {
      const { ok, error } = reports.get(name);
      assert.deepEqual([ok, error.kind], [false, kind], name);
      assert.match(error.message, message, name);
      assert.match(error.fix, fix, name);
      return error;
    };
    const { looked } = assertCause(
      "missing",
      "command-not-found",
      /"no-such-program"/,
      /Install no-such/,
    );
    assert.deepEqual(looked, shell.setup.env["PATH"]?.split(":").filter((part) => part !== ""));
    assertCause("path", "command-not-found", /no\/such\/program/, /mcpServers\.path\.command/);
    assertCause("words", "arguments-in-command", /npx -y/, /its arguments into "args"/);
    assertCause("folder", "folder-not-found", /no\/such\/folder/, /mcpServers\.folder\.cwd/);
    assertCause(
      "unset",
      "variable",
      /"NOT_SET_ANYWHERE".*at \.mcp\.json:1:\d+/,
      /Set NOT_SET_ANYWHERE/,
    );
    assertCause("banner", "stdout-noise", /"Welcome!"/, /logs to stderr/);
    assertCause("dying", "exited", /code 3.*farewell/s, /by hand/);
    assertCause(
      "mute",
      "too-slow",
      /within 400 ms/,
      /mute\.gateway\.connect_timeout_ms \(now 400\)/,
    );
    assertCause("revision", "protocol", /1999-01-01/, /Update the server/);
    // Without a terminal, progress is one line for each server, and no cursor movement.
    assert.equal(stderr.trimEnd().split("\n").length, reports.size, stderr);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(stderr, /[\x1b\r]/);
    assert.deepEqual(await markedProcesses(mark), []);
  },
});

Deno.test({
  name:
    "[cli.doctor] without --json, servers are reported as text; an unknown server or a missing file is refused",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const servers = {
      good: faultServer(newMark()),
      bad: { command: "no-such-program" },
      old: misbehavingServer("--revision=2024-11-05"),
    };
    await using shell = new Shell({ servers });
    const good = await shell.run(["doctor", "good"]);
    assert.equal(good.code, 0);
    assert.match(
      good.stdout,
      /^SERVER +RESULT +TOOLS +TOKENS +TIME\ngood +ok +11 +\d+ +\d\.\d\d s$/,
    );
    const allServers = await shell.run(["doctor"]);
    assert.equal(allServers.code, 1);
    assert.match(allServers.stdout, /^SERVER +RESULT +TOOLS +TOKENS +REVISION +TIME$/m);
    assert.match(allServers.stdout, /^old +ok +\d+ +[\d,]+ +2024-11-05 /m);
    assert.match(allServers.stdout, /^bad +FAILED +- +- +- /m);
    assert.match(
      allServers.stdout,
      /^bad\n {2}its command .*\n {2}Looked in: .*\n {2}Fix: Install/m,
    );
    const unknownServer = await shell.run(["doctor", "goood"]);
    assert.deepEqual([unknownServer.code, unknownServer.stdout], [2, ""]);
    assert.match(unknownServer.stderr, /did you mean "good"\?/);
    const missingFile = await shell.run(["doctor", "--mcp-config", "none.json"]);
    assert.deepEqual([missingFile.code, missingFile.stdout], [1, ""]);
  },
});

Deno.test({
  name: "[cli.doctor] Ctrl-C leaves no process behind, even if a server ignores signals",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const mark = newMark();
    const servers = { mute: faultServer(mark, "mute", "stubborn", "stubborn-child") };
    await using shell = new Shell({ servers });
    const program = await shell.start("doctor");
    await waitUntil("the server runs", async () => (await markedProcesses(mark)).length >= 2);
    program.sendSignal("SIGINT");
    assert.equal((await program.waitForEnd()).code, 130);
    assert.deepEqual(program.lines, []);
    assert.deepEqual(await markedProcesses(mark), []);
  },
});
