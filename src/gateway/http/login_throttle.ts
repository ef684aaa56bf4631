/** Different tokens that may fail from one network in a minute. */
const MAX_FAILURES = 20;

const WINDOW_MS = 60_000;

/** Networks, and good logins, that are remembered; the oldest are forgotten first. */
const MAX_NETWORKS = 4096;
const MAX_KNOWN = 10_000;

/** The failed logins of a network within a minute. */
interface Failures {
  readonly tokens: Set<string>;
  readonly endsAt: number;
}

/** Whether a login that failed was one too many. */
export interface FailedLogin {
  /** How long to wait, in milliseconds, if there were too many. */
  readonly waitMs: number | undefined;
  /** Whether the network has just become one that has to wait. */
  readonly isFirst: boolean;
}

/**
 * Slows down guessing: a network from which many different tokens failed has to wait. A client that
 * repeats one bad token does not hold up others behind the same proxy, and neither does somebody
 * who guesses hold up clients that have logged in before.
 */
export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();
  readonly #known = new Set<string>();

  /**
   * Notes a token that is not accepted.
   *
   * @param address Where it came from.
   * @param token Its hash.
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
   * Notes a token that is good, unless its network has to wait.
   *
   * @param address Where it came from.
   * @param token Its hash.
   * @returns How long to wait, in milliseconds; a good guess must look like any other.
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

  /** How many networks and logins are remembered. */
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

/** The network of an address: whoever has one IPv6 address has 2^64 of them. */
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
