import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isWithinShare } from "../../fair_share.ts";
import { networkOf } from "./client_address.ts";

/** An open connection. */
export interface CountedConnection {
  readonly socket: Socket;
  readonly key: string;
  readonly network: string;
  /** Number of requests whose response is not finished. */
  activeRequestCount: number;
  /** Number of requests that were received and are not answered, including those that Node's server refuses itself. */
  unansweredCount: number;
  /** The latest request. */
  request: IncomingMessage | undefined;
  /**
   * The agent of the active requests; `undefined` if there are none, if the client has not authenticated yet, or if the
   * gateway requires no credential. All clients without an agent count as one agent.
   */
  agent: string | undefined;
  /** Time at which the connection became active or idle, on the clock of `performance.now()`. */
  changedAt: number;
}

/**
 * The open connections of a listener. At their limit, an idle connection is closed for a new one: one of the network
 * with the most connections, and of these the one that has been idle the longest. If none is idle, a connection of
 * the agent with the most active connections is closed.
 */
export class Connections {
  readonly #limit: number;
  // Keyed by the client's address and port, because the TLS socket is another object than the TCP socket.
  readonly #byKey = new Map<string, CountedConnection>();
  readonly #byNetwork = new Map<string, Set<CountedConnection>>();
  readonly #activeCounts = new Map<string | undefined, number>();
  #activeCount = 0;

  /** @param limit Maximum number of connections. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of open connections. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Adds a new connection; closes it if no other connection may be closed for it. */
  add(socket: Socket): void {
    if (this.#byKey.size >= this.#limit && !this.#closeOne()) return void socket.destroy();
    const key = socketKey(socket);
    const network = networkOf(socket.remoteAddress ?? "");
    const connection: CountedConnection = {
      socket,
      key,
      network,
      activeRequestCount: 0,
      unansweredCount: 0,
      request: undefined,
      agent: undefined,
      changedAt: performance.now(),
    };
    this.#byKey.set(key, connection);
    this.#byNetwork.set(network, (this.#byNetwork.get(network) ?? new Set()).add(connection));
    socket.on("close", () => this.#remove(connection));
  }

  /** Returns the open connection of a socket. */
  find(socket: Socket): CountedConnection | undefined {
    return this.#byKey.get(socketKey(socket));
  }

  /**
   * Counts a request as active.
   *
   * @returns The connection of the request; `undefined` if it is closed.
   */
  beginRequest(request: IncomingMessage): CountedConnection | undefined {
    const connection = this.find(request.socket);
    if (connection === undefined) return undefined;
    connection.request = request;
    connection.activeRequestCount += 1;
    if (connection.activeRequestCount === 1) {
      connection.changedAt = performance.now();
      this.#countActive(undefined, 1);
    }
    return connection;
  }

  /** Ends an active request. */
  endRequest(connection: CountedConnection): void {
    connection.activeRequestCount -= 1;
    connection.unansweredCount -= 1;
    if (connection.activeRequestCount > 0 || !this.#isOpen(connection)) return;
    connection.changedAt = performance.now();
    this.#countActive(connection.agent, -1);
    connection.agent = undefined;
  }

  /**
   * Counts a connection with an active request for an agent.
   *
   * @param agent `undefined`: the gateway requires no credential.
   * @returns Whether the agent may have another active connection: it must not exceed its share, nor have incomplete
   * request bodies on more than a quarter of all connections.
   */
  countConnection(connection: CountedConnection, agent: string | undefined): boolean {
    if (!this.#isOpen(connection)) return true;
    this.#countActive(connection.agent, -1);
    const activeCount = this.#activeCounts.get(agent) ?? 0;
    const isAdmitted = isWithinShare(activeCount, this.#limit - this.#activeCount) &&
      (hasWholeBody(connection) || activeCount < this.#limit / 4 ||
        this.#countPartialBodies(agent) < this.#limit / 4);
    connection.agent = agent;
    this.#countActive(agent, 1);
    return isAdmitted;
  }

  /** Closes all connections. */
  closeAll(): void {
    for (const { socket } of this.#byKey.values()) socket.destroy();
  }

  /** Closes a connection for a new one; returns whether there was one that may be closed. */
  #closeOne(): boolean {
    const connection = this.#findIdle() ?? this.#findActive();
    if (connection === undefined) return false;
    // The socket reports its end later, after other connections have been accepted.
    this.#remove(connection);
    connection.socket.destroy();
    return true;
  }

  #findIdle(): CountedConnection | undefined {
    let largestSize = 0;
    let longestIdle: CountedConnection | undefined;
    for (const connections of this.#byNetwork.values()) {
      if (connections.size < largestSize) continue;
      const candidate = findOldest(connections, ({ activeRequestCount }) => {
        return activeRequestCount === 0;
      });
      if (candidate === undefined) continue;
      const isLarger = connections.size > largestSize;
      if (isLarger || candidate.changedAt < (longestIdle?.changedAt ?? Infinity)) {
        longestIdle = candidate;
      }
      largestSize = connections.size;
    }
    return longestIdle;
  }

  /**
   * Finds the connection to close if none is idle: one of the agent with the most active connections, if that agent
   * exceeds its share. Connections whose request body is incomplete come first, and among equals the one that has been
   * active the longest.
   */
  #findActive(): CountedConnection | undefined {
    let [largestAgent, largestCount]: [string | undefined, number] = [undefined, 0];
    for (const [agent, count] of this.#activeCounts) {
      if (count > largestCount) [largestAgent, largestCount] = [agent, count];
    }
    if (isWithinShare(largestCount - 1, 1)) return undefined;
    const connections = [...this.#byKey.values()].filter(({ agent }) => agent === largestAgent);
    return findOldest(connections, (connection) => !hasWholeBody(connection)) ??
      findOldest(connections, () => true);
  }

  /** Returns the number of an agent's connections whose request body is incomplete. */
  #countPartialBodies(agent: string | undefined): number {
    let count = 0;
    for (const connection of this.#byKey.values()) {
      const isActiveOfAgent = connection.agent === agent && connection.activeRequestCount > 0;
      if (isActiveOfAgent && !hasWholeBody(connection)) count += 1;
    }
    return count;
  }

  #countActive(agent: string | undefined, change: 1 | -1): void {
    this.#activeCount += change;
    const count = (this.#activeCounts.get(agent) ?? 0) + change;
    if (count === 0) this.#activeCounts.delete(agent);
    else this.#activeCounts.set(agent, count);
  }

  #isOpen(connection: CountedConnection): boolean {
    return this.#byKey.get(connection.key) === connection;
  }

  #remove(connection: CountedConnection): void {
    if (!this.#isOpen(connection)) return;
    const { key, network, agent, activeRequestCount } = connection;
    if (activeRequestCount > 0) this.#countActive(agent, -1);
    this.#byKey.delete(key);
    const connections = this.#byNetwork.get(network);
    connections?.delete(connection);
    if (connections?.size === 0) this.#byNetwork.delete(network);
  }
}

/** Returns the key of a connection: the address and the port of its client. */
export function socketKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function hasWholeBody({ request }: CountedConnection): boolean {
  return request?.complete !== false;
}

function findOldest(
  connections: Iterable<CountedConnection>,
  matches: (connection: CountedConnection) => boolean,
): CountedConnection | undefined {
  let oldest: CountedConnection | undefined;
  for (const connection of connections) {
    if (connection.changedAt < (oldest?.changedAt ?? Infinity) && matches(connection)) {
      oldest = connection;
    }
  }
  return oldest;
}
