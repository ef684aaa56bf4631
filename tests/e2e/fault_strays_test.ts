import assert from "node:assert/strict";
import { markedProcesses, newMark } from "./fault_processes.ts";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/**
 * Starts two processes in sessions of their own, of which the second ignores SIGTERM. Their parent ends
 * immediately, so that nothing but their environment connects them with the server.
 */
const SCRIPT = `mark=$1
shift
(setsid sh -c 'sleep 1000; : "$0"' "$mark" </dev/null >/dev/null 2>&1 &)
(setsid sh -c 'trap "" TERM; sleep 1000; : "$0"' "$mark" </dev/null >/dev/null 2>&1 &)
exec "$@"`;

/** The entry of a server that leaves processes behind, whose arguments contain the mark. */
function leavingServer(mark: string): { command: string; args: string[] } {
  const { command, args } = misbehavingServer();
  return { command: "sh", args: ["-c", SCRIPT, "sh", mark, command, ...args] };
}

/** The events that end the gateway. */
const ENDINGS: Readonly<Record<string, (gateway: RunningGateway) => Promise<void> | void>> = {
  "the end of its input": ({ program }) => program.closeInput(),
  SIGTERM: ({ program }) => program.sendSignal("SIGTERM"),
  SIGKILL: ({ program }) => program.sendSignal("SIGKILL"),
};

async function waitForStrays(mark: string, count: number): Promise<void> {
  const has = async (): Promise<boolean> => (await markedProcesses(mark)).length === count;
  await waitUntil(`${count} processes are outside the group`, has, 5000);
}

for (const [name, end] of Object.entries(ENDINGS)) {
  Deno.test({
    name:
      `[faults.strays] processes that left the group of their server end with the gateway: ${name}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const mark = newMark();
      const gateway = await startGateway({ servers: { leaving: leavingServer(mark) } });
      try {
        assert.equal(await gateway.callServerToolForText("leaving", "count"), "1");
        await waitForStrays(mark, 2);
        await end(gateway);
        await waitForStrays(mark, 0);
      } finally {
        gateway.program.sendSignal("SIGKILL");
        await gateway.program.closeInput();
        await gateway.program.waitForEnd();
        await gateway.setup.close();
      }
    },
  });
}

Deno.test({
  name:
    "[faults.strays] processes that left the group of their server end with the server, and those of other servers stay",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const [mark, otherMark] = [newMark(), newMark()];
    await using gateway = await startGateway({
      servers: {
        leaving: { ...leavingServer(mark), gateway: { isolation: "call" } },
        other: leavingServer(otherMark),
      },
    });
    assert.equal(await gateway.callServerToolForText("other", "count"), "1");
    await waitForStrays(otherMark, 2);
    assert.equal(await gateway.callServerToolForText("leaving", "count"), "1");
    await waitForStrays(mark, 0);
    assert.equal((await markedProcesses(otherMark)).length, 2);
  },
});
