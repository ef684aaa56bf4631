import type { Budget } from "../budget.ts";
import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import type { ClientCapabilities } from "./caller.ts";
import {
  ItemList,
  LIST_KINDS,
  type ListKind,
  ListMemory,
  type ServerLists,
} from "./catalog/mod.ts";
import { readCapabilities } from "./declared_capabilities.ts";
import { describeServer, factsOf } from "./describe_server.ts";
import type { SessionPool } from "./pool.ts";
import { type ListsByKind, type ReadingOwner, readLists } from "./read_lists.ts";
import type { CatalogHead, CatalogStore, NewCatalog, RecalledList } from "./remembered/mod.ts";
import type { ServerInfo } from "./revisions/mod.ts";
import type { Session } from "./session.ts";

/** Age at which a catalog is renewed when it is used, in milliseconds. */
const RENEWAL_MS = 24 * 3_600_000;

/** Age at which an unchanged catalog is written again, in milliseconds. */
const REWRITE_MS = 3_600_000;

/** Time after a read during which a server's lists are not read again, in milliseconds. */
const READ_PAUSE_MS = 60_000;

/** Time after an announced change until the lists are read again, in milliseconds: a server may announce several at once. */
const CHANGE_PAUSE_MS = 1000;

/** Minimum time between two reads because of announced changes, in milliseconds. */
const MIN_CHANGE_PAUSE_MS = 10_000;

/** Key of the capabilities of a client that declares none. */
const NO_CAPABILITIES = "{}";

/** Options of the recall of a server's catalogs. */
export interface CatalogRecallOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The catalogs in files. */
  readonly store: CatalogStore;
  /** The server's lists, which take over those that are recalled. */
  readonly lists: ServerLists;
  /** The server's sessions. */
  readonly pool: SessionPool;
  /** Returns when the server was probed for its revision, in milliseconds since 1970; `undefined` if it was not. */
  readonly probedAt: () => number | undefined;
  /** Returns the memory for recalled lists; `undefined` if it is not limited. */
  readonly memory: () => Budget | undefined;
  /** Receives failures to renew a catalog, at debug level. */
  readonly log: Log;
}

/** The catalog for one set of capabilities. */
interface KnownCatalog {
  /** Resolves when the file has been read; `undefined` after that. */
  recalling: Promise<void> | undefined;
  /** The summary of the file, if there is one. */
  head: NewCatalog["head"] | undefined;
  /** The lists as they are remembered. */
  lists: ListsByKind;
  /** The end of the last read on a session, on the clock of `performance.now()`; 0 if there was none. */
  readAt: number;
  isRenewing: boolean;
  /** Reads the lists after an announced change. */
  changeTimer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Recalls the catalogs of one server into its lists, and remembers the lists of its sessions. The lists of a session that
 * is altered are remembered only if they are equal to remembered ones.
 */
export class CatalogRecall {
  readonly #options: CatalogRecallOptions;
  readonly #catalogs = new Map<string, KnownCatalog>();
  // The summaries of catalogs whose lists are not needed yet.
  readonly #heads = new Map<string, CatalogHead | undefined>();
  readonly #reads = new WeakMap<Session, Promise<boolean>>();
  #isClosed = false;

  /**
   * Prepares the recall; reads nothing yet.
   *
   * @param options The server.
   */
  constructor(options: CatalogRecallOptions) {
    this.#options = options;
  }

  /** Recalls a catalog; returns `undefined` once it has been recalled. Never rejects. */
  recall(capabilitiesKey: string): Promise<void> | undefined {
    return this.#catalogFor(capabilitiesKey).recalling;
  }

  /** Returns the summary of a catalog, if it has been read and the catalog is remembered. */
  head(capabilitiesKey: string): NewCatalog["head"] | undefined {
    return this.#catalogs.get(capabilitiesKey)?.head ?? this.#heads.get(capabilitiesKey);
  }

