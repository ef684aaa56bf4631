import { resolvePath } from "./file_path.ts";

/** One of the two files, and how it was found. */
export interface FoundFile {
  /** Absolute path; the path to create if the file is `missing`. */
  readonly path: string;
  /** The path as the operator knows it, for messages. */
  readonly displayPath: string;
  /**
   * `given`: named by a flag or variable. `home`: found in the user's home folder. `folder`: found
   * in the working folder. `missing`: not found.
   */
  readonly origin: "given" | "home" | "folder" | "missing";
  /** The default paths that were searched, in order. */
  readonly searchedPaths: readonly string[];
}

/** Both files. */
export interface FoundFiles {
  /** The servers file. */
  readonly mcpConfig: FoundFile;
  /** The rules file. */
  readonly rules: FoundFile;
}

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
 * Finds the two files: at the given paths, otherwise in `~/.config/agent-mcp-gateway`, `.` and
 * `./config`. Never throws: `checkConfiguration` reports a missing file with the errors of the
 * other one.
 *
 * @param given The paths from flags or variables, `~` expanded.
 */
export function locateFiles(
  given: { readonly mcpConfig?: string | undefined; readonly rules?: string | undefined },
  options: LocateOptions,
): FoundFiles {
  return {
    mcpConfig: locateFile(".mcp.json", given.mcpConfig, options),
    rules: locateFile(".mcp-gateway-rules.json", given.rules, options),
  };
}

function locateFile(
  name: string,
  given: string | undefined,
  { home, cwd, exists = existsAsFile }: LocateOptions,
): FoundFile {
  // The user's folder is first, so that the gateway does not start commands from a repository of
  // someone else that happens to be the working folder, or use its rules.
  const candidates = [name, `config/${name}`].map((displayPath) => ({
    path: resolvePath(cwd, displayPath),
    displayPath,
    origin: "folder" as FoundFile["origin"],
  }));
  if (home !== undefined) {
    const path = resolvePath(home, ".config", "agent-mcp-gateway", name);
    candidates.unshift({ path, displayPath: path, origin: "home" });
  }
  const searchedPaths = [...new Set(candidates.map((candidate) => candidate.path))];
  if (given !== undefined) {
    return { path: resolvePath(cwd, given), displayPath: given, origin: "given", searchedPaths };
  }
  const found = candidates.find((candidate) => exists(candidate.path));
  return {
    path: searchedPaths[0] ?? name,
    displayPath: name,
    origin: "missing",
    ...found,
    searchedPaths,
  };
}

/**
 * Describes which files are used from the working folder and which files are ignored, as lines for
 * the log. Accesses the file system.
 *
 * @param exists Whether a path exists and is not a folder; default: checks the file system.
 */
export function describeFileChoices(
  files: FoundFiles,
  exists: (path: string) => boolean = existsAsFile,
): string[] {
  return [files.mcpConfig, files.rules].flatMap(({ path, origin, searchedPaths }) => [
    ...(origin === "folder" ? [`using ${path}, found in the working folder`] : []),
    ...searchedPaths.filter((other) => other !== path && exists(other))
      .map((other) => `ignoring ${other}, because ${path} is used`),
  ]);
}

function existsAsFile(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    // Any other error, such as a missing permission, is reported when the file is read.
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}
