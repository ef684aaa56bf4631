import assert from "node:assert/strict";
import { join } from "node:path";
import { HAS_NO_SHELL } from "./fault_processes.ts";
import { startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const gateway = { connect_timeout_ms: 200 };

/** A gateway with a program named like a downloader, whose download takes some seconds. */
async function startWithDownload(seconds: number) {
  const running = await startGateway({
    servers: { package: { command: "./npx", args: ["-y", "package"], gateway } },
    files: { npx: `#!/bin/sh\necho $$ > started\nsleep ${seconds}\necho yes > done\n` },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
  });
  Deno.chmodSync(join(running.setup.workingFolder, "npx"), 0o755);
  const call = { server: "package", tool: "echo", args: {} };
  const { message } = await running.expectRefusal("execute_tool", call);
  assert.match(message, /did not answer within 200 ms of its start/);
  return running;
}

Deno.test({
  name: "[servers.download] a start that takes too long does not end a download half-way",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    await using running = await startWithDownload(1.5);
    const done = join(running.setup.workingFolder, "done");
    await waitUntil(
      "the end of the download",
      () => Deno.readTextFile(done).catch(() => undefined),
    );
  },
});

Deno.test({
  name: "[servers.download] the gateway does not wait for a download when it ends",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const running = await startWithDownload(60);
    const begun = performance.now();
    await running[Symbol.asyncDispose]();
    assert.ok(performance.now() - begun < 10_000);
  },
});
