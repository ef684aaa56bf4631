import { type ItemList, LIST_KINDS, type ListKind, type ServerLists } from "./catalog/mod.ts";
import type { SessionPool } from "./pool.ts";
import type { Session } from "./session.ts";

/** Maximum number of attempts to read lists that change meanwhile. */
const MAX_ATTEMPTS = 3;

/** A session with which a server's lists are read. */
export interface ReadingOwner {
  readonly session: Session;
  readonly capabilitiesKey: string;
}

/** Lists by kind. */
export type ListsByKind = Partial<Record<ListKind, ItemList>>;

/** The lists that a session has. */
export interface ReadLists {
  /** The lists that may be remembered. */
  readonly accepted: ListsByKind;
  /** Whether the session is altered and has another list than the one that is remembered. */
  readonly differs: boolean;
}

/** The server and its remembered catalog. */
export interface ReadListsOptions {
  /** The server's lists. */
  readonly lists: ServerLists;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** The remembered catalog, whose lists may be forgotten meanwhile. */
  readonly catalog: { readonly lists: ListsByKind };
}

/** Reads the lists on a session, one after the other, and again if the server announces changes meanwhile. */
export async function readLists(
  owner: ReadingOwner,
  { lists, pool, catalog }: ReadListsOptions,
): Promise<ReadLists> {
  using _hold = pool.holdSession(owner.session);
  for (let attempt = 1;; attempt++) {
    const accepted: ListsByKind = {};
    const readLists: [ListKind, ItemList][] = [];
    let differs = false;
    for (const kind of LIST_KINDS) {
      // A list that cannot be read stays unknown.
      const list = await lists.of(kind).refreshList(owner).catch(() => undefined);
      if (list === undefined || list.completeness === "partial") continue;
      readLists.push([kind, list]);
      const remembered = catalog.lists[kind];
      if (!owner.session.isAltered || list === remembered) accepted[kind] = list;
      else if (remembered !== undefined) differs = true;
    }
    const hasChanged = readLists.some(([kind, list]) => lists.of(kind).cachedList(owner) !== list);
    if (!hasChanged || attempt === MAX_ATTEMPTS) return { accepted, differs };
  }
}
