import type { Credential } from "./authentication.ts";

/** A client's session, or the entry of a client without one: the number of both is limited. */
export interface Evictable {
  readonly credential: Credential | undefined;
  readonly isInUse: boolean;
  /** Time of the last use, on the clock of `performance.now()`. */
  readonly lastUsedAt: number;
}

/**
 * Finds the entry to end at the limit, so that an agent can have a new one. If another agent has at least two
 * entries more than this one, it is an entry of the agent with the most. Otherwise it is an idle one: of this agent, or
 * of an agent that has more entries than it.
 *
 * @param options `agent`: the agent that needs room. `idleMs`: time after which an entry is idle, in milliseconds.
 * @returns `undefined` if no entry ends for the new one.
 */
export function findEvicted<T extends Evictable>(
  entries: readonly T[],
  { agent, idleMs }: { readonly agent: string | undefined; readonly idleMs: number },
): T | undefined {
  // Entries that are not in use come first, and among equals the least recently used.
  const sortedEntries = entries.toSorted((a, b) =>
    Number(a.isInUse) - Number(b.isInUse) || a.lastUsedAt - b.lastUsedAt
  );
  const byAgent = Map.groupBy(sortedEntries, ({ credential }) => credential?.agent);
  const ownCount = byAgent.get(agent)?.length ?? 0;
  const [largest = []] = [...byAgent.values()].toSorted((a, b) => b.length - a.length);
  if (largest.length > ownCount + 1) return largest[0];
  const idleSince = performance.now() - idleMs;
  return sortedEntries.find(({ credential, isInUse, lastUsedAt }) => {
    const count = byAgent.get(credential?.agent)?.length ?? 0;
    const isDisplaceable = credential?.agent === agent || count > ownCount;
    return isDisplaceable && !isInUse && lastUsedAt <= idleSince;
  });
}
