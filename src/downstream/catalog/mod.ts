/**
 * The catalog of a server: its lists of tools, resources, URI templates and prompts. Fetches them page by page, decides
 * which sessions share a list, and counts their memory. Knows no revision, and starts no session. Imports `revisions`, `jsonrpc` and the leaves.
 *
 * @module
 */

export { fetchList, type FetchListOptions, ListTimeout } from "./fetch_list.ts";
export {
  isReadOnly,
  type Item,
  ItemList,
  LIST_KINDS,
  type ListKind,
  type ListNotes,
  type Tool,
} from "./item_list.ts";
export { ListCache, type ListingSession, type ListOwner } from "./list_cache.ts";
export { ListMemory } from "./list_memory.ts";
export { ServerLists } from "./server_lists.ts";
