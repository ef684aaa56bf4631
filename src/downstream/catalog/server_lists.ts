import type { Log } from "../../log.ts";
import type { PinnedHashes } from "../../pins/mod.ts";
import type { ServerInfo } from "../revisions/mod.ts";
import { arePinsEqual, holdBackItems } from "./held_back.ts";
import { type ItemList, LIST_KINDS, type ListKind } from "./item_list.ts";
import { ListCache, type ListOwner } from "./list_cache.ts";

/** The member of a server's description that says whether the server declares a list. */
const DECLARATIONS = {
  tools: "hasTools",
  resources: "hasResources",
  templates: "hasResources",
  prompts: "hasPrompts",
} as const satisfies Readonly<Record<ListKind, keyof ServerInfo>>;

/** Returns whether a server declares a list. */
export function declaresList(info: ServerInfo, kind: ListKind): boolean {
  return info[DECLARATIONS[kind]];
}

/** Options of the lists of a server. */
export interface ServerListsOptions {
  /** The server's name. */
  readonly server: string;
  /** Receives each problem of the lists only once. */
  readonly log: Log;
  /**
   * Recalls the remembered lists for a key of declared capabilities; `undefined` when that is done, or nothing is
   * remembered.
   */
  readonly recall?: (capabilitiesKey: string) => Promise<void> | undefined;
  /** Called when a list has changed, or may have: the list of one session, or the one that sessions share. */
  readonly onChanged?: (kind: ListKind, owner: ListOwner) => void;
}

/** The lists of one server, of all kinds, and its descriptions of itself. */
export class ServerLists {
  readonly #options: ServerListsOptions;
  readonly #caches: Readonly<Record<ListKind, ListCache>>;
  // By key of the declared capabilities: the description of the newest session.
  readonly #infos = new Map<string, ServerInfo>();

  #pins: PinnedHashes | undefined;
  // By list as the server gave it: the list without the items that are held back.
  #withoutHeldBack = new WeakMap<ItemList, Promise<ItemList>>();

  /**
   * Creates the lists, of which none has been fetched.
   *
   * @param options The server, and the receiver of changes.
   */
  constructor(options: ServerListsOptions) {
    this.#options = options;
    const createCache = (kind: ListKind): ListCache => {
      return new ListCache(kind, {
        ...options,
        holdBack: (list) => this.#pins === undefined ? list : this.#holdBack(kind, list),
        onChanged: (owner) => options.onChanged?.(kind, owner),
      });
    };
    this.#caches = {
      tools: createCache("tools"),
      resources: createCache("resources"),
      templates: createCache("templates"),
      prompts: createCache("prompts"),
    };
  }

  /** Returns the lists of a kind. */
  of(kind: ListKind): ListCache {
    return this.#caches[kind];
  }

  /** Whether the server is pinned. */
  get isPinned(): boolean {
    return this.#pins !== undefined;
  }

  /** Number of tools, resource templates and prompts that are held back, as far as they have been listed. */
  get heldBackCount(): number {
    return LIST_KINDS.reduce((sum, kind) => sum + this.#caches[kind].heldBackCount, 0);
  }

  /**
   * Sets the pins of the server.
   *
   * @param pins The pins; `undefined` if the server is not pinned.
   * @returns Whether they are other pins than before, so that all lists were removed.
   */
  setPins(pins: PinnedHashes | undefined): boolean {
    if (arePinsEqual(pins, this.#pins)) return false;
    this.#pins = pins;
    this.#withoutHeldBack = new WeakMap();
    for (const kind of LIST_KINDS) this.#caches[kind].clear();
    return true;
  }

  async #holdBack(kind: ListKind, list: ItemList): Promise<ItemList> {
    for (;;) {
      const pins = this.#pins;
      if (pins === undefined) return list;
      const pending = this.#withoutHeldBack.get(list) ??
        holdBackItems(list, { kind, pins, server: this.#options.server });
      this.#withoutHeldBack.set(list, pending);
      const accepted = await pending;
      // The lock file may have changed meanwhile.
      if (pins === this.#pins) return accepted;
    }
  }

  /** Recalls the remembered lists; `undefined` if that need not be awaited. Never rejects. */
  recall(capabilitiesKey: string): Promise<void> | undefined {
    return this.#options.recall?.(capabilitiesKey);
  }

  /** Removes the lists of a session and those that it shares, because they may be outdated. */
  forget(owner: ListOwner): void {
    for (const kind of LIST_KINDS) this.#caches[kind].forget(owner);
  }

  /** Removes the lists that a server has announced to have changed on a session. */
  forgetChanged(owner: ListOwner, kinds: readonly ListKind[]): void {
    for (const kind of kinds) {
      this.#caches[kind].forget(owner);
      this.#options.onChanged?.(kind, owner);
    }
  }

  /** Keeps the server's description of itself, from a handshake with these capabilities. */
  setInfo(capabilitiesKey: string, info: ServerInfo): void {
    this.#infos.set(capabilitiesKey, info);
  }

  /** Returns the server's newest description of itself, from a handshake with these capabilities, if it is known. */
  infoFor(capabilitiesKey: string): ServerInfo | undefined {
    return this.#infos.get(capabilitiesKey);
  }

  /**
   * Returns whether the server has items of a kind, or completes arguments, as far as is known.
   *
   * @returns `undefined` while it is not known.
   */
  offers(kind: ListKind | "completions", owner: ListOwner): boolean | undefined {
    const info = this.#infos.get(owner.capabilitiesKey);
    if (kind === "completions") return info?.hasCompletions;
    if (info !== undefined && declaresList(info, kind)) return true;
    const list = this.#caches[kind].cachedList(owner);
    if (list !== undefined) return list.items.length > 0;
    // Some servers forget to declare their tools.
    return info === undefined || kind === "tools" ? undefined : false;
  }
}
