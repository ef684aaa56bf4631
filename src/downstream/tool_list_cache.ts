import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { Catalog } from "./catalog.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** Time until a partial list is fetched again, in milliseconds. */
const PARTIAL_MS = 60_000;

/** Limit of different lines in the log about the lists of one server. */
const MAX_LOGGED = 100;

/** A list of tools that was requested. */
interface CachedList {
  readonly promise: Promise<Catalog>;
  /**
   * The result of `promise`, so that a call need not wait a tick for it; until it resolves, the
   * previous list.
   */
  catalog: Catalog | undefined;
  isPending: boolean;
  /** When the server should be asked again, on the clock of `performance.now()`. */
  askAgainAt: number;
}

/**
 * The tool lists of a server, each fetched once. There is one for each set of declared capabilities,
 * because a server may list more tools to a client with more capabilities.
 */
export class ToolListCache {
  readonly #byKey = new Map<string, CachedList>();
  readonly #log: Log;
  readonly #server: string;
  // A reload that changes the server's entry starts over.
  readonly #logged = new Set<string>();
  #toolCount: number | undefined;

  /**
   * @param log Receives the problems of the lists, each once, however often the server is asked.
   * @param server The server's name.
   */
  constructor(log: Log, server: string) {
    this.#log = log;
    this.#server = server;
  }

  /** Length of the newest list; `undefined` until there was one. */
  get toolCount(): number | undefined {
    return this.#toolCount;
  }

  /**
   * Returns the cached list.
   *
   * @param key Key of the declared capabilities.
   */
  known(key: string): Catalog | undefined {
    return this.#byKey.get(key)?.catalog;
  }

  /** Whether a partial list is due to be fetched again. */
  isStale(key: string): boolean {
    const listing = this.#byKey.get(key);
    return listing !== undefined && performance.now() >= listing.askAgainAt;
  }

  /**
   * Returns the cached list, or the one that is being fetched.
   *
   * @param key Key of the declared capabilities.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if no list was requested yet; a promise of `undefined` if the session that was
   * asked failed.
   */
  coming(key: string, signal: CancelSignal): Promise<Catalog | undefined> | undefined {
    const listing = this.#byKey.get(key);
    return listing === undefined ? undefined : catalogOf(listing, signal);
  }

  /**
   * Asks a session for the tools, unless a request is pending already.
   *
   * @param session The session to ask.
   * @param key Key of the capabilities declared to it.
   * @param afresh Whether to ask again although there is a cached list.
   */
  ask(session: Session, key: string, afresh = false): Promise<Catalog> {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      if (known.isPending || !afresh || known.catalog?.extent === "none") return known.promise;
    }
    const listing: CachedList = {
      promise: session.listTools(),
      catalog: known?.catalog,
      isPending: true,
      askAgainAt: Infinity,
    };
    this.#byKey.set(key, listing);
    listing.promise.then((catalog) => {
      listing.catalog = catalog;
      listing.isPending = false;
      if (catalog.extent === "partial") listing.askAgainAt = performance.now() + PARTIAL_MS;
      this.#toolCount = catalog.tools.length;
      this.#logProblems(catalog);
    }, () => {
      if (this.#byKey.get(key) === listing) this.#byKey.delete(key);
    });
    return listing.promise;
  }

  /** Removes a list that may be out of date; it is fetched again when it is needed. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  #logProblems({ incompleteReason, leftOut }: Catalog): void {
    if (incompleteReason !== undefined) this.#warn(incompleteReason);
    for (const what of leftOut) this.#warn(`Tool left out: ${what}`);
  }

  #warn(line: string): void {
    if (this.#logged.size > MAX_LOGGED || this.#logged.has(line)) return;
    this.#logged.add(line);
    const server = this.#server;
    if (this.#logged.size <= MAX_LOGGED) this.#log.warn(line, { server });
    else this.#log.warn("Nothing more is logged about its lists of tools", { server });
  }
}

async function catalogOf(listing: CachedList, signal: CancelSignal): Promise<Catalog | undefined> {
  if (listing.catalog !== undefined) return listing.catalog;
  try {
    return await untilAborted(listing.promise, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // A different session failed; the caller's own may succeed.
    return undefined;
  }
}
