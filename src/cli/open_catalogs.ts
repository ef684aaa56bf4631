import { getCatalogsFolder } from "../config/mod.ts";
import { CatalogStore } from "../downstream/mod.ts";
import type { Log } from "../log.ts";

/**
 * Opens the remembered catalogs of the user.
 *
 * @param serversFile Path of the servers file, for gateways that start fast.
 * @returns `undefined` if the user has no cache folder.
 */
export function openCatalogs(log: Log, serversFile?: string): CatalogStore | undefined {
  const folder = getCatalogsFolder(Deno.env);
  return folder === undefined ? undefined : new CatalogStore(folder, {
    cwd: Deno.cwd(),
    env: Deno.env,
    log,
    ...(serversFile === undefined ? {} : { serversFile }),
  });
}
