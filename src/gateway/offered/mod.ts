/**
 * Tools, resources and prompts of servers as clients see them by their own methods: merged lists, names, changes, and
 * the servers behind them. Makes no decisions of its own, and writes no records. Imports the gateway's tools, `policy`,
 * `downstream`, `jsonrpc` and the leaves.
 *
 * @module
 */
export { auditUri } from "./audit_uri.ts";
export { ClientOffers, type ClientOffersOptions } from "./client_offers.ts";
export { ClientSubscriptions } from "./client_subscriptions.ts";
export type { DirectPage } from "./direct_tools.ts";
export type { SearchContext } from "./find_resource.ts";
export { Links } from "./links.ts";
export { type ChangingList, ListChanges, notifiedList } from "./list_changes.ts";
export { ListReader, type ListReaderOptions, type ServerList } from "./list_reader.ts";
export { offeredName, readOfferedName, type ServerItem } from "./names.ts";
export { findOfferedKinds, NOTHING_OFFERED, type OfferedKinds } from "./offered_kinds.ts";
export type { Target } from "./targeted_request.ts";

/** Loads the operations on resources, prompts and completions, which many clients never request. */
export function loadItemOperations(): Promise<typeof import("./item_operations.ts")> {
  return import("./item_operations.ts");
}

/** Loads the direct tools, which only clients that see tools of servers directly need. */
export function loadDirectTools(): Promise<typeof import("./direct_tools.ts")> {
  return import("./direct_tools.ts");
}
