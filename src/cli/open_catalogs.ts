import { getCatalogsFolder } from "../config/mod.ts";
import { CatalogStore } from "../downstream/mod.ts";
import type { Log } from "../log.ts";

/** Opens the remembered catalogs of the user; `undefined` if the user has no cache folder. */
export function openCatalogs(log: Log): CatalogStore | undefined {
  const folder = getCatalogsFolder(Deno.env);
  return folder === undefined
    ? undefined
    : new CatalogStore(folder, { cwd: Deno.cwd(), env: Deno.env, log });
}
