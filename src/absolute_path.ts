/**
 * Reads absolute paths as text, without looking at a file system. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Maximum length of a path, in UTF-16 code units; Windows has the longest ones. */
const MAX_LENGTH = 32_767;

/** The platform whose rules a path follows. */
export type PathKind = "posix" | "windows";

/** An absolute path whose `.` and `..` are resolved. */
export interface AbsolutePath {
  /** The platform whose rules the path follows. */
  readonly kind: PathKind;
  /** `/`, a drive such as `C:`, or a share such as `\\server\share`. */
  readonly root: string;
  /** The names below the root. */
  readonly names: readonly string[];
}

/** Returns the platform of an absolute path; `undefined` if it is absolute on none. */
export function pathKindOf(path: string): PathKind | undefined {
  if (/^[a-z]:[\\/]/i.test(path) || path.startsWith("\\\\")) return "windows";
  return path.startsWith("/") ? "posix" : undefined;
}

/**
 * Reads an absolute path by the rules of a platform.
 *
 * @returns `undefined` if the path is not absolute there, or if its text alone does not say which file it means.
 */
export function parseAbsolutePath(path: string, kind: PathKind): AbsolutePath | undefined {
  if (path.length > MAX_LENGTH || path.includes("\0")) return undefined;
  if (kind === "windows") return parseWindowsPath(path);
  if (!path.startsWith("/")) return undefined;
  return { kind, root: "/", names: resolveDots(path.split("/")) };
}

function parseWindowsPath(path: string): AbsolutePath | undefined {
  const [, drive, share, rest = ""] =
    /^(?:([a-z]:)(?=[\\/])|([\\/]{2}[^\\/]+[\\/]+[^\\/]+)(?=[\\/]|$))(.*)$/is.exec(path) ?? [];
  const root = drive ?? share?.replace(/[\\/]+/g, "\\").replace(/^\\/, "\\\\");
  // Paths such as `\\?\C:\x` and `\\.\pipe\x` follow rules of their own.
  if (root === undefined || /^\\\\[.?]+\\/.test(root) || /\\[. ]+$/.test(root)) return undefined;
  const names: string[] = [];
  for (const name of rest.split(/[\\/]/)) {
    if (name === "" || name === "." || name === "..") {
      names.push(name);
      continue;
    }
    // Windows ignores dots and spaces at the end of a name, and a colon begins a stream of the file.
    const shortened = withoutEndDots(name);
    if (shortened === "" || name.includes(":")) return undefined;
    names.push(shortened);
  }
  return { kind: "windows", root, names: resolveDots(names) };
}

/** Removes dots and spaces at the end; a regular expression would take quadratic time for a name that has many. */
function withoutEndDots(name: string): string {
  let end = name.length;
  while (name[end - 1] === "." || name[end - 1] === " ") end--;
  return name.slice(0, end);
}

function resolveDots(names: readonly string[]): string[] {
  const resolved: string[] = [];
  for (const name of names) {
    if (name === "..") resolved.pop();
    else if (name !== "" && name !== ".") resolved.push(name);
  }
  return resolved;
}
