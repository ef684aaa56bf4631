import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import {
  type CatalogHead,
  decodeHead,
  decodeLists,
  encodeCatalog,
  MAX_FILE_BYTES,
  MAX_HEAD_BYTES,
  type RememberedLists,
} from "./catalog_file.ts";
import { CatalogFolder } from "./catalog_folder.ts";
import { CatalogNames, type EntryContext } from "./catalog_names.ts";

/** The remembered catalog of a server for one set of capabilities. */
export interface RememberedCatalog {
  /** The summary. */
  readonly head: CatalogHead;
  /** All lists. */
  readonly lists: RememberedLists;
  /** Length of the file, in bytes. */
  readonly size: number;
}

/** A catalog to remember. */
export interface NewCatalog {
  /** The summary, without the members that follow from the lists. */
  readonly head: Omit<CatalogHead, "format" | "counts">;
  /** All lists. */
  readonly lists: RememberedLists;
}

/**
 * Remembers what servers offer, in one file for each entry and set of capabilities. A catalog that cannot be read or
 * written is not remembered, and changes no answer.
 */
export class CatalogStore {
  readonly #folder: CatalogFolder;
  readonly #names: CatalogNames;
  readonly #log: Log;
  #hasWarned = false;

  /**
   * Opens the store; nothing is read or written yet.
   *
   * @param folder An absolute path.
   * @param context What entries depend on, and the log for a warning.
   */
  constructor(folder: string, { log, ...context }: EntryContext & { readonly log: Log }) {
    this.#folder = new CatalogFolder(folder);
    this.#names = new CatalogNames(this.#folder, context);
    this.#log = log;
  }

  /** Reads the summary of a catalog, which is fast; `undefined` if the catalog is not remembered. */
  async readHead(config: ServerConfig, capabilities: string): Promise<CatalogHead | undefined> {
    const path = await this.#nameOf(config, capabilities);
    const limits = { maxSize: MAX_FILE_BYTES, maxBytes: MAX_HEAD_BYTES };
    const bytes = path === undefined ? undefined : this.#folder.read(path, limits);
    return bytes && headFor(capabilities, bytes);
  }

  /** Reads a catalog; `undefined` if it is not remembered. */
  async read(config: ServerConfig, capabilities: string): Promise<RememberedCatalog | undefined> {
    const path = await this.#nameOf(config, capabilities);
    const bytes = path === undefined
      ? undefined
      : this.#folder.read(path, { maxSize: MAX_FILE_BYTES });
    const head = bytes && headFor(capabilities, bytes);
    const lists = head && decodeLists(bytes, head);
    return lists && { head, lists, size: bytes.length };
  }

  /** Remembers a catalog, in place of the previous one. Never throws. */
  async write(config: ServerConfig, { head, lists }: NewCatalog): Promise<void> {
    try {
      const name = await this.#names.findOrCreate(config);
      if (name === undefined) return;
      const fileName = fileNameOf(name, head.capabilities);
      const bytes = encodeCatalog(head, lists);
      if (bytes === undefined) await this.#folder.remove(fileName);
      else await this.#folder.write(fileName, bytes);
    } catch (error) {
      this.#warn(error);
    }
  }

  /** Forgets a catalog. Never throws. */
  async remove(config: ServerConfig, capabilities: string): Promise<void> {
    try {
      const path = await this.#nameOf(config, capabilities);
      if (path !== undefined) await this.#folder.remove(path);
    } catch (error) {
      this.#warn(error);
    }
  }

  async #nameOf(config: ServerConfig, capabilities: string): Promise<string | undefined> {
    const name = await this.#names.find(config);
    return name && fileNameOf(name, capabilities);
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn("What servers offer cannot be remembered", { reason });
  }
}

/** Returns the name of a file: that of the entry, and the capabilities, which hold nothing secret. */
function fileNameOf(entryName: string, capabilities: string): string {
  const words = capabilities.match(/\w+/g) ?? ["none"];
  return `${entryName}.${words.join("-")}.catalog`;
}

function headFor(capabilities: string, bytes: Uint8Array): CatalogHead | undefined {
  const head = decodeHead(bytes);
  return head?.capabilities === capabilities ? head : undefined;
}
