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

/** Maximum time until the processes of a broken session are gone, in milliseconds. */
const CLEANUP_MS = 3000;

/**
 * Makes a server fail during a call, and checks what must hold for every failure: the call ends
 * soon, the next one is answered by a new process, and nothing is left of the old one.
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
  const before = await markedProcesses(mark);
  assert.ok(before.length >= 1 + faults.filter((fault) => fault.endsWith("child")).length);
  const goodPid = await gateway.callServerToolForText("good", "pid");
  const ended = await startHeldCall(gateway, "bad");
  const [tookMs, refusal] = await measureMs(async () => {
    void fail(gateway, pid).catch(() => {});
    return await ended();
  });
  assert.equal(refusal.code, "SERVER_UNAVAILABLE");
  assert.ok(refusal.message.startsWith('Server "bad" is not available: '), refusal.message);
  assert.ok(tookMs < withinMs, `the call ended after ${tookMs} ms`);
  const [reconnectMs, newPid] = await measureMs(() => gateway.callServerToolForText("bad", "pid"));
  assert.notEqual(Number(newPid), pid);
  assert.ok(reconnectMs < IMMEDIATE_MS, `the next call took ${reconnectMs} ms`);
  // Everything of the first one goes; the second has the same mark.
  await waitUntil("nothing is left of the first process", async () => {
    const all = await listProcesses();
    return before.every(({ pid, args }) => {
      return !all.some((other) => other.pid === pid && other.args === args);
    });
  }, CLEANUP_MS);
  await waitUntilNoZombies(gateway);
  assert.equal(
    await gateway.callServerToolForText("good", "pid"),
    goodPid,
    "the other server lived on",
  );
  await gateway.end();
  await waitUntilGone([], mark, IMMEDIATE_MS);
  return refusal.message;
}

const ignore = HAS_NO_SHELL;

async function killFromOutside(_: RunningGateway, pid: number): Promise<void> {
  await Promise.resolve(Deno.kill(pid, "SIGKILL"));
}

Deno.test({
  name: "[faults.crash] a crash ends the calls in progress, and the next call reconnects",
  ignore,
  fn: async () => {
    const message = await failDuringCall([], (gateway) => gateway.callServerTool("bad", "crash"));
    assert.match(message, /It exited with code 7\..*\nfarewell$/s);
  },
});

Deno.test({
  name: "[faults.killed] so does a SIGKILL from outside",
  ignore,
  fn: async () => {
    assert.match(await failDuringCall([], killFromOutside), /It was ended by SIGKILL/);
  },
});

Deno.test({
  name: "[faults.output-closed] so does a server that closes its output and keeps running",
  ignore,
  fn: async () => {
    await failDuringCall([], (gateway) => gateway.callServerTool("bad", "close_output"));
  },
});

/** Tests that mostly wait, and therefore run concurrently. */
const SLOW_FAILURES: Readonly<Record<string, () => Promise<void>>> = {
  "[faults.outlived] a server dies whose children keep running": async () => {
    const faults = ["stubborn", "stubborn-child"];
    assert.match(await failDuringCall(faults, killFromOutside), /It was ended by SIGKILL/);
  },
  "[faults.held-pipes] a server dies whose child holds its pipes": async () => {
    assert.match(
      await failDuringCall(["holding-child"], killFromOutside, 2 * IMMEDIATE_MS),
      /It was ended by SIGKILL/,
    );
  },
  "[faults.input-closed] a server closes its input and keeps running": async () => {
    await failDuringCall(["stubborn"], async (gateway) => {
      // The closed input is noticed only when there is something to write.
      assert.equal(await gateway.callServerToolForText("bad", "close_input"), "closed");
      await gateway.callServerTool("bad", "echo");
    }, 2 * IMMEDIATE_MS);
  },
  "[faults.launcher] a server whose launcher ends stays in use": async () => {
    const mark = newMark();
    const { command, args } = faultServer(mark);
    const script = 'exec 3<&0; "$@" <&3 & exit 0';
    await using gateway = await startGateway({
      servers: { launched: { command: "sh", args: ["-c", script, "sh", command, ...args] } },
    });
    const pid = await gateway.callServerToolForText("launched", "pid");
    const until = performance.now() + 700;
    while (performance.now() < until) {
      assert.equal(await gateway.callServerToolForText("launched", "pid"), pid);
    }
    await gateway.end();
    await waitUntilGone([], mark, IMMEDIATE_MS);
  },
  "[faults.hang] a server that hangs times out, gives way to a new process, and is gone":
    async () => {
      const mark = newMark();
      await using gateway = await startGateway({
        servers: {
          hung: { ...faultServer(mark, "stubborn-child"), gateway: { call_timeout_ms: 300 } },
          good: faultServer(newMark()),
        },
      });
      const pid = await gateway.callServerToolForText("hung", "pid");
      const before = await markedProcesses(mark);
      assert.equal(before.length, 2);
      const waiting = gateway.client.request("tools/call", executeToolParams("hung", "wait"));
      const [tookMs, refusal] = await measureMs(async () => {
        return readRefusal(await gateway.callServerTool("hung", "freeze"));
      });
      assert.equal(refusal.code, "TIMEOUT");
      assert.ok(tookMs >= 300 && tookMs < 300 + IMMEDIATE_MS, `${tookMs} ms`);
      assert.equal(readRefusal((await waiting).result).code, "TIMEOUT");
      assert.equal(await gateway.callServerToolForText("good", "echo", { token: "x" }), "x");
      // It is given five seconds to show that it is only busy.
      const next = await waitUntil("the next process answers", async () => {
        const result = await gateway.callServerTool("hung", "pid", {}, { timeout_ms: 200 });
        return result.isError === true ? undefined : readSingleText(result);
      });
      assert.notEqual(next, pid);
      const all = new Set(before.map((process) => process.pid));
      await waitUntil("nothing is left of the hung one", async () => {
        return !(await markedProcesses(mark)).some((process) => all.has(process.pid));
      }, CLEANUP_MS);
      await waitUntilNoZombies(gateway);
    },
};

