/** Number of requests that start in one turn. */
const MAX_STARTED = 8;

/** Duration of the pause between two turns, as a multiple of the time that the first one took. */
const PAUSE_FACTOR = 4;

/** Maximum duration of the pause, in milliseconds, so that requests that take long do not wait for seconds. */
const MAX_PAUSE_MS = 50;

/** The requester of a turn. */
export interface TurnOwner {
  /** The name under which the request takes turns: a network or an agent. */
  readonly party: string;
  /** The key of the request's connection. */
  readonly connection: string;
}

/**
 * Lets only a few requests start in each turn. While others wait, a pause of up to 50 ms follows that is four times as long
 * as the turn. A flood of short requests, which any client can send, thus takes a fifth of the time. Networks and agents
 * take turns, and so do the connections of each: a flood delays mostly itself.
 */
export class RequestTurns {
  // The waiting requests by party and by connection; in both maps, the one whose turn is next is first.
  readonly #waiting = new Map<string, Map<string, ((isOpen: boolean) => void)[]>>();
  #startedCount = 0;
  #isScheduled = false;

  /**
   * Takes a turn.
   *
   * @returns `true` if the request may start at once. Otherwise a promise: it resolves to `true` when it is the
   * request's turn, or to `false` if the connection is closed before.
   */
  take({ party, connection }: TurnOwner): true | Promise<boolean> {
    this.#schedule();
    if (this.#waiting.size === 0 && this.#startedCount < MAX_STARTED) {
      this.#startedCount += 1;
      return true;
    }
    return new Promise((resolve) => {
      const connections = getOrAdd(this.#waiting, party, () => new Map());
      getOrAdd(connections, connection, () => []).push(resolve);
    });
  }

  /** Drops the waiting requests of a closed connection. */
  drop(connection: string): void {
    for (const [party, connections] of this.#waiting) {
      for (const resolve of connections.get(connection) ?? []) resolve(false);
      connections.delete(connection);
      if (connections.size === 0) this.#waiting.delete(party);
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const startedAt = performance.now();
    setImmediate(() => {
      if (this.#waiting.size === 0) return this.#endTurn();
      const tookMs = performance.now() - startedAt;
      setTimeout(() => this.#endTurn(), Math.min(MAX_PAUSE_MS, PAUSE_FACTOR * tookMs));
    });
  }

  /** Ends a turn, and begins the next one if requests are waiting. */
  #endTurn(): void {
    this.#isScheduled = false;
    this.#startedCount = 0;
    while (this.#startedCount < MAX_STARTED && this.#startNext()) this.#startedCount += 1;
    if (this.#startedCount > 0) this.#schedule();
  }

  /** Starts the request whose turn is next; returns whether there was one. */
  #startNext(): boolean {
    const nextParty = takeFirst(this.#waiting);
    if (nextParty === undefined) return false;
    const [party, connections] = nextParty;
    const [connection = "", requests = []] = takeFirst(connections) ?? [];
    requests.shift()?.(true);
    // The connection and the party are now last.
    if (requests.length > 0) connections.set(connection, requests);
    if (connections.size > 0) this.#waiting.set(party, connections);
    return true;
  }
}

function getOrAdd<V>(map: Map<string, V>, key: string, create: () => V): V {
  const value = map.get(key) ?? create();
  map.set(key, value);
  return value;
}

function takeFirst<V>(map: Map<string, V>): [string, V] | undefined {
  for (const entry of map) {
    map.delete(entry[0]);
    return entry;
  }
  return undefined;
}
