import { isWithinShare } from "../../fair_share.ts";
import type { Log } from "../../log.ts";

/** Maximum number of operations whose clients were asked for input, and of those of one client and agent. */
const MAX_OPERATIONS = 64;
const MAX_OPERATIONS_OF_CLIENT = 8;

/** Time after which the oldest question of a client and agent makes room for another one of theirs, in milliseconds. */
const MIN_PARKED_MS = 60_000;

/** Maximum number of states that are remembered because they have been used. */
const MAX_USED_STATES = 100_000;

/** An operation whose client was asked for input, or is about to be. It may run on between two rounds. */
export interface ParkedOperation {
  /** The client and the agent that the operation belongs to; see `principalOf`. */
  readonly principal: string;
  /** When it began to wait for the client's next request, on the clock of `performance.now()`; `undefined` while it does not. */
  readonly parkedAt: number | undefined;
  /** Ends the operation. */
  cancel(reason: string): void;
}

/** A state that a client has used. */
export interface UsedState {
  /** The client. */
  readonly client: string;
  /** When the state expires, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Options of the parked operations. */
export interface ParkedOperationsOptions {
  /** Maximum number of operations in all; default 64. */
  readonly maxOperations?: number;
  /** Maximum number of operations of one client and agent; default 8. */
  readonly maxOfClient?: number;
  /** Maximum number of states that are remembered because they have been used; default 100,000. */
  readonly maxUsedStates?: number;
  /** Time after which an operation may be ended for another one of its client and agent; default 60,000 ms. */
  readonly minParkedMs?: number;
  /** Log for the operator. */
  readonly log: Log;
}

/**
 * The operations whose clients were asked for input, until they end, and the states that clients have used. Both are
 * bounded, because a client may never return.
 */
export class ParkedOperations<T extends ParkedOperation> {
  readonly #maxOperations: number;
  readonly #maxOfClient: number;
  readonly #maxUsedStates: number;
  readonly #minParkedMs: number;
  readonly #log: Log;
  // By handle.
  readonly #operations = new Map<string, T>();
  readonly #counts = new Map<string, number>();
  // By token; the first to expire comes first, as all live equally long.
  readonly #usedStates = new Map<string, UsedState>();
  readonly #usedCounts = new Map<string, number>();
  #isClosed = false;

  constructor(options: ParkedOperationsOptions) {
    this.#maxOperations = options.maxOperations ?? MAX_OPERATIONS;
    this.#maxOfClient = options.maxOfClient ?? MAX_OPERATIONS_OF_CLIENT;
    this.#maxUsedStates = options.maxUsedStates ?? MAX_USED_STATES;
    this.#minParkedMs = options.minParkedMs ?? MIN_PARKED_MS;
    this.#log = options.log;
  }

  /** Number of operations. */
  get size(): number {
    return this.#operations.size;
  }

  /** Number of used states that are remembered. */
  get usedCount(): number {
    return this.#usedStates.size;
  }

  /**
   * Adds an operation whose client is asked for input. If too many operations of the client and agent wait, the oldest is
   * ended if it has waited for a minute: its client may have left without a word.
   *
   * @returns Its handle; `undefined` if too many operations wait.
   */
  add(operation: T): string | undefined {
    if (this.#isClosed) return undefined;
    const { principal } = operation;
    if ((this.#counts.get(principal) ?? 0) >= this.#maxOfClient) this.#endAbandoned(principal);
    const count = this.#counts.get(principal) ?? 0;
    if (this.#operations.size >= this.#maxOperations || count >= this.#maxOfClient) {
      this.#log.warn("A client is not asked for input, because too many calls wait for clients", {
        waiting: this.#operations.size,
        of_client: count,
      });
      return undefined;
    }
    const handle = createToken();
    this.#operations.set(handle, operation);
    this.#counts.set(principal, count + 1);
    return handle;
  }

  /** Ends the operation that has waited longest for a client and agent, if that is the minimum time at least. */
  #endAbandoned(principal: string): void {
    let oldestParkedAt = performance.now() - this.#minParkedMs;
    let oldest: { readonly handle: string; readonly operation: T } | undefined;
    for (const [handle, operation] of this.#operations) {
      if (operation.principal !== principal) continue;
      const { parkedAt = Infinity } = operation;
      if (parkedAt > oldestParkedAt) continue;
      oldestParkedAt = parkedAt;
      oldest = { handle, operation };
    }
    if (oldest === undefined) return;
    // Its server may take a moment to end the call.
    this.remove(oldest.handle);
    oldest.operation.cancel("The client did not answer, and has another question");
  }

  /** Ends the operation that waits for an answer to a request of a client, because the client cancels the request. */
  cancelRequest(isOfRequest: (operation: T) => boolean, reason: string): void {
    const operation = this.#operations.values()
      .find((candidate) => candidate.parkedAt !== undefined && isOfRequest(candidate));
    operation?.cancel(reason);
  }

  /** Returns the operation of a handle; `undefined` if it has ended, or is another process's. */
  find(handle: string): T | undefined {
    return this.#operations.get(handle);
  }

  /** Removes an operation that has ended. */
  remove(handle: string): void {
    const principal = this.#operations.get(handle)?.principal;
    if (principal === undefined) return;
    this.#operations.delete(handle);
    const count = (this.#counts.get(principal) ?? 1) - 1;
    if (count === 0) this.#counts.delete(principal);
    else this.#counts.set(principal, count);
  }

  /**
   * Marks a state as used.
   *
   * @param token The token in the state.
   * @returns Whether it is the first use. A state counts as used if no more can be remembered, of its client or in all.
   */
  use(token: string, state: UsedState): boolean {
    if (this.#usedStates.has(token)) return false;
    this.#forgetExpired();
    const { client } = state;
    const count = this.#usedCounts.get(client) ?? 0;
    const freeCount = this.#maxUsedStates - this.#usedStates.size;
    if (!isWithinShare(count, freeCount)) {
      this.#log.warn("A call is not continued, because too many calls have been continued lately", {
        remembered: this.#usedStates.size,
        of_client: count,
      });
      return false;
    }
    this.#usedStates.set(token, state);
    this.#usedCounts.set(client, count + 1);
    return true;
  }

  #forgetExpired(): void {
    const now = Date.now();
    for (const [token, { client, expiresAt }] of this.#usedStates) {
      if (expiresAt > now) return;
      this.#usedStates.delete(token);
      const count = (this.#usedCounts.get(client) ?? 1) - 1;
      if (count === 0) this.#usedCounts.delete(client);
      else this.#usedCounts.set(client, count);
    }
  }

  /** Whether a principal for which `isSelected` returns true has an operation. */
  some(isSelected: (principal: string) => boolean): boolean {
    return this.#counts.keys().some(isSelected);
  }

  /** Ends the parked operations of the principals for which `isSelected` returns true. */
  cancelAll(reason: string, isSelected: (principal: string) => boolean): void {
    for (const operation of [...this.#operations.values()]) {
      const isParked = operation.parkedAt !== undefined;
      if (isParked && isSelected(operation.principal)) operation.cancel(reason);
    }
  }

  /** Adds no more operations, and ends those that are parked. */
  close(reason: string): void {
    this.#isClosed = true;
    this.cancelAll(reason, () => true);
  }
}

/** Creates a text of 128 random bits, which cannot be guessed. */
export function createToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
