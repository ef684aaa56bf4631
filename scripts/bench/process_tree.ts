/** A process as the system tells it; its start tells it from a later one of the same number. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
}

/** A process, what it has started, and what that has; none where the system does not tell. */
export function listTree(pid: number): Process[] {
  const all = listProcesses();
  const tree: Process[] = all.filter((one) => one.pid === pid);
  // Grows while it is gone through: children follow their parents.
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** Ends those that are left: asks them to, and does not ask a second time. */
export async function endProcesses(processes: readonly Process[]): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    let left = whatIsLeft(processes);
    for (const { pid } of left) sendSignal(pid, signal);
    for (let tries = 0; left.length > 0 && tries < 10; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      left = whatIsLeft(processes);
    }
    if (left.length === 0) return;
  }
}

function whatIsLeft(processes: readonly Process[]): Process[] {
  if (processes.length === 0) return [];
  const now = new Set(listProcesses().map(({ pid, started }) => `${pid} ${started}`));
  return processes.filter(({ pid, started }) => now.has(`${pid} ${started}`));
}

function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // It has ended by itself in between.
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
    const [, pid, parent, state, started] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // What has ended and is not yet waited for cannot be ended again.
    if (started === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), started }];
  });
}
