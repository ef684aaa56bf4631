import { type ConfigProblem, getCatalogsFolder } from "../config/mod.ts";
import { CatalogStore } from "../downstream/mod.ts";
import { problemWithoutPosition } from "../errors.ts";
import { formatPath } from "../json.ts";
import { createLog } from "../log.ts";
import type { CheckedConfiguration, OpenContext } from "./open_configuration.ts";
import { describeItems, selectListedItems } from "./pinned_items.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";

/**
 * Warns of the remembered items of servers: those that pins hold back, and those that may hide something. Starts
 * nothing.
 */
export async function warnItems(
  { configuration, files }: Pick<CheckedConfiguration, "configuration" | "files">,
  { env, cwd }: OpenContext,
): Promise<ConfigProblem[]> {
  const folder = getCatalogsFolder(env);
  if (configuration === undefined || folder === undefined) return [];
  const store = new CatalogStore(folder, { cwd, env, log: createLog({ level: "error" }) });
  const catalogs = new RememberedCatalogs(configuration, store);
  const warnings: ConfigProblem[] = [];
  for (const server of configuration.servers.keys()) {
    const lists = Object.entries(await catalogs.listsOf(server))
      .map(([kind, items]) => [kind, [...items.values()]]);
    const items = selectListedItems(Object.fromEntries(lists));
    const pinned = configuration.pins?.get(server);
    for (const text of await describeItems(items, { server, pinned })) {
      const path = formatPath(["mcpServers", server]);
      warnings.push(problemWithoutPosition(text, { file: files.mcpConfig.displayPath, path }));
    }
  }
  return warnings;
}
