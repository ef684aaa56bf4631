import type { ServerConfig } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { longWork } from "../../long_work.ts";
import {
  bodyOf,
  type CatalogHead,
  decodeHead,
  decodeLists,
  encodeCatalog,
  MAX_FILE_BYTES,
  MAX_HEAD_BYTES,
  type RecalledLists,
  type RememberedLists,
} from "./catalog_file.ts";
import { CatalogFolder } from "./catalog_folder.ts";
import { HeadIndex } from "./head_index.ts";
import { CatalogNames, type EntryContext } from "./catalog_names.ts";

/** The remembered catalog of a server for one set of capabilities. */
export interface RememberedCatalog {
  /** The summary. */
  readonly head: CatalogHead;
  /** The lists. */
  readonly lists: RecalledLists;
}

/** A catalog to remember. */
export interface NewCatalog {
  /** The summary, without the members that follow from the lists. */
  readonly head: Omit<CatalogHead, "format" | "counts">;
  /** The lists that are known. */
  readonly lists: RememberedLists;
}

/** Options of a store. */
export interface CatalogStoreOptions extends EntryContext {
  /** Path of the servers file; default: no index of summaries is kept. */
  readonly serversFile?: string;
  /** Receives a warning if nothing can be remembered. */
  readonly log: Log;
}

/**
 * Remembers what servers offer, in one file for each entry and set of capabilities. A catalog that cannot be read or
 * written is not remembered, and changes no answer.
 */
export class CatalogStore {
  readonly #folder: CatalogFolder;
  readonly #names: CatalogNames;
  readonly #index: HeadIndex | undefined;
  readonly #log: Log;
  readonly #changes = new Set<Promise<void>>();
  // The lists that are being read, to be remembered.
  readonly #readings = new Set<Promise<unknown>>();
  #hasWarned = false;

  /**
   * Opens the store; nothing is read or written yet.
   *
   * @param folder An absolute path.
   * @param options The context of the entries, the servers file for the index, and the log.
   */
  constructor(folder: string, { log, serversFile, ...context }: CatalogStoreOptions) {
    this.#folder = new CatalogFolder(folder);
    this.#index = serversFile === undefined ? undefined : new HeadIndex(this.#folder, serversFile);
    this.#names = new CatalogNames(this.#folder, context);
    this.#log = log;
  }

  /**
   * Returns the summary of a catalog from the index of the servers file; `undefined` if it is not in the index. A variable
   * in the entry may have changed since the index was written.
   */
  findHead(config: ServerConfig, capabilities: string): CatalogHead | undefined {
    return this.#index?.get(config, capabilities);
  }

  /** Writes the index, for later gateways with the same servers file. Never throws. */
  async writeIndex(): Promise<void> {
    await this.#change(async () => await this.#index?.write());
  }

  /** Reads the summary of a catalog, which is fast; `undefined` if the catalog is not remembered. */
  async readHead(config: ServerConfig, capabilities: string): Promise<CatalogHead | undefined> {
    const name = await this.#nameOf(config, capabilities);
    const head = name === undefined ? undefined : this.#readHead(name);
    if (head?.capabilities !== capabilities) return undefined;
    this.#index?.set(config, { capabilities, head });
    return head;
  }

  /** Reads a catalog; `undefined` if it is not remembered. */
  async read(config: ServerConfig, capabilities: string): Promise<RememberedCatalog | undefined> {
    const name = await this.#nameOf(config, capabilities);
    const bytes = name === undefined
      ? undefined
      : this.#folder.read(name, { maxSize: MAX_FILE_BYTES });
    const head = bytes && decodeHead(bytes);
    if (bytes === undefined || head?.capabilities !== capabilities) {
      this.#index?.set(config, { capabilities });
      return undefined;
    }
    this.#index?.set(config, { capabilities, head });
    const body = bodyOf(bytes);
    return await longWork.runFor({ party: `server ${config.name}`, bytes: body.length }, () => {
      const lists = decodeLists(new TextDecoder().decode(body), head);
      return lists && { head, lists };
    });
  }

  /** Lists the sets of capabilities for which a server's catalog is remembered. */
  async listCapabilities(config: ServerConfig): Promise<string[]> {
    const heads = (await this.#filesOf(config)).map((name) => this.#readHead(name));
    return heads.flatMap((head) => head?.capabilities ?? []);
  }

  /** Remembers a catalog, in place of the previous one. Never throws. */
  write(config: ServerConfig, catalog: NewCatalog): Promise<void> {
    return this.#change(async () => {
      const name = await this.#names.findOrCreate(config);
      if (name === undefined) return;
      const { head, lists } = catalog;
      const fileName = fileNameOf(name, head.capabilities);
      const bytes = encodeCatalog(head, lists);
      if (bytes === undefined) return await this.#folder.remove(fileName);
      await this.#folder.write(fileName, bytes);
      const writtenHead = decodeHead(bytes);
      if (writtenHead !== undefined) {
        this.#index?.set(config, { capabilities: head.capabilities, head: writtenHead });
      }
    });
  }

  /**
   * Forgets the catalogs of a server. Never throws.
   *
   * @param capabilities The only set of capabilities to forget; default: all.
   */
  remove(config: ServerConfig, capabilities?: string): Promise<void> {
    if (capabilities === undefined) this.#index?.delete(config);
    else this.#index?.set(config, { capabilities });
    return this.#change(async () => {
      const names = capabilities === undefined
        ? await this.#filesOf(config)
        : [await this.#nameOf(config, capabilities)];
      for (const name of names) if (name !== undefined) await this.#folder.remove(name);
    });
  }

  /**
   * Adds the reading of a server's lists.
   *
   * @param reading Resolves when the lists are remembered; never rejects.
   */
  addReading(reading: Promise<unknown>): void {
    this.#readings.add(reading);
    void reading.then(() => this.#readings.delete(reading));
  }

  /** Waits until all lists that are being read are remembered. */
  async finishReading(): Promise<void> {
    await Promise.all(this.#readings);
  }

  /** Waits until all changes have been written. */
  async close(): Promise<void> {
    await Promise.all(this.#changes);
    await this.writeIndex();
  }

  async #change(run: () => Promise<void>): Promise<void> {
    const change = run().catch((error: unknown) => this.#warn(error));
    this.#changes.add(change);
    await change.finally(() => this.#changes.delete(change));
  }

  #readHead(name: string): CatalogHead | undefined {
    const limits = { maxSize: MAX_FILE_BYTES, maxBytes: MAX_HEAD_BYTES };
    const bytes = this.#folder.read(name, limits);
    return bytes && decodeHead(bytes);
  }

  async #filesOf(config: ServerConfig): Promise<string[]> {
    const name = await this.#names.find(config);
    return name === undefined ? [] : this.#folder.list(`${name}.`);
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
