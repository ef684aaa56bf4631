import {
  type Caller,
  type DownstreamServer,
  type ItemList,
  type ListKind,
  LoginNeedsCaller,
} from "../../downstream/mod.ts";
import { DownstreamError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { shortenText } from "../../text.ts";
import { within } from "../../within.ts";

/** Maximum time that answers wait for a list that is not known yet, in milliseconds. */
const MAX_WAIT_MS = 2000;

/** Maximum length of a reason in the log, in UTF-16 code units. */
const MAX_REASON_LENGTH = 300;

/** A list of a server. */
export interface ServerList {
  /** The server. */
  readonly server: DownstreamServer;
  /** Its list. */
  readonly list: ItemList;
}

/** A list that was requested, and has not arrived yet. */
interface PendingList {
  /** The time at which it was requested, on the clock of `performance.now()`. */
  readonly requestedAt: number;
  /** The list; `undefined` if the server failed. */
  readonly outcome: Promise<ItemList | undefined>;
  /** Whether an answer was given without the list. */
  isMissed: boolean;
}

/** Options of a reader. */
export interface ListReaderOptions {
  /** Called when a list has arrived that an earlier answer lacked. */
  readonly onLateList: (kind: ListKind) => void;
  /** Receives the failures of servers. */
  readonly log: Log;
}

/**
 * Reads the lists of servers for one connection. Answers wait for a list that is not known yet only for a short time,
 * counted from the first request for it; the list may arrive later.
 */
export class ListReader {
  readonly #options: ListReaderOptions;
  // By the kind of the list and the agent.
  readonly #pending = new WeakMap<DownstreamServer, Map<string, PendingList>>();
  // The last list of each kind that was known, by the kind and the agent.
  readonly #lastLists = new WeakMap<Pick<DownstreamServer, "knownList">, Map<string, ItemList>>();
  // The last reason that was logged for each server.
  readonly #loggedReasons = new WeakMap<DownstreamServer, string>();
  // The lists that servers failed to send, by the name of the server.
  readonly #failedKinds = new Map<string, Set<ListKind>>();
  readonly #abort = new AbortController();

  /** Creates a reader that has requested nothing. */
  constructor(options: ListReaderOptions) {
    this.#options = options;
  }

  /** Cancels all requests, after the client has left. */
  close(): void {
    this.#abort.abort(new DOMException("The client is gone", "AbortError"));
  }

  /**
   * Reads the same list of several servers at the same time.
   *
   * @param kind The list.
   * @returns The lists that are known in time, in the order of the servers.
   */
  async read(
    kind: ListKind,
    { servers, caller }: {
      readonly servers: readonly DownstreamServer[];
      readonly caller: Caller;
    },
  ): Promise<ServerList[]> {
    const lists = await Promise.all(servers.map((server) => this.#readOne(server, kind, caller)));
    return servers.flatMap((server, index) => {
      const list = lists[index];
      return list === undefined ? [] : [{ server, list }];
    });
  }

  async #readOne(
    server: DownstreamServer,
    kind: ListKind,
    caller: Caller,
  ): Promise<ItemList | undefined> {
    const pendingList = this.#request(server, kind, caller);
    const waitMs = Math.max(0, pendingList.requestedAt + MAX_WAIT_MS - performance.now());
    if (await within(pendingList.outcome, waitMs)) return await pendingList.outcome;
    pendingList.isMissed = true;
    // An older list may be known while a newer one is requested.
    return server.knownList(kind, caller);
  }

  /**
   * Returns the list of a server if it is known, or else the one that was known before: a server that keeps announcing
   * changes, and then lists late, must not delay requests for others.
   */
  lastKnownList(
    server: Pick<DownstreamServer, "knownList">,
    { kind, caller }: { readonly kind: ListKind; readonly caller: Caller },
  ): ItemList | undefined {
    const key = `${kind} ${caller.agent}`;
    const listsByKey = this.#lastLists.get(server) ?? new Map<string, ItemList>();
    const list = server.knownList(kind, caller) ?? listsByKey.get(key);
    if (list === undefined) return undefined;
    this.#lastLists.set(server, listsByKey.set(key, list));
    return list;
  }

  /** Returns the names of the servers whose list was requested, and was never known. A server that failed is not one. */
  pendingServers(
    kind: ListKind,
    { servers, caller }: {
      readonly servers: readonly DownstreamServer[];
      readonly caller: Caller;
    },
  ): string[] {
    return servers.filter((server) => {
      return this.#pending.get(server)?.has(`${kind} ${caller.agent}`) === true &&
        this.lastKnownList(server, { kind, caller }) === undefined;
    }).map(({ config: { name } }) => name);
  }

  /** Announces the lists that a server failed to send, after it has answered something else. */
  announceRecovery(server: string): void {
    const kinds = this.#failedKinds.get(server);
    if (kinds === undefined) return;
    this.#failedKinds.delete(server);
    for (const kind of kinds) this.#options.onLateList(kind);
  }

  /** Requests a list, unless a request for it is pending. */
  #request(server: DownstreamServer, kind: ListKind, caller: Caller): PendingList {
    const key = `${kind} ${caller.agent}`;
    const pendingByKey = this.#pending.get(server) ?? new Map<string, PendingList>();
    this.#pending.set(server, pendingByKey);
    const earlierRequest = pendingByKey.get(key);
    if (earlierRequest !== undefined) return earlierRequest;
    const { signal } = this.#abort;
    const { name } = server.config;
    // A client that lists everything must not make a person log in to each server.
    const listing = server.list(kind, { caller, signal, offersLogin: false });
    const outcome = listing.then((list) => {
      this.#loggedReasons.delete(server);
      pendingByKey.delete(key);
      this.#failedKinds.get(name)?.delete(kind);
      if (pendingList.isMissed) this.#options.onLateList(kind);
      return list;
    }, (error: unknown) => {
      pendingByKey.delete(key);
      this.#failedKinds.set(name, (this.#failedKinds.get(name) ?? new Set()).add(kind));
      this.#logFailure(server, error);
      return undefined;
    });
    const pendingList = { requestedAt: performance.now(), outcome, isMissed: false };
    pendingByKey.set(key, pendingList);
    return pendingList;
  }

  /** Logs a failure of a server, unless it is the same as before. */
  #logFailure(server: DownstreamServer, error: unknown): void {
    if (this.#abort.signal.aborted) return;
    const { log } = this.#options;
    const { name } = server.config;
    const reason = shortenText(
      error instanceof Error ? error.message : String(error),
      MAX_REASON_LENGTH,
    );
    if (this.#loggedReasons.get(server) === reason) return;
    this.#loggedReasons.set(server, reason);
    const needsLogin = error instanceof LoginNeedsCaller ||
      (error instanceof DownstreamError && error.code === "AUTH_REQUIRED");
    const message = "A server is left out of what is offered to a client";
    if (needsLogin) log.info(message, { server: name, reason });
    else log.warn(message, { server: name, reason });
  }
}
