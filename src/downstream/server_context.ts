import type { Budget } from "../budget.ts";
import type { ServerConfig } from "../config/mod.ts";
import type { Log } from "../log.ts";
import type { ServerAuth } from "./authorization.ts";
import type { ListKind } from "./catalog/mod.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { CatalogStore } from "./remembered/mod.ts";
import type { ResourceUpdate } from "./revisions/mod.ts";
import type { ProcessOwner, Transport, TransportContext } from "./transports/mod.ts";

/** Options of opening a connection. */
export type OpenOptions = Pick<TransportContext, "authorization" | "owner" | "memory">;

/** The context that all servers of a gateway share. */
export interface ServerContext {
  /** The gateway's version, sent to servers. */
  readonly version: string;
  /** Receives the output of servers, and warnings about them. */
  readonly log: Log;
  /** Opens a connection, whose requests `authorization` authorizes; its process belongs to `owner`. */
  readonly open: (config: ServerConfig, options: OpenOptions) => Promise<Transport>;
  /** Returns whether several agents use the gateway; default: no. */
  readonly hasSeveralAgents?: () => boolean;
  /** Creates the authorization of a server, if it needs one. */
  readonly authorize?: (config: ServerConfig, pending: PendingOperations) => ServerAuth | undefined;
  /** Remembers what servers offer; default: nothing is remembered. */
  readonly catalogs?: CatalogStore | undefined;
  /** Returns the memory for the sessions of an owner with a server; default: no limit. */
  readonly memoryOf?: (server: string, owner: ProcessOwner) => Budget;
  /**
   * Called when a list of a server has changed, or may have.
   *
   * @param server The server's name.
   * @param kind The list.
   * @param connectionId Id of the only connection whose list has changed; `undefined` for all.
   */
  readonly onListChanged?: (
    server: string,
    kind: ListKind,
    connectionId: string | undefined,
  ) => void;
  /**
   * Called when a resource was updated to which clients have subscribed.
   *
   * @param server The server's name.
   * @param update The update, of the resource or of a part of it.
   * @param connectionIds Ids of the connections that have subscribed.
   */
  readonly onResourceUpdated?: (
    server: string,
    update: ResourceUpdate,
    connectionIds: readonly string[],
  ) => void;
  /** Clock for the pauses of the circuit breaker, in milliseconds; default `performance.now`. */
  readonly now?: () => number;
  /** Time for a server to answer a ping, in milliseconds; default 5000. */
  readonly pingMs?: number;
}