  /** Reads the summary of a catalog without its lists; returns `undefined` once it has been read. Never rejects. */
  recallHead(capabilitiesKey: string): Promise<void> | undefined {
    const catalog = this.#catalogs.get(capabilitiesKey);
    if (catalog !== undefined) return catalog.recalling;
    if (this.#heads.has(capabilitiesKey)) return undefined;
    const { store, config } = this.#options;
    const head = store.findHead(config, capabilitiesKey);
    if (head !== undefined) return this.#setHead(capabilitiesKey, head);
    return store.readHead(config, capabilitiesKey).catch(() => undefined)
      .then((found) => this.#setHead(capabilitiesKey, found));
  }

  /** Reads the summary of a catalog, and returns it if the catalog is remembered. */
  async recallAndGetHead(capabilitiesKey: string): Promise<NewCatalog["head"] | undefined> {
    await this.recallHead(capabilitiesKey);
    return this.head(capabilitiesKey);
  }

  /**
   * Recalls a catalog to use it; returns `undefined` once it has been recalled. If it is too old, renews it in the
   * background.
   */
  use(capabilitiesKey: string, capabilities: ClientCapabilities): Promise<void> | undefined {
    const catalog = this.#catalogFor(capabilitiesKey);
    if (catalog.recalling !== undefined) {
      return catalog.recalling.then(() => this.#renewIfOld(capabilitiesKey, capabilities));
    }
    this.#renewIfOld(capabilitiesKey, capabilities);
    return undefined;
  }

  /**
   * Reads the catalogs anew for all sets of capabilities for which they are remembered; if none is, for a client without
   * capabilities.
   *
   * @returns Number of items in each list of the last catalog.
   * @throws {DownstreamError} if the server does not start, or lists no tools.
   */
  async refresh(): Promise<CatalogHead["counts"]> {
    const { store, config } = this.#options;
    const keys = await store.listCapabilities(config);
    let counts = {};
    for (const key of keys.length === 0 ? [NO_CAPABILITIES] : keys) {
      const capabilities = readCapabilities(JSON.parse(key));
      await this.learn(capabilities);
      counts = (await store.readHead(config, key))?.counts ?? counts;
    }
    return counts;
  }

  /**
   * Starts a session without a client, and remembers its lists.
   *
   * @returns Whether they are remembered.
   * @throws {DownstreamError} if the server does not start, or lists no tools.
   */
  async learn(capabilities: ClientCapabilities): Promise<boolean> {
    const { pool } = this.#options;
    const pooled = pool.startDetached(capabilities);
    // Another session may have been read just now, but in vain.
    this.#catalogFor(pooled.capabilitiesKey).readAt = 0;
    try {
      await pooled.session.ready();
      await this.#options.lists.of("tools").refreshList(pooled);
      return await this.read(pooled);
    } finally {
      pool.discard(pooled);
    }
  }

  /**
   * Like `read`. If the lists of the session may not be remembered, although it was not used for a call, starts another
   * session without a client. Never throws.
   */
  async readOrLearn(owner: ReadingOwner, capabilities: ClientCapabilities): Promise<void> {
    if (await this.read(owner) || owner.session.isCalled || this.#isClosed) return;
    await this.learn(capabilities).catch((error: unknown) => this.#logFailure(error));
  }

  /**
   * Reads all lists on a session that has started, and remembers them. A session whose lists need not be read again is
   * not asked. Never rejects.
   *
   * @returns Whether the lists are remembered.
   */
  read(owner: ReadingOwner): Promise<boolean> {
    let reading = this.#reads.get(owner.session);
    if (reading === undefined) {
      reading = this.#readOnce(owner).catch(() => false);
      this.#options.store.addReading(reading);
      this.#reads.set(owner.session, reading);
    }
    return reading;
  }

  /** Notes that a server has announced changed lists on a session, and soon reads them again. */
  noteChange(owner: ReadingOwner): void {
    if (owner.session.isAltered || this.#isClosed) return;
    const catalog = this.#catalogFor(owner.capabilitiesKey);
    // Lists that are being read for the first time are read again anyway if they change.
    if (catalog.readAt === 0 || catalog.changeTimer !== undefined) return;
    const pauseMs = catalog.readAt + MIN_CHANGE_PAUSE_MS - performance.now();
    catalog.changeTimer = setTimeout(() => {
      catalog.changeTimer = undefined;
      this.#reads.delete(owner.session);
      catalog.readAt = 0;
      void this.read(owner);
    }, Math.max(CHANGE_PAUSE_MS, pauseMs));
  }

  /** Recalls all catalogs again, after the server's lists were removed. */
  recallAgain(): void {
    for (const [capabilitiesKey, catalog] of this.#catalogs) {
      catalog.lists = {};
      this.#startRecall(capabilitiesKey, catalog);
    }
  }

  /** Forgets all catalogs of the server, such as when its login has ended. */
  async forget(): Promise<void> {
    const { store, config, lists } = this.#options;
    this.#heads.clear();
    for (const [capabilitiesKey, catalog] of this.#catalogs) {
      catalog.head = undefined;
      catalog.lists = {};
      lists.forget({ session: undefined, capabilitiesKey });
    }
    await store.remove(config);
  }

  /** Reads nothing more. */
  close(): void {
    this.#isClosed = true;
    for (const { changeTimer } of this.#catalogs.values()) clearTimeout(changeTimer);
  }

  #logFailure(error: unknown): void {
    const { log, config } = this.#options;
    const reason = error instanceof Error ? error.message : String(error);
    log.debug("A catalog cannot be read", { server: config.name, reason });
  }

  #catalogFor(capabilitiesKey: string): KnownCatalog {
    let catalog = this.#catalogs.get(capabilitiesKey);
    if (catalog === undefined) {
      catalog = {
        recalling: undefined,
        head: undefined,
        lists: {},
        readAt: 0,
        isRenewing: false,
        changeTimer: undefined,
      };
      this.#catalogs.set(capabilitiesKey, catalog);
      this.#startRecall(capabilitiesKey, catalog);
    }
    return catalog;
  }

  #setHead(capabilitiesKey: string, head: CatalogHead | undefined): undefined {
    this.#heads.set(capabilitiesKey, head);
    if (head !== undefined) this.#setInfo(capabilitiesKey, head);
  }

  #setInfo(capabilitiesKey: string, { info }: CatalogHead): void {
    const { lists } = this.#options;
    // A session knows more.
    if (lists.infoFor(capabilitiesKey) !== undefined) return;
    lists.setInfo(capabilitiesKey, info as unknown as ServerInfo);
  }

  #startRecall(capabilitiesKey: string, catalog: KnownCatalog): void {
    const recalling: Promise<void> = this.#recall(capabilitiesKey, catalog).catch(() => {})
      .then(() => {
        if (catalog.recalling === recalling) catalog.recalling = undefined;
      });
    catalog.recalling = recalling;
  }

  async #recall(capabilitiesKey: string, catalog: KnownCatalog): Promise<void> {
    const { store, config, lists } = this.#options;
    const stored = await store.read(config, capabilitiesKey);
    this.#heads.delete(capabilitiesKey);
    if (stored === undefined) return;
    for (const kind of LIST_KINDS) {
      const recalled = stored.lists[kind];
      const list = recalled && this.#createList(recalled);
      if (list !== undefined) {
        catalog.lists[kind] = await lists.of(kind).adopt(capabilitiesKey, list);
      }
    }
    catalog.head = stored.head;
    this.#setInfo(capabilitiesKey, stored.head);
  }

  /** Returns `undefined` if the list does not fit into the server's memory. */
  #createList({ items, memory: bytes, ...notes }: RecalledList): ItemList | undefined {
    const memory = new ListMemory(this.#options.memory());
    return memory.take(bytes) ? new ItemList(items, { ...notes, memory }) : undefined;
  }

  #renewIfOld(capabilitiesKey: string, capabilities: ClientCapabilities): void {
    const catalog = this.#catalogFor(capabilitiesKey);
    if (catalog.head === undefined || catalog.isRenewing || this.#isClosed) return;
    if (isYounger(catalog.head, RENEWAL_MS)) return;
    const { pool, config } = this.#options;
    // Such a server may not be able to run twice.
    if (config.options.isolation === "shared" && pool.sessions.length > 0) return;
    catalog.isRenewing = true;
    this.#renew(capabilitiesKey, capabilities).then(
      () => catalog.isRenewing = false,
      // It is not tried again: the next call reports the failure.
      (error: unknown) => this.#logFailure(error),
    );
  }

