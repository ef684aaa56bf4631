import type { CancelSignal } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import { escapeControls, quoteEscaped, shortenText } from "../../text.ts";
import { ListInterner } from "./list_interner.ts";
import { type ItemList, LIST_WORDS, type ListKind } from "./item_list.ts";
import { serverCommand } from "../server_command.ts";
import { untilAborted } from "../until_aborted.ts";

/** Time until a partial list is fetched again, in milliseconds. */
const PARTIAL_LIST_TTL_MS = 60_000;

/** Limits of the time for which a server may say that a list is valid, in milliseconds. */
const MIN_TTL_MS = 1000;
const MAX_TTL_MS = 3_600_000;

/** Time until a long list may be fetched again because a call does not fit it, in milliseconds. */
const LONG_LIST_PAUSE_MS = 10_000;

/** Maximum number of different log lines about the lists of one server. */
const MAX_LOGGED_LINES = 100;

/** Maximum number of names of items in a log line, and of the characters of one. */
const MAX_LOGGED_NAMES = 10;
const MAX_LOGGED_NAME_LENGTH = 80;

/** The part of a session that its lists need. */
export interface ListingSession {
  /** Whether the session may differ from other sessions of the server. */
  readonly isAltered: boolean;
  /** Requests a list. */
  list(kind: ListKind): Promise<ItemList>;
}

/** The session and the capabilities that a list is for. */
export interface ListOwner {
  /** The session; `undefined` if the caller has none yet. */
  readonly session: ListingSession | undefined;
  /** Key of the capabilities that are declared to the server. */
  readonly capabilitiesKey: string;
}

/** Options of a cache. */
export interface ListCacheOptions {
  /** The server's name. */
  readonly server: string;
  /** Receives each problem of the lists only once. */
  readonly log: Log;
  /** Returns a list without the items that nobody has accepted. Default: nothing is held back. */
  readonly holdBack?: (list: ItemList) => ItemList | Promise<ItemList>;
  /** Called when a list was fetched again and has changed. */
  readonly onChanged?: (owner: ListOwner) => void;
}

/** A list that was requested. */
interface CachedList {
  /**
   * The session on which it was requested; `undefined` for a remembered list. The list outlives the session: the next
   * session need not request it again.
   */
  readonly source: WeakRef<ListingSession> | undefined;
  readonly promise: Promise<ItemList>;
  /**
   * The result of `promise`, which a call can use without waiting for a tick. Until `promise` resolves, this
   * is the previous list.
   */
  list: ItemList | undefined;
  /** Whether `list` is one that an earlier gateway read. */
  isRemembered: boolean;
  isPending: boolean;
  /** The time at which the list is due to be fetched again, on the clock of `performance.now()`. */
  refetchAt: number;
  /** The time before which the list is not fetched again because a call does not fit it, on the same clock. */
  noRefetchBefore: number;
}

/**
 * The lists of one kind of a server. Only this class decides which sessions share a list. Clients with equal
 * capabilities share the list that was fetched on a session that is not altered; a server may list more
 * to a client with more capabilities. A session that is altered keeps the list that it has; a list that
 * is fetched on an altered session is for the callers of that session only.
 */
export class ListCache {
  // By key of the declared capabilities: the list for sessions without a list of their own.
  readonly #shared = new Map<string, CachedList>();
  #bySession = new WeakMap<ListingSession, CachedList>();
  readonly #interner = new ListInterner();
  readonly #kind: ListKind;
  readonly #options: ListCacheOptions;
  // By key of the declared capabilities: the hash of the newest list.
  readonly #newestHashes = new Map<string, string | undefined>();
  // A reload that changes the server's entry creates a new cache, which may log the same lines again.
  readonly #loggedLines = new Set<string>();
  #newestList: ItemList | undefined;

  /**
   * Creates a cache of no lists.
   *
   * @param kind The kind of the lists.
   * @param options The server, and the receiver of changes.
   */
  constructor(kind: ListKind, options: ListCacheOptions) {
    this.#kind = kind;
    this.#options = options;
  }

  /** Number of items in the newest list; `undefined` until a list was fetched. */
  get itemCount(): number | undefined {
    return this.#newestList?.items.length;
  }

  /** Number of items that are held back in the newest list. */
  get heldBackCount(): number {
    return this.#newestList?.heldBack.size ?? 0;
  }

  /** Returns the cached list for a session, if there is one. */
  cachedList(owner: ListOwner): ItemList | undefined {
    return this.#find(owner)?.list;
  }

