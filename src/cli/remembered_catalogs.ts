import type { Configuration, ServerConfig } from "../config/mod.ts";
import { type CatalogStore, type Item, LIST_KINDS, type ListKind } from "../downstream/mod.ts";
import type { ListedTool } from "../policy/mod.ts";

/** The lists that are remembered of a server, by name of the item; those that are not known are absent. */
export type KnownLists = Readonly<Partial<Record<ListKind, ReadonlyMap<string, Item>>>>;

/** The lists of servers, as far as they are known without starting a server. Each is read once. */
export class RememberedCatalogs {
  readonly #servers: Configuration["servers"];
  readonly #catalogs: CatalogStore | undefined;
  readonly #lists = new Map<string, Promise<KnownLists>>();

  /** @param catalogs The remembered catalogs; `undefined` if the user has no folder for them. */
  constructor({ servers }: Pick<Configuration, "servers">, catalogs: CatalogStore | undefined) {
    this.#servers = servers;
    this.#catalogs = catalogs;
  }

  /** Returns the lists of a server; none if it is not configured. */
  listsOf(server: string): Promise<KnownLists> {
    const config = this.#servers.get(server);
    if (config === undefined) return Promise.resolve({});
    let lists = this.#lists.get(server);
    if (lists === undefined) this.#lists.set(server, lists = readLists(config, this.#catalogs));
    return lists;
  }

  /** Returns a tool as its server listed it; `undefined` if no list is remembered, or if the tool is not in it. */
  async findTool(server: string, tool: string): Promise<ListedTool | undefined> {
    return (await this.listsOf(server)).tools?.get(tool)?.definition;
  }
}

/** Joins the lists that clients with different capabilities were shown. */
async function readLists(
  config: ServerConfig,
  catalogs: CatalogStore | undefined,
): Promise<KnownLists> {
  const itemsByKind = new Map<ListKind, Map<string, Item>>();
  for (const capabilities of await catalogs?.listCapabilities(config) ?? []) {
    const catalog = await catalogs?.read(config, capabilities);
    for (const kind of LIST_KINDS) {
      const items = catalog?.lists[kind]?.items;
      if (items === undefined) continue;
      const byName = itemsByKind.get(kind) ?? new Map<string, Item>();
      for (const item of items) byName.set(item.name, item);
      itemsByKind.set(kind, byName);
    }
  }
  return Object.fromEntries(itemsByKind);
}
