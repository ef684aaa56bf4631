import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { Catalog } from "./catalog.ts";
import { CatalogStore } from "./catalog_store.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** Time until a partial list is fetched again, in milliseconds. */
const PARTIAL_LIST_TTL_MS = 60_000;

/** Maximum number of different log lines about the lists of one server. */
const MAX_LOGGED_LINES = 100;

/** The session and the capabilities that a list is for. */
export interface ListOwner {
  /** The session; `undefined` if the caller has none yet. */
  readonly session: Session | undefined;
  /** Key of the capabilities that are declared to the server. */
  readonly capabilitiesKey: string;
}

/** A list of tools that was requested. */
interface CachedList {
  /** The session on which it was requested. */
  readonly source: Session;
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
 * The tool lists of a server, and the only place that decides which sessions share one. A list is shared
 * if it was fetched on a session that is not altered: it is the same for all clients with equal capabilities,
 * because a server may list more tools to a client with more capabilities. An altered session keeps the list
 * that it has; the next one that is fetched on it is seen only by the callers of that session.
 */
export class ToolListCache {
  // By key of the declared capabilities: the list of the sessions that have none yet.
  readonly #shared = new Map<string, CachedList>();
  readonly #bySession = new WeakMap<Session, CachedList>();
  readonly #catalogs = new CatalogStore();
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

  /** Returns the cached list of a session. */
  cachedList(owner: ListOwner): Catalog | undefined {
    return this.#find(owner)?.catalog;
  }

  /** Whether a partial list is due to be fetched again. */
  isStale(owner: ListOwner): boolean {
    const list = this.#find(owner);
    return list !== undefined && performance.now() >= list.refetchAt;
  }

  /**
   * Returns the cached list, or the one that is being fetched.
   *
   * @param owner The session that the list is for.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if no list has been requested; a promise of `undefined` if the request failed, or
   * its list is not shared with the session.
   */
  pendingList(owner: ListOwner, signal: CancelSignal): Promise<Catalog | undefined> | undefined {
    const list = this.#find(owner);
    return list === undefined ? undefined : this.#awaitCatalog(list, owner, signal);
  }

  /**
   * Requests the tools on a session, unless they are cached or a request on it is pending.
   *
   * @param owner The session.
   * @param isForced Whether to fetch the list again although it is cached.
   */
  fetchList(owner: ListOwner & { readonly session: Session }, isForced = false): Promise<Catalog> {
    const { session, capabilitiesKey } = owner;
    const previous = this.#find(owner);
    if (previous !== undefined) {
      const { isPending, catalog, promise, source } = previous;
      if (isPending && source === session) return promise;
      if (!isPending && (!isForced || catalog?.completeness === "empty")) return promise;
    }
    const list: CachedList = {
      source: session,
      promise: session.listTools().then((catalog) => this.#catalogs.keep(catalog)),
      catalog: previous?.catalog,
      isPending: true,
      refetchAt: Infinity,
    };
    this.#bySession.set(session, list);
    if (!session.isAltered) this.#shared.set(capabilitiesKey, list);
    list.promise.then((catalog) => {
      list.catalog = catalog;
      list.isPending = false;
      if (catalog.completeness === "partial") {
        list.refetchAt = performance.now() + PARTIAL_LIST_TTL_MS;
      }
      // The session may have been altered before the server answered.
      if (session.isAltered) this.#unshare(list, capabilitiesKey);
      this.#toolCount = catalog.tools.length;
      this.#logProblems(catalog);
    }, () => {
      this.#unshare(list, capabilitiesKey);
      if (this.#bySession.get(session) === list) this.#bySession.delete(session);
    });
    return list.promise;
  }

  /**
   * Removes the list of a session, and the list for sessions that have none yet, because both may be outdated.
   * They are fetched again when they are needed. Other sessions keep theirs: the server notifies each
   * session of its changes.
   */
  forget({ session, capabilitiesKey }: ListOwner): void {
    if (session !== undefined) this.#bySession.delete(session);
    this.#shared.delete(capabilitiesKey);
  }

  /** Returns the list of a session, which is from now on the shared one if it has none and is not altered. */
  #find({ session, capabilitiesKey }: ListOwner): CachedList | undefined {
    if (session === undefined) return this.#shared.get(capabilitiesKey);
    const list = this.#bySession.get(session);
    if (list !== undefined || session.isAltered) return list;
    const shared = this.#shared.get(capabilitiesKey);
    if (shared?.isPending === false) this.#bySession.set(session, shared);
    return shared;
  }

  #unshare(list: CachedList, capabilitiesKey: string): void {
    if (this.#shared.get(capabilitiesKey) === list) this.#shared.delete(capabilitiesKey);
  }

  async #awaitCatalog(
    list: CachedList,
    { session, capabilitiesKey }: ListOwner,
    signal: CancelSignal,
  ): Promise<Catalog | undefined> {
    if (list.catalog !== undefined) return list.catalog;
    try {
      const catalog = await untilAborted(list.promise, signal);
      const isShared = this.#shared.get(capabilitiesKey) === list;
      return isShared || list.source === session ? catalog : undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      // The request failed on another session; the caller's session may succeed.
      return undefined;
    }
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