Deno.test({
  name: "servers whose failure is detected slowly",
  ignore,
  fn: (t) => runStepsConcurrently(t, SLOW_FAILURES),
});

/** Calls a server as long as a condition holds, one call at a time; gives how long each took. */
async function measureCallsWhile(gateway: RunningGateway, goesOn: (calls: number) => boolean) {
  const times: number[] = [];
  while (goesOn(times.length)) {
    const [ms, answer] = await measureMs(() =>
      gateway.callServerToolForText("good", "echo", { token: "x" })
    );
    assert.equal(answer, "x");
    times.push(ms);
  }
  times.sort((one, two) => one - two);
  return { median: times[times.length >> 1] ?? NaN, slowest: times.at(-1) ?? NaN };
}

for (const flood of ["flood_stderr", "flood_stdout"]) {
  Deno.test({
    name: `[faults.flood] a ${flood} slows no other server, fills no memory and no log`,
    ignore,
    fn: async () => {
      await using gateway = await startGateway({
        servers: { loud: faultServer(newMark()), good: faultServer(newMark()) },
      });
      assert.equal(await gateway.callServerToolForText("loud", "echo", { token: "x" }), "x");
      const alone = await measureCallsWhile(gateway, (calls) => calls < 50);
      const before = (await findProcess(gateway.program.pid)).rss;
      let isOver = false;
      const flooding = gateway.callServerToolForText("loud", flood, { token: "done" }).finally(() =>
        isOver = true
      );
      const beside = await measureCallsWhile(gateway, () => !isOver);
      assert.equal(await flooding, "done");
      const grown = (await findProcess(gateway.program.pid)).rss - before;
      const figures = JSON.stringify({ alone, beside, grown });
      assert.ok(beside.slowest < IMMEDIATE_MS, figures);
      assert.ok(grown < 150_000, figures);
      assert.ok(gateway.program.stderr.length < 20_000, gateway.program.stderr.slice(0, 5000));
    },
  });
}
