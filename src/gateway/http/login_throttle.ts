/** Number of different tokens from one network that may fail in a minute. */
const MAX_FAILURES = 20;

const WINDOW_MS = 60_000;

/** Maximum number of remembered networks, and of valid logins; the oldest are forgotten first. */
const MAX_NETWORKS = 4096;
const MAX_KNOWN = 10_000;

/** The failed logins of a network within a minute. */
interface Failures {
  readonly tokens: Set<string>;
  readonly endsAt: number;
}

/** The consequence of a failed login. */
export interface FailedLogin {
  /** Time that the network has to wait, in milliseconds; `undefined` if it need not wait. */
  readonly waitMs: number | undefined;
  /** Whether the network has to wait since this login. */
  readonly isFirst: boolean;
}

/**
 * Slows down guessing: a network from which many different tokens failed has to wait. A client that
 * repeats one invalid token does not block others behind the same proxy, and an attacker does not block
 * clients that have logged in before.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();
  readonly #known = new Set<string>();

  /**
   * Notes an invalid token.
   *
   * @param address The client's IP address.
   * @param token The hash of the token.
   */
  fail(address: string, token: string): FailedLogin {
    const network = networkOf(address);
    const failures = this.#find(network) ?? this.#begin(network);
    const isFull = failures.tokens.size > MAX_FAILURES;
    if (!isFull) failures.tokens.add(token);
    const waitMs = waitOf(failures);
    return { waitMs, isFirst: waitMs !== undefined && !isFull };
  }

  /**
   * Notes a valid token, unless its network has to wait.
   *
   * @param address The client's IP address.
   * @param token The hash of the token.
   * @returns The time to wait, in milliseconds: a correct guess must look like any other.
   */
  pass(address: string, token: string): number | undefined {
    const network = networkOf(address);
    const login = `${network} ${token}`;
    if (this.#known.has(login)) return undefined;
    const waitMs = waitOf(this.#find(network));
    if (waitMs !== undefined) return waitMs;
    this.#known.add(login);
    if (this.#known.size > MAX_KNOWN) dropOldest(this.#known);
    return undefined;
  }

  get size(): number {
    return this.#failures.size + this.#known.size;
  }

  #find(network: string): Failures | undefined {
    const failures = this.#failures.get(network);
    return failures !== undefined && failures.endsAt > performance.now() ? failures : undefined;
  }

  #begin(network: string): Failures {
    const failures = { tokens: new Set<string>(), endsAt: performance.now() + WINDOW_MS };
    this.#failures.delete(network);
    this.#failures.set(network, failures);
    if (this.#failures.size > MAX_NETWORKS) dropOldest(this.#failures);
    return failures;
  }
}

function waitOf(failures: Failures | undefined): number | undefined {
  if (failures === undefined || failures.tokens.size <= MAX_FAILURES) return undefined;
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

/** Returns the network of an address: a host with one IPv6 address usually has 2^64 of them. */
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
