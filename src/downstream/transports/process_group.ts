/** A signal for a process group; 0 only checks whether the group exists. */
export type GroupSignal = "SIGTERM" | "SIGKILL" | 0;

/**
 * Signals every process of a group. A server is often a grandchild (`npx` starts `sh` starts
 * `node`), so its process alone is never the whole of it.
 *
 * @param groupId Id of the group, which is the id of its first process.
 * @param signal The signal.
 * @returns Whether the group had any process.
 */
export function signalGroup(groupId: number, signal: GroupSignal): boolean {
  if (Deno.build.os === "windows") return signal !== 0 && runQuietly(treeKillCommand(groupId));
  try {
    // Deno takes 0 as kill(2) does; its type does not say so.
    Deno.kill(-groupId, signal as Deno.Signal);
    return true;
  } catch (error) {
    // With --allow-run narrowed to some commands, Deno sends no signals; the command does.
    if (error instanceof Deno.errors.NotCapable) return runQuietly(killCommand(groupId, signal));
    // ESRCH: there is no such group. EPERM occurs only for zombies of others, which count as none.
    return false;
  }
}

/**
 * Waits until a group has no process left.
 *
 * @param groupId Id of the group.
 * @param withinMs Longest wait, in milliseconds.
 * @returns Whether it is empty.
 */
export async function groupEnds(groupId: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  // Most processes end immediately. Checking may cost a process of its own, so the pauses grow.
  for (let pause = 5; signalGroup(groupId, 0); pause = Math.min(pause * 1.5, 50)) {
    const left = until - performance.now();
    if (left <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
  return true;
}

/** The command that signals a group; dash wants the signal's name after `-s`. */
export function killCommand(groupId: number, signal: GroupSignal): string[] {
  const name = signal === 0 ? "0" : signal.slice("SIG".length);
  return ["kill", "-s", name, "--", `-${groupId}`];
}

/** The command that ends a process and all it started, on Windows. */
export function treeKillCommand(processId: number): string[] {
  return ["taskkill", "/pid", String(processId), "/t", "/f"];
}

function runQuietly([command = "", ...args]: string[]): boolean {
  const { success } = new Deno.Command(command, { args, stdout: "null", stderr: "null" })
    .outputSync();
  return success;
}
