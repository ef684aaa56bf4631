import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { waitUntil } from "./wait.ts";

/** Whether this machine runs no shell scripts (Windows), so that tests that need them are skipped. */
export const HAS_NO_SHELL: boolean = Deno.build.os === "windows";

/** An entry of `mcpServers` for a stdio server. */
export interface StdioEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly [key: string]: unknown;
}

/** A process of the machine, as `ps` lists it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Process state; begins with `Z` for a zombie. */
  readonly state: string;
  /** Resident memory, in KiB. */
  readonly rss: number;
  /** The whole command line. */
  readonly args: string;
}

const FAULT_SERVER = fileURLToPath(new URL("../fixtures/servers/fault_server.sh", import.meta.url));

/** Returns a unique argument by which a test finds the processes it started. */
export function newMark(): string {
  return `fault-${crypto.randomUUID()}`;
}

/** Entry of `mcpServers` for `fault_server.sh`; the head of the script describes the faults. */
export function faultServer(mark: string, ...faults: string[]): StdioEntry {
  return { command: "sh", args: [FAULT_SERVER, mark, ...faults] };
}

/** Lists all processes of the machine with `ps`; Deno reads `/proc` only with all permissions. */
export async function listProcesses(): Promise<Process[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-A", "-ww", "-o", "pid=,ppid=,pgid=,stat=,rss=,args="],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+) ?(.*)$/.exec(line);
    if (match === null) return [];
    const [pid, parent, group, state = "", rss, args = ""] = match.slice(1);
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

/** Returns the process with an id; throws if there is none. */
export async function findProcess(pid: number): Promise<Process> {
  const found = (await listProcesses()).find((process) => process.pid === pid);
  assert.ok(found, `process ${pid} exists`);
  return found;
}

/** Whether a process is running, and not a zombie. */
export function isRunning({ state }: Process): boolean {
  return !state.startsWith("Z");
}

/** Returns the running processes that have the mark in their arguments. */
export async function markedProcesses(mark: string): Promise<Process[]> {
  return (await listProcesses()).filter((process) => {
    return isRunning(process) && process.args.includes(mark);
  });
}

/**
 * Returns a running process, its descendants, the other members of their process groups, and all
 * processes with the mark. The mark finds processes whose parent has exited.
 */
export async function findProcessTree(rootPid: number, mark: string): Promise<Process[]> {
  const running = (await listProcesses()).filter(isRunning);
  const tree = new Set(running.filter(({ pid, args }) => pid === rootPid || args.includes(mark)));
  for (let size = -1; size !== tree.size;) {
    size = tree.size;
    const pids = new Set([...tree].map(({ pid }) => pid));
    const groups = findGroupIds([...tree], running);
    for (const process of running) {
      if (pids.has(process.parent) || groups.has(process.group)) tree.add(process);
    }
  }
  return [...tree];
}

/** Returns the ids of the processes' groups, except the group of the test's own process. */
function findGroupIds(
  processes: readonly Process[],
  allProcesses: readonly Process[],
): Set<number> {
  const groups = new Set(processes.map(({ group }) => group));
  const ownProcess = allProcesses.find(({ pid }) => pid === Deno.pid);
  if (ownProcess !== undefined) groups.delete(ownProcess.group);
  return groups;
}

/**
 * Waits until the given processes, the members of their groups, and all processes with the mark have ended.
 * Kills the remaining processes and throws if they have not ended within `withinMs`.
 *
 * @returns The duration in milliseconds.
 */
export async function waitUntilGone(
  processes: readonly Process[],
  mark: string,
  withinMs: number,
): Promise<number> {
  const startedMs = performance.now();
  const argsByPid = new Map(processes.map(({ pid, args }) => [pid, args]));
  const groups = findGroupIds(processes, await listProcesses());
  let remaining: Process[] = [];
  try {
    await waitUntil("all processes have ended", async () => {
      remaining = (await listProcesses()).filter((process) => {
        const { pid, group, args } = process;
        const isOurs = argsByPid.get(pid) === args || groups.has(group) || args.includes(mark);
        return isOurs && isRunning(process);
      });
      return remaining.length === 0;
    }, withinMs);
  } catch {
    const lines = remaining.map(({ pid, parent, group, args }) =>
      `${pid} ${parent} ${group} ${args}`
    );
    for (const { pid } of remaining) killProcess(pid);
    assert.fail(`These processes remain after ${withinMs} ms:\n${lines.join("\n")}`);
  }
  return performance.now() - startedMs;
}

/** Kills a process, if it still exists. */
export function killProcess(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
