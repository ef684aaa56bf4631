import type { ServerConfig } from "../config/mod.ts";
import type { ClientCapabilities } from "./caller.ts";
import { CatalogRecall, type CatalogRecallOptions } from "./catalog_recall.ts";
import type { ListKind, ServerLists } from "./catalog/mod.ts";
import type { CapabilityKeys } from "./declared_capabilities.ts";
import { describeServer } from "./describe_server.ts";
import type { ServerContext } from "./server_context.ts";
import { NO_OWNER } from "./transports/mod.ts";

/** Creates the recall of a server's catalogs; `undefined` if nothing is remembered. */
export function createCatalogRecall(
  { catalogs: store, memoryOf, log }: Pick<ServerContext, "catalogs" | "memoryOf" | "log">,
  server: Pick<CatalogRecallOptions, "config" | "lists" | "pool" | "probedAt">,
): CatalogRecall | undefined {
  const memory = () => memoryOf?.(server.config.name, NO_OWNER);
  return store && new CatalogRecall({ ...server, store, memory, log });
}

/** The parts of a server that its remembered catalogs are read with. */
export interface RememberedServerOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The server's lists. */
  readonly lists: ServerLists;
  /** Recalls the catalogs; `undefined` if nothing is remembered. */
  readonly catalogs: CatalogRecall | undefined;
  /** Keys of capabilities. */
  readonly capabilityKeys: CapabilityKeys;
}

/** The remembered catalogs of a server. Reading them starts no session. */
export class RememberedServer {
  readonly #options: RememberedServerOptions;

  /**
   * Prepares the catalogs; reads nothing yet.
   *
   * @param options The server.
   */
  constructor(options: RememberedServerOptions) {
    this.#options = options;
  }

  /** Recalls the catalog for a client, without its lists; returns `undefined` once that is done. Never rejects. */
  recall(capabilities: ClientCapabilities): Promise<void> | undefined {
    const { catalogs, capabilityKeys } = this.#options;
    return catalogs?.recallHead(capabilityKeys.of(capabilities));
  }

  /** Returns whether there is a catalog for a client, once it was recalled. */
  has(capabilities: ClientCapabilities): boolean {
    const { catalogs, capabilityKeys } = this.#options;
    return catalogs?.head(capabilityKeys.of(capabilities)) !== undefined;
  }

  /** Returns the description for agents: that of the entry, or else the server's own as far as it is known. */
  describe(capabilities: ClientCapabilities): string | undefined {
    const { config, lists, catalogs, capabilityKeys } = this.#options;
    if (config.description !== undefined) return config.description;
    const capabilitiesKey = capabilityKeys.of(capabilities);
    const info = lists.infoFor(capabilitiesKey);
    return info && (describeServer(info) ?? catalogs?.head(capabilitiesKey)?.description);
  }

  /**
   * Starts the server, and reads the catalogs again.
   *
   * @returns Number of items in each list.
   * @throws {DownstreamError} if the server does not start, or lists no tools.
   */
  async refresh(): Promise<Readonly<Partial<Record<ListKind, number>>>> {
    return await this.#options.catalogs?.refresh() ?? {};
  }
}
