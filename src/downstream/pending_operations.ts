import type { Pausable } from "./caller.ts";
import type { ClientChannel } from "./client_channel.ts";

/** An operation on a server that may ask for a login. Each has its own object. */
export interface PendingOperation {
  /** The channel to the client that a login can be offered to. */
  readonly channel: ClientChannel;
  /** The clock or the permit of the operation, if it has one. */
  readonly clock: Pausable | undefined;
}

/** The operations on one server; a login is offered to the client of one of them. */
export class PendingOperations {
  readonly #operations = new Set<PendingOperation>();
  #waits = 0;

  /** The channel to offer a login to: of the first client that can show links, else of the first. */
  get bestChannel(): ClientChannel | undefined {
    const channels = [...this.#operations].map(({ channel }) => channel);
    return channels.find((channel) => channel.supports("url")) ?? channels[0];
  }

  /** Adds an operation, and returns it. Pass it to `leave`. */
  enter(operation: PendingOperation): PendingOperation {
    this.#operations.add(operation);
    if (this.#waits > 0) operation.clock?.pause();
    return operation;
  }

  /** Removes an operation. */
  leave(operation: PendingOperation): void {
    this.#operations.delete(operation);
    if (this.#waits > 0) operation.clock?.resume();
  }

  /**
   * Waits for a person to log in. The clocks and the permits of all operations are paused, because a
   * login is for the whole server: nothing says which of them the server would still serve without it.
   */
  async waitFor<T>(login: Promise<T>): Promise<T> {
    if (++this.#waits === 1) this.#operations.forEach(({ clock }) => clock?.pause());
    try {
      return await login;
    } finally {
      if (--this.#waits === 0) this.#operations.forEach(({ clock }) => clock?.resume());
    }
  }
}
