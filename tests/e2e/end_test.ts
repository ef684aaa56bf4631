import assert from "node:assert/strict";
import { executeToolParams, oddServer, readSingleText, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** Servers that end on their own, on SIGTERM, and only on SIGKILL; two have a child process. */
const STUBBORN = {
  odd: oddServer(),
  deaf: oddServer("--keep-running"),
  shell: {
    command: "sh",
    args: ["-c", `"$0" "$@"; true`, ...commandLine(oddServer("--keep-running"))],
  },
};

function commandLine({ command, args }: { command: string; args: string[] }): string[] {
  return [command, ...args];
}

async function startStubborn() {
  const gateway = await startGateway({ servers: STUBBORN });
  for (const server of Object.keys(STUBBORN)) await gateway.callServerToolForText(server, "spawn");
  return gateway;
}

/** Duration of a function, in milliseconds. */
async function measureMs(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

Deno.test("[lifecycle.end-of-input] everything is gone within 2 s", async () => {
  await using gateway = await startStubborn();
  if (Deno.build.os === "linux") {
    assert.ok(
      (await gateway.setup.listProcessIds()).length >= 8,
      "gateway, servers and their children",
    );
  }
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms < 2000, `${ms} ms`);
});

Deno.test("[lifecycle.end-of-input] calls get 1 s to be answered", async () => {
  await using gateway = await startGateway({ servers: { odd: oddServer() } });
  const { client } = gateway;
  await gateway.callServerToolForText("odd", "count");
  const hung = client.request("tools/call", executeToolParams("odd", "wait"));
  const hungEnds = assert.rejects(hung, /The program ended/);
  const params = executeToolParams("odd", "slow_progress", { every_ms: 100, times: 3 });
  const answered = client.request("tools/call", params);
  await waitUntil(
    "both are under way",
    async () => await gateway.callServerToolForText("odd", "waiting") === "1",
  );
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms > 900 && ms < 2500, `${ms} ms`);
  assert.equal(readSingleText((await answered).result), "done");
  await hungEnds;
});

Deno.test("[lifecycle.end-of-input] immediately, before initialize", async () => {
  await using gateway = await startGateway({ servers: STUBBORN, client: false });
  await gateway.end();
  assert.deepEqual(gateway.program.lines, []);
});

Deno.test("[lifecycle.end-of-input] while servers are still starting", async () => {
  const servers = { hung: oddServer("--hold=initialize"), deaf: oddServer("--keep-running") };
  await using gateway = await startGateway({ servers });
  const ms = await measureMs(() => gateway.end());
  assert.ok(ms < 2000, `${ms} ms`);
});

// SIGTERM with a call that takes longer than the end of input would allow.
for (const [signal, times] of [["SIGTERM", 15], ["SIGINT", 3]] as const) {
  Deno.test(`[lifecycle.signal] ${signal} lets calls end, then servers`, async () => {
    await using gateway = await startGateway({ servers: { odd: oddServer() } });
    await gateway.callServerToolForText("odd", "count");
    const params = executeToolParams("odd", "slow_progress", { every_ms: 100, times });
    const answer = gateway.client.request("tools/call", {
      ...params,
      _meta: { progressToken: 1 },
    });
    await gateway.client.waitForMessage("the call to be under way", ({ method }) => {
      return method === "notifications/progress";
    });
    gateway.program.sendSignal(signal);
    assert.equal(readSingleText((await answer).result), "done");
    const ms = await measureMs(() => gateway.checkEnd(0));
    assert.ok(ms < 1500, `${ms} ms`);
  });
}

Deno.test("[lifecycle.second-signal] ends immediately, and leaves nothing", async () => {
  await using gateway = await startStubborn();
  const hung = gateway.client.request("tools/call", executeToolParams("odd", "wait"));
  const hungEnds = assert.rejects(hung, /The program ended/);
  await waitUntil(
    "it waits",
    async () => await gateway.callServerToolForText("odd", "waiting") === "1",
  );
  gateway.program.sendSignal("SIGTERM");
  gateway.program.sendSignal("SIGINT");
  const ms = await measureMs(async () => void await gateway.program.waitForEnd());
  assert.ok(ms < 1000, `${ms} ms`);
  await gateway.checkEnd(0, 3000);
  await hungEnds;
});

Deno.test("[lifecycle.signal] even with calls that never end", async () => {
  await using gateway = await startStubborn();
  // Without calls: two steps of 2 s for the servers that ignore signals.
  gateway.program.sendSignal("SIGTERM");
  const ms = await measureMs(() => gateway.checkEnd(0));
  assert.ok(ms > 3000 && ms < 6000, `${ms} ms`);
});
