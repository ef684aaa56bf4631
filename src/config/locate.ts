import { resolvePath } from "./file_path.ts";

/** One of the two files, and how it was found. */
export interface FoundFile {
  /** Absolute path; the path to create if the file is `missing`. */
  readonly path: string;
  /** The path as the operator knows it, for messages. */
  readonly shown: string;
  /** `given` by flag or variable, found in the user's `home` or the working `folder`, or `missing`. */
  readonly origin: "given" | "home" | "folder" | "missing";
  /** The default paths that were searched, in order. */
  readonly looked: readonly string[];
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
  /** Whether a path exists and is not a folder; default: asks the disk. */
  readonly exists?: (path: string) => boolean;
}

/**
 * Finds the two files: as named, else in `~/.config/agent-mcp-gateway`, `.` and `./config`.
 * Never throws: `checkConfiguration` reports a missing file together with the errors of the other.
 *
 * @param named The paths that flags or variables name, `~` expanded.
 */
export function locateFiles(
  named: { readonly mcpConfig?: string | undefined; readonly rules?: string | undefined },
  options: LocateOptions,
): FoundFiles {
  return {
    mcpConfig: locate(".mcp.json", named.mcpConfig, options),
    rules: locate(".mcp-gateway-rules.json", named.rules, options),
  };
}

function locate(
  name: string,
  given: string | undefined,
  { home, cwd, exists = isThere }: LocateOptions,
): FoundFile {
  // The user's own folder comes first: opening a stranger's repository must not start its
  // commands or replace the rules.
  const candidates = [name, `config/${name}`].map((shown) => ({
    path: resolvePath(cwd, shown),
    shown,
    origin: "folder" as FoundFile["origin"],
  }));
  if (home !== undefined) {
    const path = resolvePath(home, ".config", "agent-mcp-gateway", name);
    candidates.unshift({ path, shown: path, origin: "home" });
  }
  const looked = [...new Set(candidates.map((candidate) => candidate.path))];
  if (given !== undefined) {
    return { path: resolvePath(cwd, given), shown: given, origin: "given", looked };
  }
  const found = candidates.find((candidate) => exists(candidate.path));
  return { path: looked[0] ?? name, shown: name, origin: "missing", ...found, looked };
}

/**
 * Returns log lines about files that were ignored and files used from the working folder. Reads the
 * disk, so it is best called after the start.
 *
 * @param exists Whether a path exists and is not a folder; default: asks the disk.
 */
export function noteFinds(
  files: FoundFiles,
  exists: (path: string) => boolean = isThere,
): string[] {
  return [files.mcpConfig, files.rules].flatMap(({ path, origin, looked }) => [
    ...(origin === "folder" ? [`using ${path}, found in the working folder`] : []),
    ...looked.filter((other) => other !== path && exists(other))
      .map((other) => `ignoring ${other}, because ${path} is used`),
  ]);
}

function isThere(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    // Any other error, such as a missing permission, is reported when the file is read.
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}
