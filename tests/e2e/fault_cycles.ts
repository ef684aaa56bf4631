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

/** Number of crashes before the first measurement, so that caches and compiled code are in place. */
const WARM_UP_CRASHES = 100;

/** Maximum growth of resident memory between the two measurements. */
const MAX_RSS_GROWTH_BYTES = 30_000_000;

/** Maximum growth of used memory: a leak of 10 KB per crash exceeds it. */
const MAX_USED_GROWTH_BYTES = 1_500_000;

/** Faults during a call, after each of which the gateway must replace the server. */
const CRASHES: readonly ((gateway: RunningGateway, pid: number) => Promise<unknown>)[] = [
  (gateway) => gateway.callServerTool("bad", "crash"),
  (gateway) => gateway.callServerTool("bad", "close_output"),
  (_, pid) => Promise.resolve(Deno.kill(pid, "SIGKILL")),
];

/** Makes the server fail during a call; consecutive numbers select consecutive faults of `CRASHES`. */
async function crashDuringCall(gateway: RunningGateway, number: number): Promise<void> {
  const pid = Number(await gateway.callServerToolForText("bad", "pid"));
  const waitForRefusal = await startHeldCall(gateway, "bad");
  await CRASHES[number % CRASHES.length]?.(gateway, pid);
  assert.equal((await waitForRefusal()).code, "SERVER_UNAVAILABLE");
}

/** Memory of the gateway's process, in bytes, as `fault_memory.ts` prints it. */
export interface Memory {
  /** Resident memory. */
  readonly rss: number;
  /** Memory in use: the heap and the buffers outside it. */
  readonly used: number;
}

/** Measures the gateway's memory after a garbage collection; `count` numbers the measurements from 1. */
export async function measureMemory({ program }: RunningGateway, count: number): Promise<Memory> {
  program.sendSignal("SIGUSR2");
  return await waitUntil("the gateway prints its memory", () => {
    const line = program.stderr.split("\n").find((text) => text.startsWith(`{"memory":${count},`));
    return line === undefined ? undefined : JSON.parse(line) as Memory;
  });
}

/** Waits until the processes of all crashed servers have ended, except perhaps those of the last server. */
async function waitForCleanup(mark: string): Promise<void> {
  await waitUntil("at most one server's process group is left", async () => {
    const groups = (await markedProcesses(mark)).map(({ group }) => group);
    return new Set(groups).size <= 1;
  });
}

/**
 * Crashes a server repeatedly, and checks that the gateway keeps no process, no zombie and no memory of
 * the crashed servers.
 *
 * @param crashes Number of crashes between the two measurements.
 * @returns The measured memory of the gateway as JSON, for people to read.
 */
export async function crashRepeatedly(crashes: number): Promise<string> {
  const mark = newMark();
  await using gateway = await startPreloaded(
    MEMORY_MODULE,
    {
      // Each crashed server leaves a child process that the gateway must kill.
      servers: { bad: faultServer(mark, "stubborn-child") },
      // Limits V8's young generation, which would otherwise grow to 48 MB under load.
      env: { GATEWAY_AGENT: "tester", DENO_V8_FLAGS: "--expose-gc,--max-semi-space-size=2" },
    },
  );
  for (let number = 1; number <= WARM_UP_CRASHES; number++) await crashDuringCall(gateway, number);
  await waitForCleanup(mark);
  const early = await measureMemory(gateway, 1);
  for (let number = 1; number <= crashes; number++) await crashDuringCall(gateway, number);
  await waitForCleanup(mark);
  const late = await measureMemory(gateway, 2);
  const figures = JSON.stringify({ early, late });
  assert.ok(late.rss - early.rss < MAX_RSS_GROWTH_BYTES, figures);
  assert.ok(late.used - early.used < MAX_USED_GROWTH_BYTES, figures);

  await gateway.callServerToolForText("bad", "pid");
  const children = (await listProcesses()).filter(({ parent }) => parent === gateway.program.pid);
  assert.deepEqual(children.filter((child) => !isRunning(child)), [], "no zombies");
  assert.equal(children.length, 2, "the server and the watchdog");
  await gateway.end();
  await waitUntilGone(children, mark, IMMEDIATE_MS);
  return figures;
}
