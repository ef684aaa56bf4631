import { type ReadText, readText } from "../../config/mod.ts";

/** What looking for servers needs of the disk. */
export interface Disk {
  /** Whether there is something at a path, readable or not. */
  isThere(path: string): boolean;
  /** The text of a file, or why there is none. */
  read(path: string): ReadText;
  /** The names in a folder; none where it cannot be read. */
  list(folder: string): readonly string[];
}

/** The disk of this machine. */
export const thisDisk: Disk = {
  isThere(path) {
    try {
      Deno.lstatSync(path);
      return true;
    } catch (error) {
      // What may not be looked at is told when it is read.
      return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
    }
  },
  read: readText,
  list(folder) {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    } catch {
      // Profiles that are not there, or not to be seen, have no servers.
      return [];
    }
  },
};
