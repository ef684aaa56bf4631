import { readText, type TextResult } from "../../config/mod.ts";

/** The file system as the search for servers uses it; tests replace it. */
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
      // A file without permission counts as there: reading it reports the reason.
      return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
    }
  },
  read: readText,
  list(folder) {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    } catch {
      // Profiles that are missing or not readable have no servers.
      return [];
    }
  },
};
