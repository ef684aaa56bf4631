/**
 * Whether an agent may take another unit of a shared resource, such as a slot or a process. An agent may hold
 * at most three times as many units as stay free, so some always stay free for other agents. The last free
 * unit is only for an agent that holds none.
 *
 * @param heldCount Number that the agent holds.
 * @param freeCount Number that nobody holds.
 */
export function isWithinShare(heldCount: number, freeCount: number): boolean {
  return freeCount > 0 && (heldCount === 0 || heldCount < 3 * (freeCount - 1));
}
