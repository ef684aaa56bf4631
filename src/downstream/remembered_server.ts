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

/** The parts of a server that are needed to read its remembered catalogs. */
export interface RememberedServerOptions {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The server's lists. */
  readonly lists: ServerLists;
  /** Recalls the catalogs; `undefined` if nothing is remembered. */
  readonly recall: CatalogRecall | undefined;
  /** Keys of capabilities. */
  readonly capabilityKeys: CapabilityKeys;
}

/** A server as its remembered catalogs show it. Reading them starts no session. */
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

  /**
   * Recalls the catalog for a client, without its lists. Never rejects.
   *
   * @returns A promise to wait for; `undefined` if there is nothing to wait for.
   */
  recallHead(capabilities: ClientCapabilities): Promise<void> | undefined {
    const { recall, capabilityKeys } = this.#options;
    return recall?.recallHead(capabilityKeys.of(capabilities));
  }

  /** Returns whether there is a catalog for a client, once it was recalled. */
  has(capabilities: ClientCapabilities): boolean {
    const { recall, capabilityKeys } = this.#options;
    return recall?.head(capabilityKeys.of(capabilities)) !== undefined;
  }

  /** Returns the description for agents: that of the entry, or else the server's own as far as it is known. */
  describe(capabilities: ClientCapabilities): string | undefined {
    const { config, lists, recall, capabilityKeys } = this.#options;
    if (config.description !== undefined) return config.description;
    const capabilitiesKey = capabilityKeys.of(capabilities);
    const info = lists.infoFor(capabilitiesKey);
    return info && (describeServer(info) ?? recall?.head(capabilitiesKey)?.description);
  }

  /**
   * Starts the server, and reads the catalogs again.
   *
   * @returns Number of items in each list.
   * @throws {DownstreamError} if the server does not start, or lists no tools.
   */
  async refresh(): Promise<Readonly<Partial<Record<ListKind, number>>>> {
    return await this.#options.recall?.refresh() ?? {};
  }
}
