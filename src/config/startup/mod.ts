/**
 * The part of the configuration that is known before the two files are parsed: the settings, the paths of files and the
 * environment. Separate from `config`, because a relay needs nothing else, and would start more slowly with the schemas.
 *
 * @module
 */
export { DEPTH_VARIABLE, MARK_VARIABLE, MAX_DEPTH, readDepth } from "../depth.ts";
export { type Environment, getHomeFolder, getStateFilePath } from "../environment.ts";
export { getFolderVariable, isSafeVariable } from "../environment.ts";
export { isAbsolutePath, resolvePath } from "../file_path.ts";
export {
  type FolderContext,
  relativeTextsOf,
  usesWorkingFolder,
  variablesOf,
  wordsOf,
} from "../file_scan.ts";
export { type LocatedFile, type LocatedFiles, locateFiles } from "../locate.ts";
export { readServeFlags } from "../serve_flags.ts";
export { readSettings } from "../read_settings.ts";
export { readText, type TextResult } from "../read_text.ts";
export { listSettings, type SettingRow } from "../list_settings.ts";
export type { SettingFlags, Settings } from "../settings.ts";
