/**
 * The catalog of a server: its lists of tools, resources, URI templates and prompts. Fetches them page by page, decides
 * which sessions share a list, counts their memory, and holds back the items of a pinned server that nobody has
 * accepted. Starts no session, and knows no method of MCP. Imports `jsonrpc`, `pins`, the leaves, and the types of
 * `revisions`.
 *
 * @module
 */

export { fetchList, type FetchListOptions } from "./fetch_list.ts";
export { createHeldBackError } from "./held_back.ts";
export { ListError, ListTimeout } from "./list_error.ts";
export {
  type HeldBackItems,
  type HeldBackReason,
  isReadOnly,
  type Item,
  ItemList,
  LIST_KINDS,
  LIST_WORDS,
  type ListKind,
  type ListNotes,
  type ListWords,
  MAX_URI_LENGTH,
  type Tool,
} from "./item_list.ts";
export {
  ListCache,
  type ListCacheOptions,
  type ListingSession,
  type ListOwner,
} from "./list_cache.ts";
export { ListMemory } from "./list_memory.ts";
export { declaresList, ServerLists, type ServerListsOptions } from "./server_lists.ts";
