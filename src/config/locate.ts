import { resolvePath } from "./file_path.ts";

/** One of the two configuration files, and the result of the search for it. */
export interface LocatedFile {
  /** Absolute path; the path to create if the file is `missing`. */
  readonly path: string;
  /** The path as the operator knows it, for messages. */
  readonly displayPath: string;
  /**
   * `setting`: named by a flag or variable. `home`: found in the user's home folder. `missing`: not found.
   */
  readonly origin: "setting" | "home" | "working-folder" | "missing";
  /** The default paths, in the order of the search; they are not searched if a setting names the file. */
  readonly searchedPaths: readonly string[];
  /** The paths in the working folder, if they were not searched because the home folder has a file. */
  readonly ignoredPaths: readonly string[];
}

/** The two configuration files. */
export interface LocatedFiles {
  /** The servers file. */
  readonly mcpConfig: LocatedFile;
  /** The rules file. */
  readonly rules: LocatedFile;
}

const FILE_NAMES: { readonly [K in keyof LocatedFiles]: string } = {
  mcpConfig: ".mcp.json",
  rules: ".mcp-gateway-rules.json",
};

/** The folders to search. */
export interface LocateOptions {
  /** The user's home folder; not searched if undefined. */
  readonly home: string | undefined;
  /** The working folder, absolute. */
  readonly cwd: string;
  /** Whether a path exists and is not a folder; default: checks the file system. */
  readonly exists?: (path: string) => boolean;
}

/**
 * Finds the two files: at the given paths, otherwise both in `~/.config/agent-mcp-gateway` if it has one
 * of them, otherwise in `.` and `./config`. Never throws: `checkConfiguration` reports a missing file
 * with the errors of the other one.
 *
 * @param namedPaths The paths from flags or variables, `~` expanded.
 */
export function locateFiles(
  namedPaths: { readonly mcpConfig?: string | undefined; readonly rules?: string | undefined },
  options: LocateOptions,
): LocatedFiles {
  const { home, exists = existsAsFile } = options;
  const homePaths = home === undefined
    ? []
    : Object.values(FILE_NAMES).map((name) => homePath(home, name));
  // The files of one folder belong together: the user's servers must not run under the rules of a repository from
  // somebody else, and the repository's servers must not start under the user's rules.
  const isSearched = namedPaths.mcpConfig === undefined || namedPaths.rules === undefined;
  const usesHome = isSearched && homePaths.some(exists);
  return {
    mcpConfig: locateFile("mcpConfig", namedPaths.mcpConfig, { ...options, usesHome }),
    rules: locateFile("rules", namedPaths.rules, { ...options, usesHome }),
  };
}

function homePath(home: string, name: string): string {
  return resolvePath(home, ".config", "agent-mcp-gateway", name);
}

function locateFile(
  key: keyof LocatedFiles,
  namedPath: string | undefined,
  { home, cwd, exists = existsAsFile, usesHome }: LocateOptions & { readonly usesHome: boolean },
): LocatedFile {
  const name = FILE_NAMES[key];
  const homePaths = home === undefined ? [] : [homePath(home, name)];
  const relativePaths = [name, `config/${name}`];
  const folderPaths = relativePaths.map((relative) => resolvePath(cwd, relative))
    .filter((path) => !homePaths.includes(path));
  const searchedPaths = usesHome ? homePaths : [...homePaths, ...folderPaths];
  const paths = { searchedPaths, ignoredPaths: usesHome ? folderPaths : [] };
  if (namedPath !== undefined) {
    return {
      path: resolvePath(cwd, namedPath),
      displayPath: namedPath,
      origin: "setting",
      ...paths,
    };
  }
  const path = searchedPaths.find(exists);
  if (path === undefined) {
    return { path: searchedPaths[0] ?? name, displayPath: name, origin: "missing", ...paths };
  }
  if (homePaths.includes(path)) return { path, displayPath: path, origin: "home", ...paths };
  const displayPath = relativePaths.find((relative) => resolvePath(cwd, relative) === path) ?? path;
  return { path, displayPath, origin: "working-folder", ...paths };
}

/**
 * Describes which files are used from the working folder and which files are ignored, as lines for
 * the log. Accesses the file system.
 *
 * @param exists Whether a path exists and is not a folder; default: checks the file system.
 */
export function describeFileChoices(
  files: LocatedFiles,
  exists: (path: string) => boolean = existsAsFile,
): string[] {
  return [files.mcpConfig, files.rules].flatMap(({ path, origin, searchedPaths, ignoredPaths }) => [
    ...(origin === "working-folder" ? [`using ${path}, found in the working folder`] : []),
    ...[...searchedPaths, ...ignoredPaths].filter((candidate) =>
      candidate !== path && exists(candidate)
    )
      .map((candidate) => `ignoring ${candidate}, because ${path} is used`),
  ]);
}

/** Whether a path exists and is not a folder. */
export function existsAsFile(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    // Any other error, such as a missing permission, is reported when the file is read.
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}
