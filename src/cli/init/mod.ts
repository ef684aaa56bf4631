/**
 * What `init` is made of: where MCP clients keep their servers, how their entries are taken over,
 * the texts of the gateway's own files, the questions, and the writing that can be undone. Reads and
 * writes files; starts and connects nothing. Imports `config` and what is below it.
 *
 * @module
 */
export { askPlan, askYes } from "./ask.ts";
export type { Questions, Terminal } from "./ask.ts";
export { planChanges } from "./changes.ts";
export type { ChangeOptions } from "./changes.ts";
export { isFromNpx, launchWords, schemaAddress, thisRun } from "./client_entry.ts";
export type { EntryOptions, Running } from "./client_entry.ts";
export { CLIENT_IDS, clientPlaces, isClientId, thisMachine } from "./clients.ts";
export type { ClientId, ClientPlace, Machine } from "./clients.ts";
export { thisDisk } from "./disk.ts";
export type { Disk } from "./disk.ts";
export { findServers, showPath } from "./find_servers.ts";
export type { ClientFile, FindOptions, Found, FoundServer } from "./find_servers.ts";
export type { ImportedEntry, Json, JsonPath, JsonRecord } from "./import_entry.ts";
export type { ChangedFile, ChangedValue } from "./journal.ts";
export { mergeServers } from "./merge_servers.ts";
export type { NamedServer, ServerVersion } from "./merge_servers.ts";
export { ownFiles, readOwn } from "./own_files.ts";
export type { OwnFiles } from "./own_files.ts";
export { FIRST_AGENT, offerServers, planAll } from "./plan_all.ts";
export type { Access, AgentPlan, ClientPlan, Plan } from "./plan.ts";
export { pasteText, plainSecrets } from "./report.ts";
export { applyUndo, planUndo } from "./undo.ts";
export type { Undo, UndoStep } from "./undo.ts";
export { writeFiles } from "./write_files.ts";
export type { Change, WrittenFile } from "./write_files.ts";
