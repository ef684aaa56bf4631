/**
 * Tells files apart whatever they are called by now. A leaf: imports nothing of the project.
 *
 * @module
 */

/** What a file keeps when it is renamed, and no other one has. */
export function identityOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}
