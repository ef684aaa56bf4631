import type { Socket } from "node:net";
import { networkOf } from "./client_address.ts";

/** An open connection. */
interface Connection {
  readonly socket: Socket;
  readonly key: string;
  readonly network: string;
  activeRequestCount: number;
  /** Time of the last change of `activeRequestCount`, on the clock of `performance.now()`. */
  changedAt: number;
}

/**
 * The open connections of a listener. At their limit, an idle connection is closed for a new one: one of the network
 * with the most connections, and of these the one that has been idle the longest.
 */
export class Connections {
  readonly #limit: number;
  // Keyed by the client's address and port, because the TLS socket is another object than the TCP socket.
  readonly #byKey = new Map<string, Connection>();
  readonly #byNetwork = new Map<string, Set<Connection>>();

  /** @param limit Maximum number of connections. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of open connections. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Adds a new connection; closes it if all others are active. */
  add(socket: Socket): void {
    if (this.#byKey.size >= this.#limit && !this.#closeIdle()) return void socket.destroy();
    const key = socketKey(socket);
    const network = networkOf(socket.remoteAddress ?? "");
    const changedAt = performance.now();
    const connection = { socket, key, network, activeRequestCount: 0, changedAt };
    this.#byKey.set(key, connection);
    this.#byNetwork.set(network, (this.#byNetwork.get(network) ?? new Set()).add(connection));
    socket.on("close", () => this.#remove(connection));
  }

  /**
   * Counts the begin (1) or the end (-1) of a request.
   *
   * @param key The key of the socket of the request.
   * @returns The number of active requests of the connection.
   */
  countRequest(key: string, change: 1 | -1): number {
    const connection = this.#byKey.get(key);
    if (connection === undefined) return 0;
    connection.changedAt = performance.now();
    return connection.activeRequestCount += change;
  }

  /** Closes all connections. */
  closeAll(): void {
    for (const { socket } of this.#byKey.values()) socket.destroy();
  }

  /** Closes an idle connection; returns whether there was one. */
  #closeIdle(): boolean {
    let largestSize = 0;
    let longestIdle: Connection | undefined;
    for (const connections of this.#byNetwork.values()) {
      if (connections.size < largestSize) continue;
      const candidate = findLongestIdle(connections);
      if (candidate === undefined) continue;
      const isLarger = connections.size > largestSize;
      if (isLarger || candidate.changedAt < (longestIdle?.changedAt ?? Infinity)) {
        longestIdle = candidate;
      }
      largestSize = connections.size;
    }
    if (longestIdle === undefined) return false;
    // The socket reports its end later, after other connections have been accepted.
    this.#remove(longestIdle);
    longestIdle.socket.destroy();
    return true;
  }

  #remove(connection: Connection): void {
    const { key, network } = connection;
    if (this.#byKey.get(key) === connection) this.#byKey.delete(key);
    const connections = this.#byNetwork.get(network);
    connections?.delete(connection);
    if (connections?.size === 0) this.#byNetwork.delete(network);
  }
}

/** Returns the key of a connection: the address and the port of its client. */
export function socketKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function findLongestIdle(connections: ReadonlySet<Connection>): Connection | undefined {
  let longestIdle: Connection | undefined;
  for (const connection of connections) {
    const { activeRequestCount, changedAt } = connection;
    if (activeRequestCount === 0 && changedAt < (longestIdle?.changedAt ?? Infinity)) {
      longestIdle = connection;
    }
  }
  return longestIdle;
}
