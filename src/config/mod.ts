/**
 * The two configuration files and the settings: find, read, check, expand. All errors of both files
 * are reported at once, each with its position. May read files; must not start, connect or log
 * anything. Imports the leaves.
 *
 * @module
 */
export type { ConfigProblem } from "../errors.ts";
export type { Configuration } from "./configuration.ts";
export { getHttpConfig, getStdioConfig, listConnectionSecrets } from "./connection_config.ts";
export type {
  ConnectionConfig,
  HttpConfig,
  MemoryConfig,
  StdioConfig,
} from "./connection_config.ts";
export { createFileSchema } from "./file_schema.ts";
export type { JsonSchema } from "./json_schema.ts";
export { DEPTH_VARIABLE, MARK_VARIABLE, MAX_DEPTH, readDepth } from "./depth.ts";
export {
  abbreviateHome,
  createChildEnvironment,
  expandHome,
  getFolderVariable,
  getHomeFolder,
  readVariable,
} from "./environment.ts";
export {
  getApprovalsFolder,
  getCatalogsFolder,
  getOAuthFolder,
  getResultsFolder,
  getStateFilePath,
  listSafeVariables,
} from "./environment.ts";
export { findExposure, hasCredentials } from "./exposure.ts";
export type { ChildVariables, Environment, PlatformOptions } from "./environment.ts";
export { folderOf, isAbsolutePath, isWithin, nameOf, resolvePath } from "./file_path.ts";
export { locateLockFile, MAX_LOCK_FILE_BYTES, readLockText } from "./lock_file.ts";
export { checkConfiguration } from "./load.ts";
export type { CheckResult, LoadOptions } from "./load.ts";
export type { FileSettings } from "./sandbox_paths.ts";
export { describeFileChoices, locateFiles } from "./locate.ts";
export type { LocatedFile, LocatedFiles, LocateOptions } from "./locate.ts";
export { readGatewayRun, thisProgram } from "./program.ts";
export type { CommandContext, GatewayRun, Program } from "./program.ts";
export { downloadsProgram, packageName, programName, programOf } from "./server_program.ts";
export { readContainerRun, readPackageRun } from "./server_program.ts";
export type { ContainerRun, PackageRun, ServerProgram } from "./server_program.ts";
export { parseServers } from "./parse_servers.ts";
export { readText } from "./read_text.ts";
export type { TextResult } from "./read_text.ts";
export { readInstant } from "./instant.ts";
export { EFFECTS } from "./rules.ts";
export type {
  AgentRules,
  ApprovalTimes,
  EntryLists,
  JwtOptions,
  Limits,
  Rules,
  TokenHash,
} from "./rules.ts";
export type {
  ForwardedRequest,
  Isolation,
  OAuthOptions,
  ProtocolChoice,
  PublicServerInfo,
  ServerConfig,
  ServerOptions,
} from "./server.ts";
export {
  ENABLING_KEYS,
  findDisablingKey,
  listKeyAliases,
  OTHER_SERVERS_KEYS,
} from "./other_clients.ts";
export { suggestCorrection } from "./name_hint.ts";
export { warnUnknownVariables } from "./unknown_variables.ts";
export { FileWatch, type WatchOptions } from "./watch.ts";
export {
  describeMistrust,
  getTrustFilePath,
  hashText,
  needsTrust,
  readTrustedHashes,
  trustFileFor,
} from "./trust.ts";
export { addOwnServer, listLimitedServers, usesOwnServer } from "./own_server_use.ts";
export { isHttpUrl } from "./check_entries.ts";
export { readServeFlags } from "./serve_flags.ts";
export { readSettings } from "./read_settings.ts";
export { listSettings, type SettingRow } from "./list_settings.ts";
export type { SettingFlags, Settings } from "./settings.ts";
