import type { Isolation } from "../config/mod.ts";
import type { Caller, ClientCapabilities, ClientLink } from "./caller.ts";
import { FairLine } from "./line.ts";
import type { Session } from "./session.ts";
import type { Patience } from "./transport.ts";

/** A session with its place in the pool. */
export interface Place {
  /** The session. */
  readonly session: Session;
  /** Whose calls may be on it at a time, and who waits. */
  readonly line: FairLine;
  /** The client it belongs to; `undefined` where several share it. */
  readonly client: string | undefined;
  /** Equal for clients that declare alike. */
  readonly capabilitiesKey: string;
}

/** What a pool is made with. */
export interface PoolOptions {
  /** Which callers share a session. */
  readonly isolation: Isolation;
  /** Calls at a time on one session. */
  readonly maxConcurrency: number;
  /** Milliseconds after which an unused session is closed. */
  readonly idleTimeoutMs: number;
  /** Makes a session; `closed` must be called when it is of no use any more. */
  readonly start: (wanted: Wanted, closed: () => void) => Session;
}

/** What a session is needed for. */
export interface Wanted {
  /** What the client can do. */
  readonly capabilities: ClientCapabilities;
  /** Equal for clients that declare alike. */
  readonly capabilitiesKey: string;
  /** The client, where the session is its alone. */
  readonly link: ClientLink | undefined;
}

const IDLE_PATIENCE: Patience = { inputMs: 2000, terminateMs: 2000 };

/** The sessions of one server: who gets which, and when they end. */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #places = new Map<string, Place>();
  readonly #all = new Set<Place>();
  readonly #timers = new Map<Place, ReturnType<typeof setTimeout>>();
  readonly #ending = new Set<Promise<void>>();
  // Started ahead of the first call; the first caller whose client declares alike takes it.
  #spare: Place | undefined;

  /**
   * Opens the pool, empty.
   *
   * @param options See there.
   */
  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** All sessions, in the order of their start. */
  get sessions(): Session[] {
    return [...this.#all].map((place) => place.session);
  }

  /**
   * Starts a session ahead of the first call.
   *
   * @param client The client it is for.
   */
  warm(client: Pick<Caller, "client" | "capabilities" | "link">): Session {
    const place = this.#startFor(client);
    this.#spare = place;
    this.release(place);
    return place.session;
  }

  /**
   * The session for a caller, which may still be connecting. Give it back with `release`.
   *
   * @param caller Who calls.
   */
  acquire(caller: Caller): Place {
    const { isolation } = this.#options;
    const capabilitiesKey = JSON.stringify(caller.capabilities);
    if (isolation === "call") return this.#adopt(caller, capabilitiesKey) ?? this.#startFor(caller);
    const key = poolKey(isolation, caller, capabilitiesKey);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#adopt(caller, capabilitiesKey) ?? this.#startFor(caller);
      this.#places.set(key, place);
    }
    this.#stopTimer(place);
    return place;
  }

  /** Gives a session back: it stays for the next call, until it has been idle for long. */
  release(place: Place): void {
    if (!this.#all.has(place) || place.session.calls > 0) return;
    if (this.#options.isolation === "call") return this.#end(place, IDLE_PATIENCE);
    this.#stopTimer(place);
    this.#timers.set(
      place,
      setTimeout(() => this.#end(place, IDLE_PATIENCE), this.#options.idleTimeoutMs),
    );
  }

  /** Ends the sessions of a client that is gone. */
  async releaseClient(client: string, patience: Patience): Promise<void> {
    for (const place of this.#all) {
      if (place.client === client) this.#end(place, patience);
    }
    await Promise.all(this.#ending);
  }

  /**
   * Ends all sessions, each after its calls.
   *
   * @param drainMs How long calls may take to end.
   * @param patience How long processes may take to end.
   */
  async close(drainMs: number, patience: Patience): Promise<void> {
    for (const place of this.#all) this.#end(place, patience, drainMs);
    await Promise.all(this.#ending);
  }

  /** Ends all processes at once, without asking. */
  kill(): void {
    for (const place of [...this.#all]) place.session.kill();
  }

  #adopt(caller: Caller, capabilitiesKey: string): Place | undefined {
    const spare = this.#spare;
    if (spare?.capabilitiesKey !== capabilitiesKey) return undefined;
    if (spare.client !== undefined && spare.client !== caller.client) return undefined;
    this.#spare = undefined;
    return spare;
  }

  #startFor(client: Pick<Caller, "client" | "capabilities" | "link">): Place {
    const { isolation, maxConcurrency, start } = this.#options;
    const { capabilities } = client;
    const capabilitiesKey = JSON.stringify(capabilities);
    const isShared = isolation === "shared";
    const link = isShared ? undefined : client.link;
    const session = start({ capabilities, capabilitiesKey, link }, () => this.#forget(place));
    const place: Place = {
      session,
      line: new FairLine(maxConcurrency),
      client: isShared ? undefined : client.client,
      capabilitiesKey,
    };
    this.#all.add(place);
    return place;
  }

  #end(place: Place, patience: Patience, drainMs = 0): void {
    this.#withdraw(place);
    const ending = place.session.drain(drainMs, patience);
    this.#ending.add(ending);
    ending.then(() => this.#ending.delete(ending));
  }

  #forget(place: Place): void {
    this.#withdraw(place);
    this.#all.delete(place);
  }

  /** Takes a session out of use: nobody gets it any more. */
  #withdraw(place: Place): void {
    this.#stopTimer(place);
    if (this.#spare === place) this.#spare = undefined;
    for (const [key, other] of this.#places) {
      if (other === place) this.#places.delete(key);
    }
  }

  #stopTimer(place: Place): void {
    clearTimeout(this.#timers.get(place));
    this.#timers.delete(place);
  }
}

function poolKey(isolation: Isolation, caller: Caller, capabilitiesKey: string): string {
  switch (isolation) {
    case "shared":
      return capabilitiesKey;
    case "session":
      return caller.client;
    default:
      return `${caller.client} ${caller.agent}`;
  }
}
