import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Catalog } from "./catalog.ts";
import type { Session } from "./session.ts";
import { untilAborted } from "./until_aborted.ts";

/** How long a list that is not whole is made do with, in milliseconds. */
const PARTIAL_MS = 60_000;

/** A list of tools that was asked for. */
interface CachedList {
  readonly promise: Promise<Catalog>;
  /**
   * The same once it is there, so that a call need not wait a turn for it; until then the list that
   * was there before.
   */
  catalog: Catalog | undefined;
  isPending: boolean;
  /** When the server should be asked again, on the clock of `performance.now()`. */
  askAgainAt: number;
}

/**
 * The tool lists of a server, each asked for once. There is one for each set of declared
 * capabilities, because a server may list other tools to a client that can do more.
 */
export class ToolListCache {
  readonly #byKey = new Map<string, CachedList>();
  readonly #onListed: (catalog: Catalog) => void;
  #toolCount: number | undefined;

  /** @param onListed Takes each list as it comes. */
  constructor(onListed: (catalog: Catalog) => void) {
    this.#onListed = onListed;
  }

  /** Length of the newest list; `undefined` until there was one. */
  get toolCount(): number | undefined {
    return this.#toolCount;
  }

  /**
   * The tools as they were listed.
   *
   * @param key Names the declared capabilities.
   */
  known(key: string): Catalog | undefined {
    return this.#byKey.get(key)?.catalog;
  }

  /** Whether a list that is not whole should be asked for again by now. */
  isStale(key: string): boolean {
    const listing = this.#byKey.get(key);
    return listing !== undefined && performance.now() >= listing.askAgainAt;
  }

  /**
   * The tools as they were listed, or are just being.
   *
   * @param key Names the declared capabilities.
   * @param signal Gives up; its reason is thrown.
   * @returns At once `undefined` where nobody asked yet; later where a session failed to list them.
   */
  coming(key: string, signal: CancelSignal): Promise<Catalog | undefined> | undefined {
    const listing = this.#byKey.get(key);
    return listing === undefined ? undefined : catalogOf(listing, signal);
  }

  /**
   * Asks a session for the tools; while one is being asked, no other is.
   *
   * @param session Whom to ask.
   * @param key Names the capabilities declared to it.
   * @param afresh Whether a list that is there already will not do.
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
      this.#onListed(catalog);
    }, () => {
      if (this.#byKey.get(key) === listing) this.#byKey.delete(key);
    });
    return listing.promise;
  }

  /** The list may be out of date: the next who needs it asks. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }
}

async function catalogOf(listing: CachedList, signal: CancelSignal): Promise<Catalog | undefined> {
  if (listing.catalog !== undefined) return listing.catalog;
  try {
    return await untilAborted(listing.promise, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // It was another session that failed; the one of who asks now may do better.
    return undefined;
  }
}