  /** Whether the cached list for a session is one that an earlier gateway read: the program may have changed since. */
  isRemembered(owner: ListOwner): boolean {
    return this.#find(owner)?.isRemembered === true;
  }

  /**
   * Whether the cached list for a session is due to be fetched again. Without a session, only a partial list is: no session
   * is started only because a complete list may be outdated.
   */
  isStale(owner: ListOwner): boolean {
    const cached = this.#find(owner);
    if (cached === undefined || performance.now() < cached.refetchAt) return false;
    return owner.session !== undefined || cached.list?.completeness === "partial";
  }

  /**
   * Returns the cached list, or the list that is being fetched.
   *
   * @param owner The session that the list is for.
   * @param signal Cancels the wait; its reason is thrown.
   * @returns `undefined` if no list has been requested; a promise of `undefined` if the request failed, or
   * its list is not shared with the session.
   */
  pendingList(owner: ListOwner, signal: CancelSignal): Promise<ItemList | undefined> | undefined {
    const cached = this.#find(owner);
    return cached === undefined ? undefined : this.#awaitList(cached, owner, signal);
  }

  /**
   * Requests the list on a session, unless it is cached or a request on it is pending.
   *
   * @param owner The session.
   * @param isForced Whether to fetch the list again although it is cached; an `empty` list never is,
   * and a long list only after a pause.
   */
  fetchList(
    owner: ListOwner & { readonly session: ListingSession },
    isForced = false,
  ): Promise<ItemList> {
    const { session } = owner;
    const previous = this.#find(owner);
    if (previous !== undefined) {
      const { isPending, list, promise, source, noRefetchBefore } = previous;
      if (isPending && source?.deref() === session) return promise;
      const mayNotRefetch = list?.completeness === "empty" ||
        performance.now() < noRefetchBefore;
      if (!isPending && (!isForced || mayNotRefetch)) return promise;
    }
    return this.#request(owner, previous);
  }

  /** Requests the list on a session even if it is cached, unless the session itself has listed it or is listing it. */
  refreshList(owner: ListOwner & { readonly session: ListingSession }): Promise<ItemList> {
    const own = this.#bySession.get(owner.session);
    return own?.source?.deref() === owner.session
      ? own.promise
      : this.#request(owner, this.#find(owner));
  }

