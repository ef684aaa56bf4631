/**
 * Tools, resources and prompts of servers as clients see them by their own methods: merged lists, names, changes, and
 * the servers behind them. Makes no decisions of its own, and writes no records. Imports the gateway's tools, `policy`,
 * `downstream`, `jsonrpc` and the leaves.
 *
 * @module
 */
export type { DirectPage } from "./direct_tools.ts";
export { type ChangingList, changingList, ListChanges } from "./list_changes.ts";
export { ListReader, type ListReaderOptions, type ServerList } from "./list_reader.ts";
export { readOfferedName, type ServerItem } from "./names.ts";

/** Loads the direct tools, which only clients that see tools of servers directly need. */
export function loadDirectTools(): Promise<typeof import("./direct_tools.ts")> {
  return import("./direct_tools.ts");
}
