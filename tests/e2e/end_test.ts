import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, readSingleText, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** A server that ends with its input, a server that ends only on SIGKILL, and the latter behind a shell. */
const SERVERS = {
  odd: misbehavingServer(),
  deaf: misbehavingServer("--keep-running"),
  shell: {
    command: "sh",
    args: ["-c", `"$0" "$@"; true`, ...commandLine(misbehavingServer("--keep-running"))],
  },
};

function commandLine({ command, args }: { command: string; args: string[] }): string[] {
  return [command, ...args];
}

/** Starts a gateway with these servers, each of which has started a child process. */
async function startWithChildren() {
  const gateway = await startGateway({ servers: SERVERS });
  for (const server of Object.keys(SERVERS)) await gateway.callServerToolForText(server, "spawn");
  return gateway;
}

/**
 * Time added to each limit for busy machines, in milliseconds. Servers that do not end by themselves are killed
 * after 4 s, and calls have 5 s after a signal, so a gateway that waits for these still exceeds a limit.
 */
const SLACK_MS = 1900;

/** Runs a function and returns its duration in milliseconds. */
async function measureMs(run: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

Deno.test("[lifecycle.end-of-input] all processes end within 2 s of the end of the input", async () => {
  await using gateway = await startWithChildren();
  if (Deno.build.os === "linux") {
    assert.ok(
      (await gateway.setup.listProcessIds()).length >= 8,
      "gateway, servers and their children",
    );
  }
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms < 2000 + SLACK_MS, `${ms} ms`);
});

Deno.test("[lifecycle.end-of-input] calls in progress have 1 s to be answered", async () => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  const { client } = gateway;
  await gateway.callServerToolForText("odd", "count");
  const heldCall = client.request("tools/call", executeToolParams("odd", "wait"));
  const heldCallFails = assert.rejects(heldCall, /The program ended/);
  const params = executeToolParams("odd", "slow_progress", { every_ms: 100, times: 3 });
  const answeredCall = client.request("tools/call", params);
  await waitUntil(
    "the server holds a call",
    async () => await gateway.callServerToolForText("odd", "waiting") === "1",
  );
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms > 900 && ms < 2500 + SLACK_MS, `${ms} ms`);
  assert.equal(readSingleText((await answeredCall).result), "done");
  await heldCallFails;
});

Deno.test("[lifecycle.end-of-input] the gateway ends if its input ends before initialize", async () => {
  await using gateway = await startGateway({ servers: SERVERS, initialize: false });
  await gateway.end();
  assert.deepEqual(gateway.program.lines, []);
});

Deno.test("[lifecycle.end-of-input] the gateway ends within 2 s if its input ends while servers are starting", async () => {
  const servers = {
    hung: misbehavingServer("--hold=initialize"),
    deaf: misbehavingServer("--keep-running"),
  };
  await using gateway = await startGateway({ servers });
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms < 2000 + SLACK_MS, `${ms} ms`);
});

// The call under SIGTERM takes longer than the 1 s that it would have after the end of input.
for (const [signal, times] of [["SIGTERM", 15], ["SIGINT", 3]] as const) {
  Deno.test(`[lifecycle.signal] after ${signal}, the gateway finishes calls, then ends its servers`, async () => {
    await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
    await gateway.callServerToolForText("odd", "count");
    const params = executeToolParams("odd", "slow_progress", { every_ms: 100, times });
    const answer = gateway.client.request("tools/call", {
      ...params,
      _meta: { progressToken: 1 },
    });
    await gateway.client.waitForMessage("progress of the call", ({ method }) => {
      return method === "notifications/progress";
    });
    gateway.program.sendSignal(signal);
    assert.equal(readSingleText((await answer).result), "done");
    const ms = await measureMs(() => gateway.checkEnd(0));
    assert.ok(ms < 1500 + SLACK_MS, `${ms} ms`);
  });
}

Deno.test("[lifecycle.second-signal] a second signal ends the gateway immediately, and no process is left", async () => {
  await using gateway = await startWithChildren();
  const heldCall = gateway.client.request("tools/call", executeToolParams("odd", "wait"));
  const heldCallFails = assert.rejects(heldCall, /The program ended/);
  await waitUntil(
    "the server holds the call",
    async () => await gateway.callServerToolForText("odd", "waiting") === "1",
  );
  gateway.program.sendSignal("SIGTERM");
  gateway.program.sendSignal("SIGINT");
  const ms = await measureMs(async () => void await gateway.program.waitForEnd());
  assert.ok(ms < 1000 + SLACK_MS, `${ms} ms`);
  await gateway.checkEnd(0);
  await heldCallFails;
});

Deno.test("[lifecycle.signal] servers that ignore signals are killed after 4 s", async () => {
  await using gateway = await startWithChildren();
  // There are no calls in progress. Servers have 2 s after the end of their input, and 2 s after SIGTERM.
  gateway.program.sendSignal("SIGTERM");
  const ms = await measureMs(() => gateway.checkEnd(0));
  assert.ok(ms > 3000 && ms < 6000 + SLACK_MS, `${ms} ms`);
});
