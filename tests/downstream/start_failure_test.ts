import assert from "node:assert/strict";
import { join } from "node:path";
import type { ServerConfig } from "../../src/config/mod.ts";
import {
  openTransport,
  Processes,
  StartFailure,
  type StartFailureKind,
} from "../../src/downstream/mod.ts";
import { DownstreamError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";

const OPTIONS: ServerConfig["options"] = {
  isolation: "agent",
  idleTimeoutMs: 1000,
  connectTimeoutMs: 1000,
  callTimeoutMs: 1000,
  maxCallMs: 1000,
  maxConcurrency: 1,
  forward: [],
  inheritEnv: [],
};

/** Writes commands that cannot be started, each for a different reason, into a folder. */
function writeCommands(folder: string): void {
  const write = (name: string, text: string, mode = 0o755): void => {
    Deno.writeTextFileSync(join(folder, name), text);
    Deno.chmodSync(join(folder, name), mode);
  };
  write("crlf", "#!/bin/sh\r\nexit 0\r\n");
  write("no-interpreter", "#!/no/such/program -x\nexit 0\n");
  write("not-executable", "#!/bin/sh\nexit 0\n", 0o644);
  write("file", "");
  Deno.mkdirSync(join(folder, "folder"));
  Deno.symlinkSync("gone", join(folder, "dangling"));
  new Deno.Command("mkfifo", { args: ["-m", "755", join(folder, "pipe")] }).outputSync();
}

/** A command, its folder, the expected cause, and the message for the agent. */
type Case = readonly [
  command: string,
  cwd: string | undefined,
  kind: StartFailureKind,
  message: RegExp,
];

const CASES: readonly Case[] = [
  ["./crlf", undefined, "carriage-return", /is a script with Windows line endings.*"\/bin\/sh\\r"/],
  ["./no-interpreter", undefined, "interpreter-not-found", /for "\/no\/such\/program", which does/],
  ["./not-executable", undefined, "not-executable", /is a file that is not executable/],
  ["./dangling", undefined, "dangling-link", /is a link to a file that does not exist/],
  ["./folder", undefined, "command-is-folder", /is a folder/],
  // Its beginning is not read, which would block the gateway until somebody writes to it.
  ["./pipe", undefined, "not-allowed", /its command "\.\/pipe" may not be run/],
  ["./gone", undefined, "command-not-found", /its command "\.\/gone" was not found/],
  ["./file/gone", undefined, "command-not-found", /its command "\.\/file\/gone" was not found/],
  ["no-such-program", undefined, "command-not-found", /"no-such-program" was not found/],
  ["npx -y some", undefined, "arguments-in-command", /put its arguments into "args"/],
  ["sh", "file", "folder-is-file", /its working folder \("cwd"\) is a file/],
  ["sh", "gone", "folder-not-found", /its working folder \("cwd"\) does not exist/],
];

Deno.test("[servers.start-failures] each cause of a failed start has its own kind and message", async () => {
  const folder = Deno.makeTempDirSync();
  const processes = new Processes(4, createLog());
  const open = async (command: string, cwd: string, path?: string): Promise<unknown> => {
    const env: Record<string, string> = path === undefined ? {} : { PATH: path };
    const config: ServerConfig = {
      name: "s",
      publicInfo: { transport: "stdio" },
      connection: { kind: "stdio", command, args: [], env, cwd },
      options: OPTIONS,
      secrets: [],
      fingerprint: "",
    };
    return await openTransport(config, { log: createLog(), processes }).catch((error) => error);
  };
  try {
    writeCommands(folder);
    for (const [command, cwd = ".", kind, expected] of CASES) {
      const error = await open(command, join(folder, cwd));
      assert.ok(error instanceof DownstreamError, `${command}: ${error}`);
      assert.equal(error.code, "SERVER_UNAVAILABLE");
      assert.match(error.message, /^Server "s" is not available: /);
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, new RegExp(folder));
      assert.ok(error.cause instanceof StartFailure);
      assert.equal(error.cause.kind, kind);
    }
    // The cause is also found for a command on the PATH.
    for (const [command, , kind] of CASES.slice(0, 2)) {
      const error = await open(command.slice(2), folder, folder);
      assert.ok(error instanceof DownstreamError && error.cause instanceof StartFailure);
      assert.equal(error.cause.kind, kind);
    }
  } finally {
    await processes.close();
    Deno.removeSync(folder, { recursive: true });
  }
});
