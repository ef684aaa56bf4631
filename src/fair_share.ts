/**
 * Whether an agent may take one more of the things that agents share, such as slots or processes. The last
 * free one is for an agent that holds none, and an agent holds at most three times as many as are left, so
 * that there is always something for the others, and the more agents there are, the less each of them gets.
 *
 * @param heldCount Number that the agent holds.
 * @param freeCount Number that nobody holds.
 */
export function isWithinShare(heldCount: number, freeCount: number): boolean {
  return freeCount > 0 && (heldCount === 0 || heldCount < 3 * (freeCount - 1));
}
