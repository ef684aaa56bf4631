import { readText, type TextResult } from "../../config/mod.ts";

/** The parts of the file system that the search for servers needs; tests replace them. */
export interface Disk {
  /** Whether a path exists, readable or not. */
  isThere(path: string): boolean;
  /** Returns the text of a file, or why it cannot be read. */
  read(path: string): TextResult;
  /** Returns the names in a folder; none if it cannot be read. */
  list(folder: string): readonly string[];
}

/** The disk of this machine. */
export const thisDisk: Disk = {
  isThere(path) {
    try {
      Deno.lstatSync(path);
      return true;
    } catch (error) {
      // A path that may not be looked up counts as existing: reading it reports the reason.
      return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
    }
  },
  read: readText,
  list(folder) {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    } catch {
      // A folder of profiles that is missing or not readable contains no servers.
      return [];
    }
  },
};
