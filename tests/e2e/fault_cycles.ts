import assert from "node:assert/strict";
import { IMMEDIATE_MS, startHeldCall } from "./fault_calls.ts";
import {
  faultServer,
  isRunning,
  listProcesses,
  markedProcesses,
  newMark,
  waitUntilGone,
} from "./fault_processes.ts";
import { MEMORY_MODULE, startPreloaded } from "./fault_preload.ts";
import type { RunningGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

/**
 * Crashes before the first measurement, after which the gateway has allocated all that it needs.
 */
const WARM_UP_CRASHES = 100;

/** Maximum growth of the resident memory after that, in bytes. */
const MAX_RSS_GROWTH_BYTES = 30_000_000;

/** Maximum growth of the used memory, in bytes: 10 KB for each crash would be too much. */
const MAX_USED_GROWTH_BYTES = 1_500_000;

/** Failures of a server during a call. */
const CRASHES: readonly ((gateway: RunningGateway, pid: number) => Promise<unknown>)[] = [
  (gateway) => gateway.callServerTool("bad", "crash"),
  (gateway) => gateway.callServerTool("bad", "close_output"),
  (_, pid) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
];

async function crashDuringCall(gateway: RunningGateway, number: number): Promise<void> {
  const pid = Number(await gateway.callServerToolForText("bad", "pid"));
  const ended = await startHeldCall(gateway, "bad");
  await CRASHES[number % CRASHES.length]?.(gateway, pid);
  assert.equal((await ended()).code, "SERVER_UNAVAILABLE");
}

/** Memory of the gateway's process, in bytes. */
interface Memory {
  /** Resident in memory. */
  readonly rss: number;
  /** The part of it that is in use. */
  readonly held: number;
}

/** Runs the gateway's garbage collection, and measures its memory. */
async function measureMemory({ program }: RunningGateway, count: number): Promise<Memory> {
  program.sendSignal("SIGUSR2");
  return await waitUntil("the gateway prints its memory", () => {
    const line = program.stderr.split("\n").find((text) => text.startsWith(`{"memory":${count},`));
    return line === undefined ? undefined : JSON.parse(line) as Memory;
  });
}

/** Waits until only one of the started servers is left. */
async function waitForLastGroup(mark: string): Promise<void> {
  await waitUntil("only the last server's group is left", async () => {
    const groups = (await markedProcesses(mark)).map(({ group }) => group);
    return new Set(groups).size <= 1;
  });
}

/**
 * Crashes a server repeatedly, in all ways in turn, and checks that nothing is left of it: no
 * process, no zombie, no memory.
 *
 * @param cycles Number of crashes after the first hundred.
 * @returns The memory of the gateway before and after.
 */
export async function crashRepeatedly(cycles: number): Promise<string> {
  const mark = newMark();
  await using gateway = await startPreloaded(
    MEMORY_MODULE,
    {
      // Each leaves a child process that must be killed.
      servers: { bad: faultServer(mark, "stubborn-child") },
      // Fixes V8's young generation, which would otherwise grow to 48 MB under load.
      env: { GATEWAY_AGENT: "tester", DENO_V8_FLAGS: "--expose-gc,--max-semi-space-size=2" },
    },
  );
  for (let number = 1; number <= WARM_UP_CRASHES; number++) await crashDuringCall(gateway, number);
  await waitForLastGroup(mark);
  const early = await measureMemory(gateway, 1);
  for (let number = 1; number <= cycles; number++) await crashDuringCall(gateway, number);
  await waitForLastGroup(mark);
  const late = await measureMemory(gateway, 2);
  const figures = JSON.stringify({ early, late });
  assert.ok(late.rss - early.rss < MAX_RSS_GROWTH_BYTES, figures);
  assert.ok(late.held - early.held < MAX_USED_GROWTH_BYTES, figures);

  await gateway.callServerToolForText("bad", "pid");
  const children = (await listProcesses()).filter(({ parent }) => parent === gateway.program.pid);
  assert.deepEqual(children.filter((child) => !isRunning(child)), [], "no zombies");
  assert.equal(children.length, 2, "the server and the watchdog");
  await gateway.end();
  await waitUntilGone(children, mark, IMMEDIATE_MS);
  return figures;
}
