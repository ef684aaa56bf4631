/**
 * The catalogs that are remembered in files: format, names, folder. Knows no session and starts nothing. Imports
 * `catalog`, `config`, `jsonrpc` and the leaves.
 *
 * @module
 */

export type {
  CatalogHead,
  RecalledList,
  RecalledLists,
  RememberedInfo,
  RememberedList,
  RememberedLists,
} from "./catalog_file.ts";
export { CatalogStore, type NewCatalog, type RememberedCatalog } from "./catalog_store.ts";
export type { EntryContext } from "./catalog_names.ts";
