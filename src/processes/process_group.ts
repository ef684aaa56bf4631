/** A signal for a process group; 0 only checks whether the group exists. */
export type GroupSignal = "SIGTERM" | "SIGKILL" | 0;

/**
 * Signals every process of a group. The server itself is often a grandchild of the gateway: `npx` starts
 * `sh`, which starts `node`. On Windows, SIGTERM and SIGKILL both end the process and its descendants.
 *
 * @param groupId Id of the group, which is the id of its first process.
 * @param signal The signal.
 * @returns Whether the group had any process; on Windows always false for 0.
 */
export function signalGroup(groupId: number, signal: GroupSignal): boolean {
  if (Deno.build.os === "windows") return signal !== 0 && runQuietly(treeKillCommand(groupId));
  try {
    // Deno accepts 0, as kill(2) does, but its type does not.
    Deno.kill(-groupId, signal as Deno.Signal);
    return true;
  } catch (error) {
    // If --allow-run lists commands, Deno may not send signals, but it may run the command `kill`.
    if (error instanceof Deno.errors.NotCapable) return runQuietly(killCommand(groupId, signal));
    // ESRCH: there is no such group. EPERM occurs only for zombies of other users, which do not count.
    return false;
  }
}

/**
 * Waits until a group is empty.
 *
 * @param groupId Id of the group.
 * @param withinMs Longest wait, in milliseconds.
 * @returns Whether it is empty.
 */
export async function waitForGroupEnd(groupId: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  // Most groups end immediately. A check may start a process, so the pauses grow.
  for (let pauseMs = 5; signalGroup(groupId, 0); pauseMs = Math.min(pauseMs * 1.5, 50)) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, remainingMs)));
  }
  return true;
}

/** Returns the command that signals a group. The shell dash requires the signal's name after `-s`. */
export function killCommand(groupId: number, signal: GroupSignal): string[] {
  const name = signal === 0 ? "0" : signal.slice("SIG".length);
  return ["kill", "-s", name, "--", `-${groupId}`];
}

/** Returns the command that ends a process and all its descendants on Windows. */
export function treeKillCommand(processId: number): string[] {
  return ["taskkill", "/pid", String(processId), "/t", "/f"];
}

/** Runs a command without its output. Returns whether it succeeded. */
function runQuietly([command = "", ...args]: string[]): boolean {
  const { success } = new Deno.Command(command, { args, stdout: "null", stderr: "null" })
    .outputSync();
  return success;
}
