import type { Configuration } from "../config/mod.ts";
import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { formatPath } from "../json.ts";
import { describeItems, selectListedItems } from "./pinned_items.ts";
import type { RememberedCatalogs } from "./remembered_catalogs.ts";

/**
 * Warns of the remembered items of servers: those that pins hold back, and those that may hide something. Starts
 * nothing.
 *
 * @param options `file`: the name of the servers file.
 */
export async function warnItems(
  { servers, pins }: Configuration,
  { catalogs, file }: { readonly catalogs: RememberedCatalogs; readonly file: string },
): Promise<ConfigProblem[]> {
  const warnings: ConfigProblem[] = [];
  for (const server of servers.keys()) {
    const lists = Object.entries(await catalogs.listsOf(server))
      .map(([kind, items]) => [kind, [...items.values()]]);
    const items = selectListedItems(Object.fromEntries(lists));
    const pinned = pins?.get(server);
    for (const text of await describeItems(items, { server, pinned })) {
      const path = formatPath(["mcpServers", server]);
      warnings.push(problemWithoutPosition(text, { file, path }));
    }
  }
  return warnings;
}
