import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import type { Catalog } from "./catalog.ts";
import { CatalogStore } from "./catalog_store.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** Time until a partial list is fetched again, in milliseconds. */
const PARTIAL_LIST_TTL_MS = 60_000;

/** Time until a long list may be fetched again because a call does not fit it, in milliseconds. */
const LONG_LIST_PAUSE_MS = 10_000;

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
  /** The session on which it was requested. The list outlives it: the next session need not request it again. */
  readonly source: WeakRef<Session>;
  readonly promise: Promise<Catalog>;
  /**
   * The result of `promise`, which a call can use without waiting for a tick. Until `promise` resolves, this
   * is the previous list.
   */
  catalog: Catalog | undefined;
  isPending: boolean;
  /** The time at which the list is due to be fetched again, on the clock of `performance.now()`. */
  refetchAt: number;
  /** The time before which the list is not fetched again because a call does not fit it, on the same clock. */
  noRefetchBefore: number;
}

/**
 * The tool lists of a server. Only this class decides which sessions share a list. Clients with equal
 * capabilities share the list that was fetched on a session that is not altered; a server may list more
 * tools to a client with more capabilities. A session that is altered keeps the list that it has; a list that
 * is fetched on an altered session is for the callers of that session only.
 */
export class ToolListCache {
  // By key of the declared capabilities: the list for sessions without a list of their own.
  readonly #shared = new Map<string, CachedList>();
  readonly #bySession = new WeakMap<Session, CachedList>();
  readonly #catalogs = new CatalogStore();
  readonly #log: Log;
  readonly #server: string;
  // A reload that changes the server's entry creates a new cache, which may log the same lines again.
  readonly #loggedLines = new Set<string>();
  #toolCount: number | undefined;

  /**
   * @param log Receives each problem of the lists only once.
   * @param server The server's name.
   */
  constructor(log: Log, server: string) {
    this.#log = log;
    this.#server = server;
  }

  /** Number of tools in the newest list; `undefined` until a list was fetched. */
  get toolCount(): number | undefined {
    return this.#toolCount;
  }

  /** Returns the cached list for a session, if there is one. */
  cachedList(owner: ListOwner): Catalog | undefined {
    return this.#find(owner)?.catalog;
  }

  /** Whether the cached list for a session is partial and due to be fetched again. */
  isStale(owner: ListOwner): boolean {
    const list = this.#find(owner);
    return list !== undefined && performance.now() >= list.refetchAt;
  }

  /**
   * Returns the cached list, or the list that is being fetched.
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
   * @param isForced Whether to fetch the list again although it is cached; an `empty` list never is,
   * and a long list only after a pause.
   */
  fetchList(owner: ListOwner & { readonly session: Session }, isForced = false): Promise<Catalog> {
    const { session, capabilitiesKey } = owner;
    const previous = this.#find(owner);
    if (previous !== undefined) {
      const { isPending, catalog, promise, source, noRefetchBefore } = previous;
      if (isPending && source.deref() === session) return promise;
      const mayNotRefetch = catalog?.completeness === "empty" ||
        performance.now() < noRefetchBefore;
      if (!isPending && (!isForced || mayNotRefetch)) return promise;
    }
    const list: CachedList = {
      source: new WeakRef(session),
      promise: session.listTools().then((catalog) => this.#catalogs.keep(catalog)),
      catalog: previous?.catalog,
      isPending: true,
      refetchAt: Infinity,
      noRefetchBefore: 0,
    };
    this.#bySession.set(session, list);
    if (!session.isAltered) this.#shared.set(capabilitiesKey, list);
    list.promise.then((catalog) => {
      list.catalog = catalog;
      list.isPending = false;
      if (catalog.isLong) list.noRefetchBefore = performance.now() + LONG_LIST_PAUSE_MS;
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
   * Removes the list of a session, and the list for sessions without a list of their own, because both may be
   * outdated. Other sessions keep their lists: the server notifies each session of changes.
   */
  forget({ session, capabilitiesKey }: ListOwner): void {
    if (session !== undefined) this.#bySession.delete(session);
    this.#shared.delete(capabilitiesKey);
  }

  /** Returns the list of a session. A session without a list takes over the shared list unless it is altered. */
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
      return isShared || list.source.deref() === session ? catalog : undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      // The request failed on another session; the caller's session may succeed.
      return undefined;
    }
  }

  #logProblems({ incompleteReason, leftOutTools }: Catalog): void {
    if (incompleteReason !== undefined) this.#warn(incompleteReason);
    for (const tool of leftOutTools) this.#warn(`Tool left out: ${tool}`);
  }

  #warn(line: string): void {
    if (this.#loggedLines.size > MAX_LOGGED_LINES || this.#loggedLines.has(line)) return;
    this.#loggedLines.add(line);
    const server = this.#server;
    if (this.#loggedLines.size <= MAX_LOGGED_LINES) this.#log.warn(line, { server });
    else this.#log.warn("Nothing more is logged about its lists of tools", { server });
  }
}
