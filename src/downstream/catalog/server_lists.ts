import type { Log } from "../../log.ts";
import { ListCache, type ListOwner } from "./list_cache.ts";
import { LIST_KINDS, type ListKind } from "./item_list.ts";

/** The lists of one server, of all kinds. */
export class ServerLists {
  readonly #caches: Readonly<Record<ListKind, ListCache>>;

  /**
   * Creates the lists, of which none has been fetched.
   *
   * @param log Receives each problem of the lists only once.
   * @param server The server's name.
   */
  constructor(log: Log, server: string) {
    const cache = (kind: ListKind): ListCache => new ListCache(kind, { log, server });
    this.#caches = {
      tools: cache("tools"),
      resources: cache("resources"),
      templates: cache("templates"),
      prompts: cache("prompts"),
    };
  }

  /** Returns the lists of a kind. */
  of(kind: ListKind): ListCache {
    return this.#caches[kind];
  }

  /** Removes the lists of a session and those that it shares, because they may be outdated. */
  forget(owner: ListOwner, kinds: readonly ListKind[] = LIST_KINDS): void {
    for (const kind of kinds) this.#caches[kind].forget(owner);
  }
}
