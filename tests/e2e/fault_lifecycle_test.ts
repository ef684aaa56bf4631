import assert from "node:assert/strict";
import {
  IMMEDIATE_MS,
  measureMs,
  runStepsConcurrently,
  startHeldCall,
  waitUntilNoZombies,
} from "./fault_calls.ts";
import {
  faultServer,
  findProcess,
  HAS_NO_SHELL,
  listProcesses,
  markedProcesses,
  newMark,
  waitUntilGone,
} from "./fault_processes.ts";
import {
  executeToolParams,
  readRefusal,
  readSingleText,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/** Maximum time until all processes of a failed server have ended, in milliseconds. */
const CLEANUP_MS = 3000;

/**
 * Makes a server fail during a call, and checks what must hold for every failure: the call ends
 * soon, a new process answers the next call, no process of the failed server is left, and the other
 * server is unaffected.
 *
 * @param faults Flags of the failing server.
 * @param fail Makes the server fail.
 * @param withinMs Maximum time from the failure to the end of the call.
 * @returns The message of the refusal.
 */
async function failDuringCall(
  faults: readonly string[],
  fail: (gateway: RunningGateway, pid: number) => Promise<unknown>,
  withinMs: number = IMMEDIATE_MS,
): Promise<string> {
  const mark = newMark();
  await using gateway = await startGateway({
    servers: { bad: faultServer(mark, ...faults), good: faultServer(newMark()) },
  });
  const pid = Number(await gateway.callServerToolForText("bad", "pid"));
  const failedProcesses = await markedProcesses(mark);
  assert.ok(failedProcesses.length >= 1 + faults.filter((fault) => fault.endsWith("child")).length);
  const goodPid = await gateway.callServerToolForText("good", "pid");
  const waitForRefusal = await startHeldCall(gateway, "bad");
  const [tookMs, refusal] = await measureMs(async () => {
    void fail(gateway, pid).catch(() => {});
    return await waitForRefusal();
  });
  assert.equal(refusal.code, "SERVER_UNAVAILABLE");
  assert.ok(refusal.message.startsWith('Server "bad" is not available: '), refusal.message);
  assert.ok(tookMs < withinMs, `the call ended after ${tookMs} ms`);
  const [reconnectMs, newPid] = await measureMs(() => gateway.callServerToolForText("bad", "pid"));
  assert.notEqual(Number(newPid), pid);
  assert.ok(reconnectMs < IMMEDIATE_MS, `the next call took ${reconnectMs} ms`);
  // The new process has the same mark, so the old ones are recognized by their ids.
  await waitUntil("no process of the failed server is left", async () => {
    const processes = await listProcesses();
    return failedProcesses.every(({ pid, args }) => {
      return !processes.some((process) => process.pid === pid && process.args === args);
    });
  }, CLEANUP_MS);
  await waitUntilNoZombies(gateway);
  assert.equal(
    await gateway.callServerToolForText("good", "pid"),
    goodPid,
    "the other server keeps its process",
  );
  await gateway.end();
  await waitUntilGone([], mark, IMMEDIATE_MS);
  return refusal.message;
}

const ignore = HAS_NO_SHELL;

async function killServer(_: RunningGateway, pid: number): Promise<void> {
  await Promise.resolve(Deno.kill(pid, "SIGKILL"));
}

Deno.test({
  name: "[faults.crash] a crash ends the calls in progress, and the next call reconnects",
  ignore,
  fn: async () => {
    const message = await failDuringCall([], (gateway) => gateway.callServerTool("bad", "crash"));
    assert.match(message, /It exited with code 7\..*\n> farewell$/s);
  },
});

Deno.test({
  name:
    "[faults.killed] a SIGKILL from outside ends the calls in progress, and the next call reconnects",
  ignore,
  fn: async () => {
    assert.match(await failDuringCall([], killServer), /It was ended by SIGKILL/);
  },
});

Deno.test({
  name: "[faults.output-closed] a server that closes its output and keeps running is replaced",
  ignore,
  fn: async () => {
    await failDuringCall([], (gateway) => gateway.callServerTool("bad", "close_output"));
  },
});

/** Tests of failures that take long to detect; they mostly wait, and therefore run concurrently. */
const SLOW_FAILURES: Readonly<Record<string, () => Promise<void>>> = {
  "[faults.outlived] children that outlive a killed server are killed": async () => {
    const faults = ["stubborn", "stubborn-child"];
    assert.match(await failDuringCall(faults, killServer), /It was ended by SIGKILL/);
  },
  "[faults.held-pipes] a killed server is replaced although its child holds its pipes":
    async () => {
      assert.match(
        await failDuringCall(["holding-child"], killServer, 2 * IMMEDIATE_MS),
        /It was ended by SIGKILL/,
      );
    },
  "[faults.input-closed] a server that closes its input and keeps running is replaced":
    async () => {
      await failDuringCall(["stubborn"], async (gateway) => {
        // The gateway notices the closed input only when it writes to the server.
        assert.equal(await gateway.callServerToolForText("bad", "close_input"), "closed");
        await gateway.callServerTool("bad", "echo");
      }, 2 * IMMEDIATE_MS);
    },
  "[faults.launcher] a server stays in use after its launcher has ended": async () => {
    const mark = newMark();
    const { command, args } = faultServer(mark);
    const script = 'exec 3<&0; "$@" <&3 & exit 0';
    await using gateway = await startGateway({
      servers: { launched: { command: "sh", args: ["-c", script, "sh", command, ...args] } },
    });
    const pid = await gateway.callServerToolForText("launched", "pid");
    // After the launcher has ended, the gateway pings the server and ends it if it does not answer within 500 ms.
    const endMs = performance.now() + 700;
    while (performance.now() < endMs) {
      assert.equal(await gateway.callServerToolForText("launched", "pid"), pid);
    }
    await gateway.end();
    await waitUntilGone([], mark, IMMEDIATE_MS);
  },
  "[faults.hang] calls of a hanging server time out, and a new process replaces it": async () => {
    const mark = newMark();
    await using gateway = await startGateway({
      servers: {
        hung: { ...faultServer(mark, "stubborn-child"), gateway: { call_timeout_ms: 1500 } },
        good: faultServer(newMark()),
      },
    });
    const pid = await gateway.callServerToolForText("hung", "pid");
    const hungProcesses = await markedProcesses(mark);
    assert.equal(hungProcesses.length, 2);
    const heldCall = gateway.client.request("tools/call", executeToolParams("hung", "wait"));
    const [tookMs, refusal] = await measureMs(async () => {
      return readRefusal(await gateway.callServerTool("hung", "freeze"));
    });
    assert.equal(refusal.code, "TIMEOUT");
    assert.ok(tookMs >= 1500 && tookMs < 1500 + IMMEDIATE_MS, `${tookMs} ms`);
    assert.equal(readRefusal((await heldCall).result).code, "TIMEOUT");
    assert.equal(await gateway.callServerToolForText("good", "echo", { token: "x" }), "x");
    // The gateway waits five seconds before it replaces a server that may only be busy.
    const newPid = await waitUntil("the next process answers", async () => {
      const result = await gateway.callServerTool("hung", "pid", {}, { timeout_ms: 200 });
      return result.isError === true ? undefined : readSingleText(result);
    });
    assert.notEqual(newPid, pid);
    const hungPids = new Set(hungProcesses.map((process) => process.pid));
    await waitUntil("no process of the hung server is left", async () => {
      return !(await markedProcesses(mark)).some((process) => hungPids.has(process.pid));
    }, CLEANUP_MS);
    await waitUntilNoZombies(gateway);
  },
};

Deno.test({
  name: "servers whose failure is detected slowly",
  ignore,
  fn: (t) => runStepsConcurrently(t, SLOW_FAILURES),
});

for (const flood of ["flood_stderr", "flood_stdout"]) {
  Deno.test({
    name: `[faults.flood] ${flood} stops no other server, and fills neither memory nor log`,
    ignore,
    fn: async () => {
      await using gateway = await startGateway({
        servers: { loud: faultServer(newMark()), good: faultServer(newMark()) },
      });
      assert.equal(await gateway.callServerToolForText("loud", "echo", { token: "x" }), "x");
      assert.equal(await gateway.callServerToolForText("good", "echo", { token: "x" }), "x");
      const rssBeforeKib = (await findProcess(gateway.program.pid)).rss;
      let isOver = false;
      const flooding = gateway.callServerToolForText("loud", flood, { token: "done" }).finally(() =>
        isOver = true
      );
      let answersDuringFlood = 0;
      for (; !isOver; answersDuringFlood++) {
        assert.equal(await gateway.callServerToolForText("good", "echo", { token: "x" }), "x");
      }
      assert.equal(await flooding, "done");
      const grownKib = (await findProcess(gateway.program.pid)).rss - rssBeforeKib;
      assert.ok(answersDuringFlood > 20, `${answersDuringFlood} answers`);
      assert.ok(grownKib < 150_000, `${grownKib} KiB`);
      assert.ok(gateway.program.stderr.length < 20_000, gateway.program.stderr.slice(0, 5000));
    },
  });
}
