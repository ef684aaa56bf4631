/**
 * Identifies files independently of their names. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Returns a unique identity of a file, which it keeps when it is renamed. */
export function identityOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}
