import { resolvePath } from "./file_path.ts";

/** One of the two files, and how it was found. */
export interface FoundFile {
  /** Absolute path; of a `missing` one where it should be made. */
  readonly path: string;
  /** The path as the operator knows it, for messages. */
  readonly shown: string;
  /** `given` by flag or variable, in the user's own `home` folder, in the working `folder`, or nowhere (`missing`). */
  readonly origin: "given" | "home" | "folder" | "missing";
  /** Where was looked, in order. */
  readonly looked: readonly string[];
}

/** Both files. */
export interface FoundFiles {
  /** The servers file. */
  readonly mcpConfig: FoundFile;
  /** The rules file. */
  readonly rules: FoundFile;
}

/** Where to look. */
export interface LocateOptions {
  /** The user's home folder; nothing is looked for there where absent. */
  readonly home: string | undefined;
  /** The working folder, absolute. */
  readonly cwd: string;
  /** Whether a path is there and not a folder; default asks the disk. */
  readonly exists?: (path: string) => boolean;
}

/**
 * Finds the two files: as named, else in `~/.config/agent-mcp-gateway`, `.` and `./config`.
 * Never throws: a missing file is reported by `loadConfiguration`, with all that is wrong in the other.
 *
 * @param named The paths that flags or variables name, `~` expanded.
 * @param options Where to look.
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
  const places = [name, `config/${name}`].map((shown) => ({
    path: resolvePath(cwd, shown),
    shown,
    origin: "folder" as FoundFile["origin"],
  }));
  if (home !== undefined) {
    const path = resolvePath(home, ".config", "agent-mcp-gateway", name);
    places.unshift({ path, shown: path, origin: "home" });
  }
  const looked = [...new Set(places.map((place) => place.path))];
  if (given !== undefined) {
    return { path: resolvePath(cwd, given), shown: given, origin: "given", looked };
  }
  const found = places.find((place) => exists(place.path));
  return { path: looked[0] ?? name, shown: name, origin: "missing", ...found, looked };
}

/**
 * What the log should say about how the files were found: those passed over, and those taken
 * from the working folder. Asks the disk, so it is best called when the start is over.
 *
 * @param files What `locateFiles` found.
 * @param exists Whether a path is there and not a folder; default asks the disk.
 */
export function noteFinds(
  files: FoundFiles,
  exists: (path: string) => boolean = isThere,
): string[] {
  return [files.mcpConfig, files.rules].flatMap(({ path, origin, looked }) => [
    ...(origin === "folder" ? [`using ${path}, found in the working folder`] : []),
    ...looked.filter((other) => other !== path && exists(other))
      .map((other) => `passing over ${other}, because ${path} is used`),
  ]);
}

function isThere(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    // Anything but absence, such as a missing permission, is told when the file is read.
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}
