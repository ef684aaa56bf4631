import { networkOf } from "./client_address.ts";

/** Maximum number of different invalid tokens from one network in a minute. */
const MAX_INVALID_TOKENS = 20;

/** Time over which the invalid tokens of a network are counted, in milliseconds. */
const WINDOW_MS = 60_000;

/** Maximum number of remembered networks; the oldest are forgotten first. */
const MAX_NETWORKS = 4096;

/** The invalid tokens of a network within a minute. */
interface InvalidTokens {
  readonly tokenHashes: Set<string>;
  readonly endsAt: number;
}

/** The consequence of a failed login. */
export interface FailedLogin {
  /** Time that the network has to wait, in milliseconds; `undefined` if it need not wait. */
  readonly waitMs: number | undefined;
  /** Whether this failure is the one that makes the network wait. */
  readonly startsWait: boolean;
}

/**
 * Slows down guessing: a network that has sent too many different invalid tokens has to wait (429). A client that
 * repeats one invalid token is counted once. Valid tokens are never refused, because all clients behind a proxy
 * share its address.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, InvalidTokens>();

  /**
   * Records an invalid token.
   *
   * @param address The client's IP address.
   * @param tokenHash The hash of the token.
   */
  recordInvalid(address: string, tokenHash: string): FailedLogin {
    const network = networkOf(address);
    const failures = this.#find(network) ?? this.#begin(network);
    const isFull = failures.tokenHashes.size > MAX_INVALID_TOKENS;
    if (!isFull) failures.tokenHashes.add(tokenHash);
    if (failures.tokenHashes.size <= MAX_INVALID_TOKENS) {
      return { waitMs: undefined, startsWait: false };
    }
    return { waitMs: Math.max(1, failures.endsAt - performance.now()), startsWait: !isFull };
  }

  /** Number of remembered networks. */
  get size(): number {
    return this.#failures.size;
  }

  #find(network: string): InvalidTokens | undefined {
    const failures = this.#failures.get(network);
    return failures !== undefined && failures.endsAt > performance.now() ? failures : undefined;
  }

  #begin(network: string): InvalidTokens {
    const failures = { tokenHashes: new Set<string>(), endsAt: performance.now() + WINDOW_MS };
    this.#failures.delete(network);
    this.#failures.set(network, failures);
    if (this.#failures.size > MAX_NETWORKS) {
      for (const oldest of this.#failures.keys().take(1)) this.#failures.delete(oldest);
    }
    return failures;
  }
}
