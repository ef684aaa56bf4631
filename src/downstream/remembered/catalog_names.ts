import { lockFile } from "../../file_lock.ts";
import {
  getStdioConfig,
  isAbsolutePath,
  resolvePath,
  type ServerConfig,
  type StdioConfig,
} from "../../config/mod.ts";
import { replaceFile } from "../../atomic_file.ts";
import { type CatalogFolder, KEY_FILE, LOCK_FILE } from "./catalog_folder.ts";

/** Length of the key, in bytes. */
const KEY_BYTES = 32;

/** Maximum wait for another process that creates the key, in milliseconds. */
const LOCK_TIMEOUT_MS = 5000;

/** The context that a server's catalog may depend on, besides its entry. */
export interface EntryContext {
  /** The gateway's working folder. */
  readonly cwd: string;
  /** The gateway's variables. */
  readonly env: { get(name: string): string | undefined };
}

/**
 * Names the files of catalogs. A name is an HMAC of the server's entry with a random key of this user: a plain hash of
 * an entry could be searched for its secrets.
 */
export class CatalogNames {
  readonly #folder: CatalogFolder;
  readonly #context: EntryContext;
  // The key, which is read once; it is read again after it was created.
  #key: Promise<CryptoKey | undefined> | undefined;
  // By fingerprint of the entry.
  readonly #names = new Map<string, string>();

  /**
   * Creates the names; reads no key yet.
   *
   * @param folder The folder of the key.
   */
  constructor(folder: CatalogFolder, context: EntryContext) {
    this.#folder = folder;
    this.#context = context;
  }

  /** Returns the name of an entry's files; `undefined` while there is no key, and for an entry that is never remembered. */
  async find(config: ServerConfig): Promise<string | undefined> {
    const name = this.#names.get(config.fingerprint);
    if (name !== undefined) return name;
    const key = await (this.#key ??= this.#readKey());
    return key && await this.#computeName(key, config);
  }

  /**
   * Returns the name of an entry's files; creates the key if there is none.
   *
   * @throws Any error of the system if the key cannot be created.
   */
  async findOrCreate(config: ServerConfig): Promise<string | undefined> {
    if (await (this.#key ??= this.#readKey()) === undefined) await this.#createKey();
    return await this.find(config);
  }

  async #computeName(key: CryptoKey, config: ServerConfig): Promise<string | undefined> {
    const text = describeEntry(config, this.#context);
    if (text === undefined) return undefined;
    const hash = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
    const name = new Uint8Array(hash).toHex();
    this.#names.set(config.fingerprint, name);
    return name;
  }

  async #readKey(): Promise<CryptoKey | undefined> {
    const bytes = this.#folder.isSafe()
      ? this.#folder.read(KEY_FILE, { maxSize: KEY_BYTES })
      : undefined;
    if (bytes?.length !== KEY_BYTES) return undefined;
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    return await crypto.subtle.importKey("raw", Uint8Array.from(bytes), algorithm, false, ["sign"]);
  }

  async #createKey(): Promise<void> {
    await this.#folder.create();
    const path = this.#folder.pathOf(LOCK_FILE);
    // Gateways that start at the same time must agree on one key.
    using _lock = await lockFile(path, { withinMs: LOCK_TIMEOUT_MS, isLockFile: true });
    if (await this.#readKey() === undefined) {
      const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
      await replaceFile(this.#folder.pathOf(KEY_FILE), { bytes, mode: 0o600 });
    }
    this.#key = this.#readKey();
  }
}

/**
 * Returns the text that is equal for entries with the same catalog: the resolved entry, with the values of the variables
 * that the server inherits. `undefined` for a server within this process.
 */
function describeEntry(
  { connection, options, unavailable }: ServerConfig,
  { cwd, env }: EntryContext,
): string | undefined {
  if (connection.kind === "memory" || unavailable !== undefined) return undefined;
  const inherited = options.inheritEnv.map((name) => env.get(name) ?? null);
  const folder = findRelevantFolder(getStdioConfig(connection), cwd);
  return JSON.stringify([connection, options, inherited, folder ?? null], sortMembers);
}

/** Returns the working folder of a server's process, if the server may depend on it. */
function findRelevantFolder(stdio: StdioConfig | undefined, cwd: string): string | undefined {
  if (stdio === undefined) return undefined;
  if (stdio.cwd !== undefined) return resolvePath(cwd, stdio.cwd);
  return dependsOnFolder(stdio) ? cwd : undefined;
}

/** Matches an argument that names something in the working folder: `.`, `./data`, `server.js`. */
const RELATIVE_PATH = /^\.{1,2}(?:[\\/]|$)|^\w[^:]*\.(?:[cm]?[jt]s|py)$/;

/** Whether a command line may start a different program in a different working folder. */
function dependsOnFolder({ command, args }: StdioConfig): boolean {
  const isRelative = /[\\/]/.test(command) && !isAbsolutePath(command);
  return isRelative || args.some((text) => RELATIVE_PATH.test(text));
}

/** Replaces an object by its sorted members, because their order does not matter. */
function sortMembers(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.entries(value).sort(([one], [two]) => one < two ? -1 : 1);
}
