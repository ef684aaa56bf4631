import { getCatalogsFolder } from "../config/mod.ts";
import { CatalogStore } from "../downstream/mod.ts";
import type { Log } from "../log.ts";
import type { OpenContext } from "./open_configuration.ts";

/**
 * Opens the remembered catalogs of the user.
 *
 * @param options `serversFile`: path of the servers file; if it is set, an index is kept that makes the next start of a
 * gateway with this file fast. `env` and `cwd`: by default those of this process.
 * @returns `undefined` if the user has no cache folder.
 */
export function openCatalogs(
  log: Log,
  { serversFile, env = Deno.env, cwd = Deno.cwd() }: Partial<OpenContext> & {
    readonly serversFile?: string;
  } = {},
): CatalogStore | undefined {
  const folder = getCatalogsFolder(env);
  return folder === undefined ? undefined : new CatalogStore(folder, {
    cwd,
    env,
    log,
    ...(serversFile === undefined ? {} : { serversFile }),
  });
}
