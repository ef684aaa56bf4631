import type { Settings } from "../config/mod.ts";
import type { CatalogStore, ClientConnection } from "../downstream/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { Snapshot } from "./snapshot.ts";

/** Options of starting servers in advance. */
export interface WarmOptions extends Pick<Settings, "initStrategy"> {
  /** The client for which the servers start; `undefined` if they start for all clients. */
  readonly connection: ClientConnection | undefined;
  /** The previous snapshot, if any; its servers have been started before. */
  readonly previous: Snapshot | undefined;
  /** Remembers what servers offer. */
  readonly catalogs: CatalogStore | undefined;
}

/**
 * Starts the servers, so that the first call need not wait for its server. With the strategy `auto`, only the servers
 * whose catalogs are not remembered. Resolves when each server has answered or failed.
 */
export async function warmServers(
  { servers }: Snapshot,
  { connection, previous, initStrategy, catalogs }: WarmOptions,
): Promise<void> {
  if (initStrategy === "lazy") return;
  const learns = initStrategy === "auto";
  const warming: Promise<void>[] = [];
  for (const [name, server] of servers) {
    // The own server needs no start.
    if (name === OWN_SERVER || previous?.servers.get(name) === server) continue;
    if (learns) {
      const capabilities = connection?.capabilities ?? {};
      await server.remembered.recallHead(capabilities);
      if (server.remembered.has(capabilities)) continue;
    }
    warming.push(server.warm(connection, { learns }));
    // Starting a process blocks for milliseconds, so other work runs between two starts.
    await new Promise((resolve) => setTimeout(resolve));
  }
  await Promise.all(warming);
  await catalogs?.writeIndex();
}
