/**
 * Signals every process of a group. A server is often a grandchild (`npx` starts `sh` starts
 * `node`), so its process alone is never the whole of it.
 *
 * @param groupId Id of the group, which is the id of its first process.
 * @param signal What to send; 0 asks whether the group is there.
 * @returns Whether there was any process to take it.
 */
export function signalGroup(groupId: number, signal: Deno.Signal | 0): boolean {
  try {
    // Deno takes 0 as kill(2) does; its type does not say so.
    Deno.kill(-groupId, signal as Deno.Signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof TypeError) return false;
    throw error;
  }
}

/**
 * Waits until a group has no process left.
 *
 * @param groupId Id of the group.
 * @param withinMs How long to wait at most, in milliseconds.
 * @returns Whether it is empty.
 */
export async function groupEnds(groupId: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (signalGroup(groupId, 0)) {
    if (performance.now() >= until) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
