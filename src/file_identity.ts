/**
 * Looks up files, their identities, which do not depend on their names, and the user who runs the process. A leaf:
 * imports nothing of the project.
 *
 * @module
 */

/** Returns the unique identity of a file, which stays the same when the file is renamed. */
export function identityOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}

/**
 * Returns the identity of the file at a path; `undefined` if there is none.
 *
 * @throws {Error} If the lookup fails for any reason but a missing file.
 */
export function identityAt(path: string): string | undefined {
  try {
    return identityOf(Deno.statSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Returns the information about the file, folder or link at a path, without following a link; `undefined` if there
 * is none.
 *
 * @throws {Error} If the lookup fails for any reason but a missing file.
 */
export function linkInfoAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether a path leads to a file; false if it cannot be looked up. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Follows the links in a path; returns the path itself if it cannot be looked up. */
export function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    // The file is missing or not accessible, so only its path can be compared.
    return path;
  }
}

/** Returns the id of the user who runs this process; `undefined` on Windows, or if Deno does not permit reading it. */
export function ownUserId(): number | undefined {
  // Without this query, Deno would prompt for the permission at a terminal.
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
  return state === "granted" ? Deno.uid() ?? undefined : undefined;
}