  async #renew(capabilitiesKey: string, capabilities: ClientCapabilities): Promise<void> {
    const { store, config, lists } = this.#options;
    const catalog = this.#catalogFor(capabilitiesKey);
    const head = await store.readHead(config, capabilitiesKey);
    if (head !== undefined && head.readAt !== catalog.head?.readAt) {
      // Another gateway has renewed it.
      for (const kind of LIST_KINDS) {
        lists.of(kind).forget({ session: undefined, capabilitiesKey });
      }
      this.#startRecall(capabilitiesKey, catalog);
    } else await this.learn(capabilities);
  }

  async #readOnce(owner: ReadingOwner): Promise<boolean> {
    const { capabilitiesKey, session } = owner;
    const catalog = this.#catalogFor(capabilitiesKey);
    await catalog.recalling;
    const isRecent = catalog.readAt > 0 && performance.now() - catalog.readAt < READ_PAUSE_MS;
    if (isRecent) return catalog.head !== undefined;
    const { lists, pool } = this.#options;
    const { accepted, differs } = await readLists(owner, { lists, pool, catalog });
    catalog.readAt = performance.now();
    if (differs) {
      await this.#drop(capabilitiesKey, catalog);
      return false;
    }
    if (session.info === undefined || accepted.tools === undefined) return false;
    for (const [kind, list] of Object.entries(accepted)) {
      // The list of an altered session, which is equal to the remembered one, is not shared yet.
      await lists.of(kind as ListKind).adopt(capabilitiesKey, list);
    }
    return await this.#remember(accepted, { capabilitiesKey, catalog, info: session.info });
  }

  /** Forgets an outdated catalog. The lists that replace it are unknown: only an altered session has read newer ones. */
  async #drop(capabilitiesKey: string, catalog: KnownCatalog): Promise<void> {
    const { store, config, lists } = this.#options;
    this.#heads.delete(capabilitiesKey);
    catalog.head = undefined;
    catalog.lists = {};
    lists.forgetChanged({ session: undefined, capabilitiesKey }, LIST_KINDS);
    await store.remove(config, capabilitiesKey);
  }

  async #remember(
    accepted: ListsByKind,
    { capabilitiesKey, catalog, info }: {
      readonly capabilitiesKey: string;
      readonly catalog: KnownCatalog;
      readonly info: ServerInfo;
    },
  ): Promise<boolean> {
    const { store, config } = this.#options;
    const { head, lists } = catalog;
    const probedAt = this.#options.probedAt();
    const isEqual = LIST_KINDS.every((kind) => lists[kind] === accepted[kind]) &&
      head?.probedAt === probedAt;
    const isFresh = head !== undefined && isYounger(head, REWRITE_MS);
    if (isEqual && isFresh) return true;
    const description = describeServer(info);
    catalog.lists = accepted;
    catalog.head = {
      readAt: Date.now(),
      capabilities: capabilitiesKey,
      ...(probedAt === undefined ? {} : { probedAt }),
      ...(description === undefined ? {} : { description }),
      info: factsOf(info),
    };
    // Pins may change, so the whole lists are remembered.
    const whole = Object.entries(accepted).map(([kind, list]) => [kind, list.whole]);
    await store.write(config, { head: catalog.head, lists: Object.fromEntries(whole) });
    return true;
  }
}

/** Whether a catalog is younger than an age. A time in the future means that the clock was set back since the read. */
function isYounger({ readAt }: Pick<CatalogHead, "readAt">, ms: number): boolean {
  const ageMs = Date.now() - readAt;
  return ageMs >= 0 && ageMs < ms;
}