  /**
   * Takes over a remembered list as the one that sessions share, unless they share one already.
   *
   * @returns The equal list that is kept, if there is one; otherwise this one.
   */
  async adopt(capabilitiesKey: string, remembered: ItemList): Promise<ItemList> {
    const list = await this.#accept(remembered);
    if (this.#shared.has(capabilitiesKey)) return list;
    this.#shared.set(capabilitiesKey, {
      source: undefined,
      promise: Promise.resolve(list),
      list,
      isRemembered: true,
      isPending: false,
      refetchAt: Infinity,
      noRefetchBefore: 0,
    });
    this.#newestHashes.set(capabilitiesKey, this.#interner.hashOf(list.whole));
    this.#newestList ??= list;
    this.#logHeldBack(list);
    return list;
  }

  /** Removes all lists, because other items may be held back now. */
  clear(): void {
    this.#shared.clear();
    this.#bySession = new WeakMap();
    this.#newestHashes.clear();
    this.#newestList = undefined;
  }

  /** Returns a list, or an equal one that is in use, without the items that are held back. */
  async #accept(list: ItemList): Promise<ItemList> {
    const keptList = await this.#interner.keep(list);
    return this.#options.holdBack?.(keptList) ?? keptList;
  }

  #request(
    owner: ListOwner & { readonly session: ListingSession },
    previous: CachedList | undefined,
  ): Promise<ItemList> {
    const { session, capabilitiesKey } = owner;
    const shared = this.#shared.get(capabilitiesKey);
    // A remembered list stays the shared one until the list of another session differs from it.
    const remembered = shared?.source === undefined ? shared : undefined;
    let ttlMs: number | undefined;
    const cached: CachedList = {
      source: new WeakRef(session),
      promise: session.list(this.#kind).then((list) => {
        ({ ttlMs } = list);
        return this.#accept(list);
      }),
      list: previous?.list,
      isRemembered: previous?.isRemembered === true,
      isPending: true,
      refetchAt: Infinity,
      noRefetchBefore: 0,
    };
    this.#bySession.set(session, cached);
    if (!session.isAltered) this.#shared.set(capabilitiesKey, cached);
    cached.promise.then((list) => {
      cached.list = list;
      cached.isRemembered = false;
      cached.isPending = false;
      if (list.isLong) cached.noRefetchBefore = performance.now() + LONG_LIST_PAUSE_MS;
      if (list.completeness === "partial") ttlMs = PARTIAL_LIST_TTL_MS;
      if (ttlMs !== undefined) {
        const limitedMs = Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS);
        cached.refetchAt = performance.now() + limitedMs;
      }
      // The session may have been altered before the server answered.
      if (session.isAltered) this.#unshare(cached, { capabilitiesKey, remembered });
      this.#newestList = list;
      this.#logProblems(list);
      this.#logHeldBack(list);
      this.#reportChange(list, { owner, previous: previous?.list });
    }, () => {
      this.#unshare(cached, { capabilitiesKey, remembered });
      if (this.#bySession.get(session) === cached) this.#bySession.delete(session);
    });
    return cached.promise;
  }

  /**
   * Removes the list of a session, and the list for sessions without a list of their own, because both may be
   * outdated. Other sessions keep their lists: the server notifies each session of changes.
   */
  forget({ session, capabilitiesKey }: ListOwner): void {
    if (session !== undefined) this.#bySession.delete(session);
    this.#shared.delete(capabilitiesKey);
  }

  /**
   * Reports a list that differs from the previous one, or from the newest one of a session that was not altered: the
   * server has changed it without an announcement, or was restarted.
   */
  #reportChange(
    list: ItemList,
    { owner, previous }: {
      readonly owner: ListOwner;
      readonly previous: ItemList | undefined;
    },
  ): void {
    const { session, capabilitiesKey } = owner;
    const newestHash = this.#newestHashes.get(capabilitiesKey);
    const hash = this.#interner.hashOf(list.whole);
    this.#newestHashes.set(capabilitiesKey, hash);
    const isAltered = session?.isAltered === true;
    const hasChanged = previous !== undefined
      ? previous !== list
      : !isAltered && newestHash !== undefined && newestHash !== hash;
    if (hasChanged) this.#options.onChanged?.(isAltered ? owner : { ...owner, session: undefined });
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

  #unshare(
    cached: CachedList,
    { capabilitiesKey, remembered }: {
      readonly capabilitiesKey: string;
      readonly remembered: CachedList | undefined;
    },
  ): void {
    if (this.#shared.get(capabilitiesKey) !== cached) return;
    if (remembered === undefined) this.#shared.delete(capabilitiesKey);
    else this.#shared.set(capabilitiesKey, remembered);
  }

  async #awaitList(
    cached: CachedList,
    { session, capabilitiesKey }: ListOwner,
    signal: CancelSignal,
  ): Promise<ItemList | undefined> {
    if (cached.list !== undefined) return cached.list;
    try {
      const list = await untilAborted(cached.promise, signal);
      const isShared = this.#shared.get(capabilitiesKey) === cached;
      return isShared || cached.source?.deref() === session ? list : undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      // The request failed on another session; the caller's session may succeed.
      return undefined;
    }
  }

  #logProblems({ incompleteReason, leftOut }: ItemList): void {
    if (incompleteReason !== undefined) this.#warn(incompleteReason);
    for (const item of leftOut) this.#warn(`${LIST_WORDS[this.#kind].title} left out: ${item}`);
  }

  #logHeldBack({ heldBack }: ItemList): void {
    if (heldBack.size === 0) return;
    const { items } = LIST_WORDS[this.#kind];
    const names = heldBack.keys().take(MAX_LOGGED_NAMES)
      .map((name) => quoteEscaped(shortenText(escapeControls(name), MAX_LOGGED_NAME_LENGTH)));
    const unloggedCount = heldBack.size - MAX_LOGGED_NAMES;
    const more = unloggedCount > 0 ? ` and ${unloggedCount} more` : "";
    const command = serverCommand("pin", this.#options.server, "--diff");
    this.#warn(
      "Held back, because they are new or have changed since the server was pinned: " +
        `${heldBack.size} ${items}: ${[...names].join(", ")}${more}; ` +
        `${command} shows the differences`,
    );
  }

  #warn(line: string): void {
    if (this.#loggedLines.size > MAX_LOGGED_LINES || this.#loggedLines.has(line)) return;
    this.#loggedLines.add(line);
    const { log, server } = this.#options;
    if (this.#loggedLines.size <= MAX_LOGGED_LINES) log.warn(line, { server });
    else {
      log.warn(`Nothing more is logged about its lists of ${LIST_WORDS[this.#kind].items}`, {
        server,
      });
    }
  }
}
