import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../../json.ts";
import { type CatalogHead, isHead } from "./catalog_file.ts";
import type { CatalogFolder } from "./catalog_folder.ts";

/** Maximum size of an index, in bytes. */
const MAX_INDEX_BYTES = 4 * 1024 * 1024;

/** The state of a servers file, which differs after every change. */
interface FileState {
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: number;
}

/** A server in the index. */
interface IndexedServer {
  /** The fingerprint of the entry that the summaries belong to; `undefined` until the entry is known. */
  fingerprint: string | undefined;
  /** The summaries by key of the capabilities. */
  readonly heads: Map<string, CatalogHead>;
}

/**
 * The summaries of the catalogs of one servers file, in one file: computing the names of 34 catalogs and reading the
 * beginnings of their files would take 5 ms of each start. The index is used only while the servers file has not changed,
 * and only until a list is needed: lists are read from the catalog's own file.
 */
export class HeadIndex {
  readonly #folder: CatalogFolder;
  readonly #serversFile: string;
  // By server name.
  #servers = new Map<string, IndexedServer>();
  #state: FileState | undefined;
  #isRead = false;
  #isChanged = false;

  /**
   * Prepares the index; reads nothing yet.
   *
   * @param folder The folder of the index.
   * @param serversFile Path of the servers file.
   */
  constructor(folder: CatalogFolder, serversFile: string) {
    this.#folder = folder;
    this.#serversFile = serversFile;
  }

  /** Returns the summary of a catalog, if it is in the index. */
  get({ name, fingerprint }: ServerConfig, capabilities: string): CatalogHead | undefined {
    this.#read();
    const server = this.#servers.get(name);
    if (server === undefined) return undefined;
    server.fingerprint ??= fingerprint;
    return server.fingerprint === fingerprint ? server.heads.get(capabilities) : undefined;
  }

  /** Adds the summary of a catalog; `undefined` removes it. */
  set(
    { name, fingerprint }: ServerConfig,
    { capabilities, head }: { readonly capabilities: string; readonly head?: CatalogHead },
  ): void {
    this.#read();
    let server = this.#servers.get(name);
    if (server === undefined || (server.fingerprint ?? fingerprint) !== fingerprint) {
      server = { fingerprint, heads: new Map() };
      this.#servers.set(name, server);
    }
    if (head?.readAt === server.heads.get(capabilities)?.readAt) return;
    this.#isChanged = true;
    if (head === undefined) server.heads.delete(capabilities);
    else server.heads.set(capabilities, head);
  }

  /** Removes all summaries of a server. */
  delete({ name }: ServerConfig): void {
    this.#read();
    if (this.#servers.delete(name)) this.#isChanged = true;
  }

  /**
   * Writes the index if it has changed.
   *
   * @throws Any error of the system.
   */
  async write(): Promise<void> {
    if (!this.#isChanged || this.#state === undefined) return;
    this.#isChanged = false;
    const servers = [...this.#servers].map(([name, { heads }]) => [name, [...heads.values()]]);
    const text = JSON.stringify({ state: this.#state, servers });
    await this.#folder.write(fileNameFor(this.#serversFile), new TextEncoder().encode(text));
  }

  #read(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    if (!this.#folder.isSafe()) return;
    this.#state = readState(this.#serversFile);
    const bytes = this.#folder.read(fileNameFor(this.#serversFile), { maxSize: MAX_INDEX_BYTES });
    if (bytes !== undefined && this.#state !== undefined) {
      this.#servers = decodeIndex(new TextDecoder().decode(bytes), this.#state);
    }
  }
}

/** Returns an empty map if the index is damaged, or of another state of the servers file. */
function decodeIndex(text: string, state: FileState): Map<string, IndexedServer> {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value) || JSON.stringify(value.state) !== JSON.stringify(state)) return new Map();
    const servers = value.servers as [string, unknown[]][];
    return new Map(servers.map(([name, heads]) => {
      const validHeads = heads.filter(isHead).map((head) => [head.capabilities, head] as const);
      return [String(name), { fingerprint: undefined, heads: new Map(validHeads) }];
    }));
  } catch {
    // A damaged index costs only time.
    return new Map();
  }
}

function readState(path: string): FileState | undefined {
  try {
    const { size, mtime } = Deno.statSync(path);
    return { path, size, modifiedAt: mtime?.getTime() ?? 0 };
  } catch {
    return undefined;
  }
}

/** Returns the name of the index of a servers file: a hash of the path. Two paths may share it, so the index has the path. */
function fileNameFor(path: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < path.length; index++) {
    hash = Math.imul(hash ^ path.charCodeAt(index), 0x01000193);
  }
  return `${(hash >>> 0).toString(16).padStart(8, "0")}.index`;
}
