import type { Pausable } from "../within.ts";
import type { ClientChannel } from "./client_channel.ts";

/** An operation on a server that may ask for a login. The object identifies the operation. */
export interface PendingOperation {
  /** The channel to the client that a login can be offered to. */
  readonly channel: ClientChannel;
  /** The clock or the permit of the operation, if it has one. */
  readonly clock: Pausable | undefined;
}

/** The operations on one server. A login is offered to the client of one operation. */
export class PendingOperations {
  readonly #operations = new Set<PendingOperation>();
  #pendingLoginCount = 0;

  /** The channel to offer a login on: that of the first client that can show links, otherwise of the first client. */
  get bestChannel(): ClientChannel | undefined {
    const channels = [...this.#operations].map(({ channel }) => channel);
    return channels.find((channel) => channel.supports("url")) ?? channels[0];
  }

  /** Adds an operation, and returns it. Pass it to `remove` when it has ended. */
  add(operation: PendingOperation): PendingOperation {
    this.#operations.add(operation);
    if (this.#pendingLoginCount > 0) operation.clock?.pause();
    return operation;
  }

  /** Removes an operation. */
  remove(operation: PendingOperation): void {
    this.#operations.delete(operation);
    if (this.#pendingLoginCount > 0) operation.clock?.resume();
  }

  /**
   * Waits for a person to log in. The clocks and the permits of all operations are paused, because a
   * login is for the whole server, and it is unknown which operations succeed without it.
   */
  async waitForLogin<T>(login: Promise<T>): Promise<T> {
    if (++this.#pendingLoginCount === 1) this.#operations.forEach(({ clock }) => clock?.pause());
    try {
      return await login;
    } finally {
      if (--this.#pendingLoginCount === 0) this.#operations.forEach(({ clock }) => clock?.resume());
    }
  }
}
