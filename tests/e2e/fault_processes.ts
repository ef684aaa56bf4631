import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { waitUntil } from "./wait.ts";

/** Whether to skip these tests, on Windows: they use shell scripts. */
export const HAS_NO_SHELL: boolean = Deno.build.os === "windows";

/** An entry of `mcpServers` for a process. */
export interface StdioEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly [key: string]: unknown;
}

/** A process as `ps` shows it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Begins with `Z` for a zombie. */
  readonly state: string;
  /** Resident memory, in KiB. */
  readonly rss: number;
  readonly args: string;
}

const FAULT_SERVER = fileURLToPath(new URL("../fixtures/servers/fault_server.sh", import.meta.url));

/** An argument that no other process has. */
export function newMark(): string {
  return `fault-${crypto.randomUUID()}`;
}

/** Entry of `mcpServers` for the failing server; the faults are described in its file. */
export function faultServer(mark: string, ...faults: string[]): StdioEntry {
  return { command: "sh", args: [FAULT_SERVER, mark, ...faults] };
}

/** All processes of the machine. Not from `/proc`, which Deno reads only with all permissions. */
export async function listProcesses(): Promise<Process[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-A", "-ww", "-o", "pid=,ppid=,pgid=,stat=,rss=,args="],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const words = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+) ?(.*)$/.exec(line);
    if (words === null) return [];
    const [pid, parent, group, state = "", rss, args = ""] = words.slice(1);
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      state,
      rss: Number(rss),
      args,
    };
  });
}

/** The process with an id; throws if there is none. */
export async function findProcess(pid: number): Promise<Process> {
  const found = (await listProcesses()).find((process) => process.pid === pid);
  assert.ok(found, `process ${pid} is there`);
  return found;
}

/** Whether a process is running, and not a zombie. */
export function isRunning({ state }: Process): boolean {
  return !state.startsWith("Z");
}

/** The running processes that have a mark in their arguments. */
export async function markedProcesses(mark: string): Promise<Process[]> {
  return (await listProcesses()).filter((process) => {
    return isRunning(process) && process.args.includes(mark);
  });
}

/**
 * A process with all processes that come from it: its descendants, the other members of their
 * process groups, and all processes with the mark, because a process whose parent has exited is an
 * orphan.
 */
export async function findProcessTree(root: number, mark: string): Promise<Process[]> {
  const all = (await listProcesses()).filter(isRunning);
  const found = new Set(all.filter(({ pid, args }) => pid === root || args.includes(mark)));
  for (let size = -1; size !== found.size;) {
    size = found.size;
    const pids = new Set([...found].map(({ pid }) => pid));
    const groups = findGroupIds([...found], all);
    for (const process of all) {
      if (pids.has(process.parent) || groups.has(process.group)) found.add(process);
    }
  }
  return [...found];
}

/** The process groups of some processes, except the group of this test. */
function findGroupIds(some: readonly Process[], all: readonly Process[]): Set<number> {
  const groups = new Set(some.map(({ group }) => group));
  const own = all.find(({ pid }) => pid === Deno.pid);
  if (own !== undefined) groups.delete(own.group);
  return groups;
}

/**
 * Waits until processes, the members of their groups and all others with their mark are gone.
 *
 * @returns The duration in milliseconds.
 */
export async function waitUntilGone(
  before: readonly Process[],
  mark: string,
  withinMs: number,
): Promise<number> {
  const since = performance.now();
  const known = new Map(before.map(({ pid, args }) => [pid, args]));
  const groups = findGroupIds(before, await listProcesses());
  let left: Process[] = [];
  try {
    await waitUntil("all processes are gone", async () => {
      left = (await listProcesses()).filter((process) => {
        const { pid, group, args } = process;
        const isOurs = known.get(pid) === args || groups.has(group) || args.includes(mark);
        return isOurs && isRunning(process);
      });
      return left.length === 0;
    }, withinMs);
  } catch {
    const lines = left.map(({ pid, parent, group, args }) => `${pid} ${parent} ${group} ${args}`);
    for (const { pid } of left) killProcess(pid);
    assert.fail(`left after ${withinMs} ms:\n${lines.join("\n")}`);
  }
  return performance.now() - since;
}

/** Kills a process that a test found to be left over. */
export function killProcess(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
