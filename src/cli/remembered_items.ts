import type { ServerConfig } from "../config/mod.ts";
import { type CatalogStore, type Item, LIST_KINDS, type ListKind } from "../downstream/mod.ts";

/** The lists that are remembered of a server; empty if nothing is. */
export type RememberedItems = Readonly<Partial<Record<ListKind, readonly Item[]>>>;

/**
 * Reads what is remembered of a server, for clients of any capabilities: an item that one of them was shown is in the
 * list. Starts nothing.
 *
 * @param catalogs The remembered catalogs; `undefined` if the user has no folder for them.
 */
export async function readRememberedItems(
  config: ServerConfig,
  catalogs: CatalogStore | undefined,
): Promise<RememberedItems> {
  const found = new Map<ListKind, Map<string, Item>>();
  for (const capabilities of await catalogs?.listCapabilities(config) ?? []) {
    const catalog = await catalogs?.read(config, capabilities);
    for (const kind of LIST_KINDS) {
      const items = catalog?.lists[kind]?.items;
      if (items === undefined) continue;
      const byName = found.get(kind) ?? new Map<string, Item>();
      for (const item of items) byName.set(item.name, item);
      found.set(kind, byName);
    }
  }
  return Object.fromEntries([...found].map(([kind, items]) => [kind, [...items.values()]]));
}
