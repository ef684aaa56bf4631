import assert from "node:assert/strict";
import { join } from "node:path";
import { NO_SHELL } from "./fault_processes.ts";
import { startGateway } from "./gateway.ts";
import { until } from "./until.ts";

const gateway = { connect_timeout_ms: 200 };

/** A gateway with a program named like a downloader, whose download takes some seconds. */
async function startWith(seconds: number) {
  const running = await startGateway({
    servers: { package: { command: "./npx", args: ["-y", "package"], gateway } },
    files: { npx: `#!/bin/sh\necho $$ > started\nsleep ${seconds}\necho yes > done\n` },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
  });
  Deno.chmodSync(join(running.setup.folder, "npx"), 0o755);
  const call = { server: "package", tool: "echo", args: {} };
  const { message } = await running.refusal("execute_tool", call);
  assert.match(message, /did not answer within 200 ms of its start/);
  return running;
}

Deno.test({
  name: "[servers.download] a start that takes too long does not end a download half-way",
  ignore: NO_SHELL,
  fn: async () => {
    await using running = await startWith(1.5);
    const done = join(running.setup.folder, "done");
    await until("the end of the download", () => Deno.readTextFile(done).catch(() => undefined));
  },
});

Deno.test({
  name: "[servers.download] the gateway does not wait for a download when it ends",
  ignore: NO_SHELL,
  fn: async () => {
    const running = await startWith(60);
    const begun = performance.now();
    await running[Symbol.asyncDispose]();
    assert.ok(performance.now() - begun < 10_000);
  },
});
