import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer } from "../e2e/gateway.ts";
import { HAS_NO_SHELL } from "../e2e/fault_processes.ts";
import { Shell } from "./shell.ts";

/** The text and mode of each script in the folder. */
const SCRIPTS: Readonly<Record<string, readonly [string, number]>> = {
  crlf: ["#!/bin/sh\r\nexit 0\r\n", 0o755],
  "env-crlf": ["#!/usr/bin/env sh\r\nexit 0\r\n", 0o755],
  "no-interpreter": ["#!/no/such/program\n", 0o755],
  "no-env-interpreter": ["#!/usr/bin/env no-such-program\n", 0o755],
  "not-executable": ["#!/bin/sh\n", 0o644],
};

Deno.test({
  name:
    "[cli.doctor] [servers.start-failures] the reason why a command that exists does not start is reported",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const expected: Readonly<Record<string, readonly [string, RegExp, RegExp]>> = {
      crlf: [
        "carriage-return",
        /Windows line endings/,
        /Unix line endings \(LF\), for example: perl/,
      ],
      "env-crlf": ["carriage-return", /looks for "sh\\r"/, /perl -pi -e 's\/\\r\$\/\/'/],
      "no-interpreter": ["interpreter-not-found", /"\/no\/such\/program"/, /Install \/no\/such/],
      "no-env-interpreter": [
        "interpreter-not-found",
        /script for no-such-program/,
        /PATH in "env"/,
      ],
      "not-executable": ["not-executable", /not executable/, /Run: chmod \+x .*not-executable$/],
      dangling: [
        "dangling-link",
        /link to a file that does not exist/,
        /Reinstall gone, which .*dangling links to/,
      ],
      folder: ["command-is-folder", /is a folder/, /Write the path of the program in/],
      "cwd-is-file": ["folder-is-file", /is a file/, /Write the folder that holds/],
    };
    const servers = Object.fromEntries(
      Object.keys(expected).map((name) => [name, { command: `./${name}` }]),
    );
    await using shell = new Shell({
      servers: { ...servers, "cwd-is-file": { command: "true", cwd: "crlf" } },
    });
    const { workingFolder: folder } = shell.setup;
    for (const [name, [text, mode]] of Object.entries(SCRIPTS)) {
      Deno.writeTextFileSync(join(folder, name), text);
      Deno.chmodSync(join(folder, name), mode);
    }
    Deno.symlinkSync("gone", join(folder, "dangling"));
    Deno.mkdirSync(join(folder, "folder"));
    const { stdout } = await shell.run(["doctor", "--json"]);
    for (const { server, error } of JSON.parse(stdout).servers) {
      const [kind, message, fix] = expected[server] ?? ["", /^$/, /^$/];
      assert.equal(error.kind, kind, `${server}: ${error.message}`);
      assert.match(error.message, message);
      assert.match(error.fix, fix);
    }
    // The advice works: the script now runs, although it is not a server.
    const { fix } = JSON.parse(stdout).servers[0].error;
    const [, advice = ""] = /for example: (.*)$/.exec(fix) ?? [];
    const { success } = new Deno.Command("sh", { args: ["-c", advice], cwd: folder }).outputSync();
    assert.ok(success, advice);
    const secondRun = await shell.run(["doctor", "crlf", "--json"]);
    assert.equal(JSON.parse(secondRun.stdout).servers[0].error.kind, "exited");
  },
});

Deno.test("[cli.doctor] [sessions.no-tools] [sessions.partial-list] an incomplete tool list is reported, and a server without tools is good", async () => {
  const servers = {
    toolless: misbehavingServer("--no-tools", "--hold=tools/list"),
    partial: misbehavingServer("--page-size=2", "--fail-page=1"),
  };
  await using shell = new Shell({ servers });
  const { stdout } = await shell.run(["doctor", "--json"]);
  const [toolless, partial] = JSON.parse(stdout).servers;
  assert.deepEqual([toolless.ok, toolless.tools], [true, 0]);
  assert.equal(toolless.warnings, undefined);
  assert.deepEqual([partial.ok, partial.tools], [true, 2]);
  assert.match(
    partial.warnings[0],
    /^Its list of tools is incomplete: page 2 is missing: .*no page/,
  );
});
