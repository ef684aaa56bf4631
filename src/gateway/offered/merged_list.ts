import type { Item, ItemList } from "../../downstream/mod.ts";

/** Maximum number of items of a page. */
const PAGE_SIZE = 500;

/** Maximum length of the definitions of a page, in UTF-16 code units; a longer one has a page of its own. */
const MAX_PAGE_LENGTH = 4 * 1024 * 1024;

/** A list of a server, as a part of a merged list. */
export interface ListPart {
  /** The name of the server. */
  readonly server: string;
  /** Index of the server in the servers file. */
  readonly serverIndex: number;
  /** The list. */
  readonly list: Pick<ItemList, "items" | "get">;
}

/** An item of a merged list. */
export interface OfferedItem {
  /** The name of the server that listed it first. */
  readonly server: string;
  /** The item. */
  readonly item: Item;
}

/** The last item of a page, after which the next page begins. The indexes count if the item or the server is gone. */
export interface ListPosition {
  /** The name of the server. */
  readonly server: string;
  /** Index of the server in the servers file. */
  readonly serverIndex: number;
  /** The name of the item at its server. */
  readonly item: string;
  /** Index of the item in the list of its server. */
  readonly itemIndex: number;
}

/** A page of a merged list. */
export interface ListPage {
  /** The items. */
  readonly items: readonly OfferedItem[];
  /** The position of the next page; `undefined` on the last page. */
  readonly next: ListPosition | undefined;
}

/** Options of reading a page. */
export interface PageOptions {
  /** The end of the page before; `undefined` for the first page. */
  readonly after: ListPosition | undefined;
  /** Whether the agent may see an item of a server. */
  readonly allows: (server: string, item: Item) => boolean;
  /** Whether items with the same name are one item, which only the first server offers. */
  readonly mergesNames: boolean;
  /** Runs a step of the work on an item. */
  readonly runStep: <T>(step: () => T) => T | Promise<T>;
}

/**
 * Reads a page of the merged list: the items of the servers in the order of the servers file, without those that the
 * agent may not see.
 *
 * @param parts The lists, in the order of the servers file.
 */
export async function readPage(
  parts: readonly ListPart[],
  { after, allows, mergesNames, runStep }: PageOptions,
): Promise<ListPage> {
  const items: OfferedItem[] = [];
  let length = 0;
  let lastPosition: ListPosition | undefined;
  for (const [partIndex, { server, serverIndex, list }] of parts.entries()) {
    const earlierParts = mergesNames ? parts.slice(0, partIndex) : [];
    const isOffered = (item: Item): boolean =>
      allows(server, item) && !earlierParts.some((earlier) => {
        const sameItem = earlier.list.get(item.name);
        return sameItem !== undefined && allows(earlier.server, sameItem);
      });
    for (
      let itemIndex = startOf(parts, partIndex, after);
      itemIndex < list.items.length;
      itemIndex++
    ) {
      const item = list.items[itemIndex];
      if (item === undefined || !await runStep(() => isOffered(item))) continue;
      length += item.text.json.length;
      const isFull = items.length === PAGE_SIZE || (length > MAX_PAGE_LENGTH && items.length > 0);
      if (isFull) return { items, next: lastPosition };
      items.push({ server, item });
      lastPosition = { server, serverIndex, item: item.name, itemIndex };
    }
  }
  return { items, next: undefined };
}

/** Returns the index of the first item of a list that belongs to the page, or to one after it. */
function startOf(
  parts: readonly ListPart[],
  partIndex: number,
  after: ListPosition | undefined,
): number {
  const part = parts[partIndex];
  if (after === undefined || part === undefined) return 0;
  const lastPart = parts.findIndex(({ server }) => server === after.server);
  if (lastPart < 0) return part.serverIndex < after.serverIndex ? Infinity : 0;
  if (partIndex !== lastPart) return partIndex < lastPart ? Infinity : 0;
  const { items } = part.list;
  const isUnchanged = items[after.itemIndex]?.name === after.item;
  const itemIndex = isUnchanged
    ? after.itemIndex
    : items.findIndex(({ name }) => name === after.item);
  // If the item is gone, the one after it now has its index.
  return itemIndex < 0 ? after.itemIndex : itemIndex + 1;
}
