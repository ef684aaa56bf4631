/** A process of the operating system. */
export interface Process {
  readonly pid: number;
  readonly parentPid: number;
  /** The start time, which distinguishes the process from a later one with the same pid. */
  readonly startTime: string;
}

/** Lists processes and their descendants; returns none if the system has no `ps`. */
export function listTree(...pids: readonly number[]): Process[] {
  const processes = listProcesses();
  const tree: Process[] = processes.filter(({ pid }) => pids.includes(pid));
  // The list grows during the loop: children follow their parents.
  for (const { pid } of tree) tree.push(...processes.filter(({ parentPid }) => parentPid === pid));
  return tree;
}

/** Ends processes with SIGTERM, and after half a second with SIGKILL. */
export async function endProcesses(processes: readonly Process[]): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    let running = findRunning(processes);
    for (const { pid } of running) sendSignal(pid, signal);
    for (let tries = 0; running.length > 0 && tries < 10; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      running = findRunning(processes);
    }
    if (running.length === 0) return;
  }
}

function findRunning(processes: readonly Process[]): Process[] {
  if (processes.length === 0) return [];
  const key = ({ pid, startTime }: Process): string => `${pid} ${startTime}`;
  const runningKeys = new Set(listProcesses().map(key));
  return processes.filter((process) => runningKeys.has(key(process)));
}

function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // The process has ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function listProcesses(): Process[] {
  const args = ["-A", "-o", "pid=,ppid=,stat=,lstart="];
  let output: Deno.CommandOutput;
  try {
    output = new Deno.Command("ps", { args, stderr: "null" }).outputSync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return new TextDecoder().decode(output.stdout).split("\n").flatMap((line) => {
    const [, pid, parentPid, state, startTime] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ??
      [];
    // A zombie process has already ended.
    if (startTime === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parentPid: Number(parentPid), startTime }];
  });
}
