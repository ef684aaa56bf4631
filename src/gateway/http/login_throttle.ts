/** Maximum number of different invalid tokens from one network in a minute. */
const MAX_INVALID_TOKENS = 20;

/** Time over which the invalid tokens of a network are counted, in milliseconds. */
const WINDOW_MS = 60_000;

/** Maximum number of remembered networks; the oldest are forgotten first. */
const MAX_NETWORKS = 4096;

/** Maximum number of remembered valid logins; the oldest are forgotten first. */
const MAX_VALID_LOGINS = 10_000;

/** The invalid tokens of a network within a minute. */
interface Failures {
  readonly tokenHashes: Set<string>;
  readonly endsAt: number;
}

/** The consequence of a failed login. */
export interface FailedLogin {
  /** Time that the network has to wait, in milliseconds; `undefined` if it need not wait. */
  readonly waitMs: number | undefined;
  /** Whether this login is the first after which the network has to wait. */
  readonly isFirst: boolean;
}

/**
 * Slows down guessing: a network from which too many different tokens were invalid has to wait. A client
 * that repeats one invalid token does not block others behind the same proxy. Clients that have logged in
 * before need not wait.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();
  readonly #validLogins = new Set<string>();

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
    const waitMs = waitMsOf(failures);
    return { waitMs, isFirst: waitMs !== undefined && !isFull };
  }

  /**
   * Admits a valid token, unless its network has to wait.
   *
   * @param address The client's IP address.
   * @param tokenHash The hash of the token.
   * @returns The time that the network has to wait, in milliseconds; `undefined` if it need not wait. A
   * correct guess has to wait like a wrong one.
   */
  admitValid(address: string, tokenHash: string): number | undefined {
    const network = networkOf(address);
    const login = `${network} ${tokenHash}`;
    if (this.#validLogins.has(login)) return undefined;
    const waitMs = waitMsOf(this.#find(network));
    if (waitMs !== undefined) return waitMs;
    this.#validLogins.add(login);
    if (this.#validLogins.size > MAX_VALID_LOGINS) dropOldest(this.#validLogins);
    return undefined;
  }

  /** Number of remembered networks and logins. */
  get size(): number {
    return this.#failures.size + this.#validLogins.size;
  }

  #find(network: string): Failures | undefined {
    const failures = this.#failures.get(network);
    return failures !== undefined && failures.endsAt > performance.now() ? failures : undefined;
  }

  #begin(network: string): Failures {
    const failures = { tokenHashes: new Set<string>(), endsAt: performance.now() + WINDOW_MS };
    this.#failures.delete(network);
    this.#failures.set(network, failures);
    if (this.#failures.size > MAX_NETWORKS) dropOldest(this.#failures);
    return failures;
  }
}

function waitMsOf(failures: Failures | undefined): number | undefined {
  if (failures === undefined || failures.tokenHashes.size <= MAX_INVALID_TOKENS) return undefined;
  return Math.max(1, failures.endsAt - performance.now());
}

function dropOldest(
  entries: { keys(): Iterable<string>; delete(key: string): boolean },
): void {
  for (const oldest of entries.keys()) {
    entries.delete(oldest);
    return;
  }
}

/** Returns the network of an address: the first half of an IPv6 address, because one host may use all others. */
function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - groups.length - after.length)).fill("0");
  return [...groups, ...zeros, ...after].slice(0, 4).join(":");
}
