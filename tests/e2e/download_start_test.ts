import assert from "node:assert/strict";
import { join } from "node:path";
import { HAS_NO_SHELL } from "./fault_processes.ts";
import { startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const gatewayOptions = { connect_timeout_ms: 200 };

/** Starts a gateway with a server that a fake `npx` downloads for some seconds; its start times out. */
async function startWithDownload(seconds: number) {
  const gateway = await startGateway({
    servers: { package: { command: "./npx", args: ["-y", "package"], gateway: gatewayOptions } },
    files: { npx: `#!/bin/sh\necho $$ > started\nsleep ${seconds}\necho yes > done\n` },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
  });
  Deno.chmodSync(join(gateway.setup.workingFolder, "npx"), 0o755);
  const call = { server: "package", tool: "echo", args: {} };
  const { message } = await gateway.expectRefusal("execute_tool", call);
  assert.match(message, /did not answer within 200 ms of its start/);
  return gateway;
}

Deno.test({
  name: "[servers.download] a download continues after the start of its server has timed out",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    await using gateway = await startWithDownload(1.5);
    const doneFile = join(gateway.setup.workingFolder, "done");
    await waitUntil(
      "the download ends",
      () => Deno.readTextFile(doneFile).catch(() => undefined),
    );
  },
});

Deno.test({
  name: "[servers.download] the gateway does not wait for a download when it ends",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const gateway = await startWithDownload(60);
    const startedMs = performance.now();
    await gateway[Symbol.asyncDispose]();
    assert.ok(performance.now() - startedMs < 30_000, "the download takes 60 s");
  },
});
