import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { Catalog } from "./catalog.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** Time until a partial list is fetched again, in milliseconds. */
const PARTIAL_LIST_TTL_MS = 60_000;

/** Maximum number of different log lines about the lists of one server. */
const MAX_LOGGED_LINES = 100;

/** A list of tools that was requested. */
interface CachedList {
  readonly promise: Promise<Catalog>;
  /**
   * The result of `promise`, which a call can use without waiting for a tick. Until `promise` resolves,
   * the previous list.
   */
  catalog: Catalog | undefined;
  isPending: boolean;
  /** The time at which the list is due to be fetched again, on the clock of `performance.now()`. */
  refetchAt: number;
}

/**
 * The tool lists of a server, each fetched once. There is one for each set of declared capabilities,
 * because a server may list more tools to a client with more capabilities.
 */
export class ToolListCache {
  readonly #byKey = new Map<string, CachedList>();
  readonly #log: Log;
  readonly #server: string;
  // The lines that were logged. A reload that changes the server's entry creates a new cache.
  readonly #logged = new Set<string>();
  #toolCount: number | undefined;

  /**
   * @param log Receives the problems of the lists, each of them only once.
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
  cachedList(key: string): Catalog | undefined {
    return this.#byKey.get(key)?.catalog;
  }

  /** Whether a partial list is due to be fetched again. */
  isStale(key: string): boolean {
    const list = this.#byKey.get(key);
    return list !== undefined && performance.now() >= list.refetchAt;
  }

  /**
   * Returns the cached list, or the one that is being fetched.
   *
   * @param key Key of the declared capabilities.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if no list has been requested; a promise of `undefined` if the request failed.
   */
  pendingList(key: string, signal: CancelSignal): Promise<Catalog | undefined> | undefined {
    const list = this.#byKey.get(key);
    return list === undefined ? undefined : awaitCatalog(list, signal);
  }

  /**
   * Requests the tools on a session, unless they are cached or a request is pending.
   *
   * @param session The session.
   * @param key Key of the capabilities declared to it.
   * @param isForced Whether to fetch the list again although it is cached.
   */
  fetchList(session: Session, key: string, isForced = false): Promise<Catalog> {
    const previous = this.#byKey.get(key);
    if (previous !== undefined) {
      const { isPending, catalog, promise } = previous;
      if (isPending || !isForced || catalog?.completeness === "empty") return promise;
    }
    const list: CachedList = {
      promise: session.listTools(),
      catalog: previous?.catalog,
      isPending: true,
      refetchAt: Infinity,
    };
    this.#byKey.set(key, list);
    list.promise.then((catalog) => {
      list.catalog = catalog;
      list.isPending = false;
      if (catalog.completeness === "partial") {
        list.refetchAt = performance.now() + PARTIAL_LIST_TTL_MS;
      }
      this.#toolCount = catalog.tools.length;
      this.#logProblems(catalog);
    }, () => {
      if (this.#byKey.get(key) === list) this.#byKey.delete(key);
    });
    return list.promise;
  }

  /** Removes a list that may be outdated; it is fetched again when it is needed. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  #logProblems({ incompleteReason, leftOutTools }: Catalog): void {
    if (incompleteReason !== undefined) this.#warn(incompleteReason);
    for (const what of leftOutTools) this.#warn(`Tool left out: ${what}`);
  }

  #warn(line: string): void {
    if (this.#logged.size > MAX_LOGGED_LINES || this.#logged.has(line)) return;
    this.#logged.add(line);
    const server = this.#server;
    if (this.#logged.size <= MAX_LOGGED_LINES) this.#log.warn(line, { server });
    else this.#log.warn("Nothing more is logged about its lists of tools", { server });
  }
}

async function awaitCatalog(list: CachedList, signal: CancelSignal): Promise<Catalog | undefined> {
  if (list.catalog !== undefined) return list.catalog;
  try {
    return await untilAborted(list.promise, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // The request failed on another session; the caller's session may succeed.
    return undefined;
  }
}
