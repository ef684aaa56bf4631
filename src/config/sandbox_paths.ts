import { realPathOf } from "../file_identity.ts";
import { getStdioConfig } from "./connection_config.ts";
import {
  type Environment,
  getCatalogsFolder,
  getHomeFolder,
  getOAuthFolder,
  getStateFilePath,
} from "./environment.ts";
import { folderOf, isAbsolutePath, isWithin, resolvePath } from "./file_path.ts";
import type { LocatedFiles } from "./locate.ts";
import { locateLockFile } from "./lock_file.ts";
import { listPathSteps } from "./path_steps.ts";
import type { ServerConfig } from "./server.ts";
import type { Settings } from "./settings.ts";

/** The settings that name files of the gateway. */
export type FileSettings = Pick<Settings, "auditLog" | "tlsCert" | "tlsKey">;

/** The context in which the gateway's files are listed. */
export interface PrivatePathOptions {
  readonly settings: FileSettings | undefined;
  readonly env: Environment;
  readonly cwd: string;
  readonly windows: boolean;
}

/** Lists the files and folders of this gateway that no server in a sandbox may read or change. */
export function listPrivatePaths(
  files: LocatedFiles,
  { settings, env, cwd, windows }: PrivatePathOptions,
): string[] {
  const home = getHomeFolder(env, { windows });
  const logins = getOAuthFolder(env, { windows });
  const paths = [
    ...[files.mcpConfig.path, files.rules.path, locateLockFile(files.rules).path],
    ...[settings?.auditLog, settings?.tlsCert, settings?.tlsKey],
    folderOf(resolvePath(cwd, getStateFilePath(env, "audit.jsonl", { windows }))),
    home === undefined ? undefined : `${home}/.config/agent-mcp-gateway`,
    logins,
    getCatalogsFolder(env, { windows }),
  ];
  return paths.flatMap((path) => path === undefined ? [] : [resolvePath(cwd, path)]);
}

/** Lists the gateway's own programs: Deno or the compiled executable, and the bundle or the folder of the source. */
export function listOwnPrograms(): string[] {
  const url = URL.parse(Deno.mainModule);
  const main = url?.protocol === "file:" ? decodeURIComponent(url.pathname) : "";
  return [Deno.execPath(), main.endsWith(".ts") ? folderOf(main) : main].filter(isAbsolutePath);
}

/**
 * Returns the first of the paths that a server could change if it may write a folder:
 *
 * - The path without links is in the folder.
 * - A link or a folder on the way to the path is in the folder.
 * - The folder itself is on the way to the path.
 *
 * @param folder An absolute path without links.
 */
export function findWritablePath(paths: readonly string[], folder: string): string | undefined {
  return paths.find((path) =>
    isWithin(folder, realPathOf(path)) ||
    listPathSteps(path).some((step) => isWithin(step.path, folder))
  );
}

/** A path that a server uses, and the folder in which another server could replace it by a link. */
export interface ReplaceablePath {
  readonly path: string;
  readonly folder: string;
}

/**
 * Returns the first of the paths that leads through one of the folders. A server that can write the folder could
 * replace the path.
 *
 * @param folders Absolute paths without links.
 */
export function findReplaceablePath(
  paths: readonly string[],
  folders: ReadonlySet<string>,
): ReplaceablePath | undefined {
  for (const path of paths) {
    const folder = listPathSteps(path).slice(1).map((step) => folderOf(step.path))
      .find((parent) => folders.has(parent));
    if (folder !== undefined) return { path, folder };
  }
  return undefined;
}

/** Returns the folder that a server in a sandbox can write, without links; `undefined` if there is none. */
export function getSandboxFolder(
  { connection, options }: Pick<ServerConfig, "connection" | "options">,
  cwd: string,
): string | undefined {
  const folder = getStdioConfig(connection)?.cwd;
  return folder === undefined || options.sandbox === undefined
    ? undefined
    : realPathOf(resolvePath(cwd, folder));
}
