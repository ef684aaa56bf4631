import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { formatPath } from "../json.ts";
import { createLog } from "../log.ts";
import { openCatalogs } from "./open_catalogs.ts";
import type { CheckedConfiguration, OpenContext } from "./open_configuration.ts";
import { describeItems, selectListedItems } from "./pinned_items.ts";
import { RememberedCatalogs } from "./remembered_catalogs.ts";

/**
 * Warns of the remembered items of servers: those that pins hold back, and those that may hide something. Starts
 * nothing.
 */
export async function warnItems(
  { configuration, files }: Pick<CheckedConfiguration, "configuration" | "files">,
  context: OpenContext,
): Promise<ConfigProblem[]> {
  const store = openCatalogs(createLog({ level: "error" }), context);
  if (configuration === undefined || store === undefined) return [];
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
