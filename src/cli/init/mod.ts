/**
 * The parts of `init`: the files of MCP clients, the translation of their entries, the texts of the
 * gateway's own files, the questions, and the writing that can be undone. Reads and writes files;
 * starts and connects nothing. Imports `config` and what is below it.
 *
 * @module
 */
export { askPlan } from "./ask.ts";
export type { Questions } from "./ask.ts";
export { askYes } from "./prompter.ts";
export type { Terminal } from "./prompter.ts";
export { planChanges } from "./changes.ts";
export type { ChangeOptions } from "./changes.ts";
export type { Language } from "./client_document.ts";
export { isFromNpx, launchWords, schemaAddress, thisRun } from "./client_entry.ts";
export type { EntryOptions, Running } from "./client_entry.ts";
export { CLIENT_IDS, clientPlaces, clientTitle, isClientId, thisMachine } from "./clients.ts";
export type { ClientId, ClientPlace, Machine } from "./clients.ts";
export { thisDisk } from "./disk.ts";
export type { Disk } from "./disk.ts";
export { findServers, showPath } from "./find_servers.ts";
export type { ClientFile, FindOptions, FoundServer, FoundServers } from "./find_servers.ts";
export type { ImportedEntry, Json, JsonPath, JsonRecord } from "./import_entry.ts";
export type { ChangedFile, ChangedValue } from "./journal.ts";
export { mergeServers } from "./merge_servers.ts";
export type { OfferedServer } from "./merge_servers.ts";
export { ownFiles, readOwn } from "./own_files.ts";
export type { Kept, OwnFiles } from "./own_files.ts";
export { agentFor } from "./plan.ts";
export type { AgentPlan, ClientPlan, Plan, PlannedServer } from "./plan.ts";
export { FIRST_AGENT, planAll } from "./plan_all.ts";
export { pasteText } from "./report.ts";
export { findClearTextSecrets } from "./clear_text_secrets.ts";
export { serversText } from "./servers_text.ts";
export type { TextOptions } from "./servers_text.ts";
export { nextText, writtenText } from "./summary.ts";
export type { SummaryOptions } from "./summary.ts";
export { backupPath, stampOf } from "./file_state.ts";
export type { Inspected, InspectedServer, InspectedTool } from "./allowed_tools.ts";
export { applyUndo, planUndo } from "./undo.ts";
export type { Undo, UndoStep } from "./undo.ts";
export { writeFiles } from "./write_files.ts";
export type { Change, WrittenFile } from "./write_files.ts";
