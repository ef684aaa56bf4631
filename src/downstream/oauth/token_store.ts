import { removeIfThere, replaceFile } from "../../atomic_file.ts";
import { lockFile, LockTimeout } from "../../file_lock.ts";
import type { Log } from "../../log.ts";
import { makePrivateFolder } from "./private_folder.ts";
import { parseLogin, type StoredLogin } from "./stored_login.ts";

export { oauthFolder } from "../../config/mod.ts";

/** Maximum wait for the lock; longer than a request for tokens takes. */
const LOCK_MS = 25_000;

/** The stored logins at a server. */
export interface FoundLogin {
  /** One for each issuer, the newest first. */
  readonly logins: readonly StoredLogin[];
  /** Whether a damaged file was found since the last logout. */
  readonly isDamaged: boolean;
}

/** A login that was read, and when its file was written. */
interface StoredFile {
  readonly login: StoredLogin;
  /** In milliseconds since 1970. */
  readonly modified: number;
}

/**
 * Stores logins, one file for each server and issuer. Logins that cannot be written are kept in
 * memory until this process ends.
 */
export class TokenStore {
  readonly #folder: string | undefined;
  readonly #log: Log;
  // Logins that could not be written, by server.
  readonly #unwritten = new Map<string, StoredLogin>();
  readonly #warned = new Set<string>();

  /**
   * Opens the store; nothing is read or written yet.
   *
   * @param folder `undefined` keeps everything in memory.
   */
  constructor(folder: string | undefined, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Reads the logins at a server. Damaged files are set aside. Never throws. */
  async read(url: string): Promise<FoundLogin> {
    const unwritten = this.#unwritten.get(url);
    if (unwritten !== undefined) return { logins: [unwritten], isDamaged: false };
    const files: StoredFile[] = [];
    let isDamaged = false;
    for (const path of await this.#list(url)) {
      // A file that any process has set aside shows that there was a login.
      const file = path.endsWith(".json") ? await this.#readFile(path) : "damaged";
      if (file === "damaged") isDamaged = true;
      else if (file?.login.url === url) files.push(file);
    }
    files.sort((one, two) => two.modified - one.modified);
    return { logins: files.map(({ login }) => login), isDamaged };
  }

  /** Stores a login; it replaces the previous one of the same server and issuer. Never throws. */
  async write(login: StoredLogin): Promise<void> {
    try {
      const folder = this.#needFolder();
      await makePrivateFolder(folder);
      const name = `${await prefixOf(login.url)}-${await hash(login.issuer)}.json`;
      const bytes = new TextEncoder().encode(`${JSON.stringify(login, null, 2)}\n`);
      await replaceFile(`${folder}/${name}`, { bytes, mode: 0o600 });
      this.#unwritten.delete(login.url);
    } catch (error) {
      this.#unwritten.set(login.url, login);
      this.#warn("Logins cannot be saved and end with this process", error);
    }
  }

  /**
   * Removes all logins at a server.
   *
   * @throws Any error of the system, if a file cannot be removed.
   */
  async remove(url: string): Promise<void> {
    this.#unwritten.delete(url);
    for (const path of await this.#list(url)) await removeIfThere(path);
  }

  /**
   * Runs a function while no other process does so for the same server.
   *
   * @param options `signal` cancels the wait; its reason is thrown.
   * @throws {LockTimeout} if another process holds the lock for too long.
   */
  async locked<T>(
    url: string,
    { signal, run }: { readonly signal: AbortSignal; readonly run: () => Promise<T> },
  ): Promise<T> {
    using _lock = await this.#lock(url, signal);
    return await run();
  }

  async #lock(url: string, signal: AbortSignal): Promise<Disposable | undefined> {
    try {
      const folder = this.#needFolder();
      await makePrivateFolder(folder);
      const path = `${folder}/${await prefixOf(url)}.lock`;
      return await lockFile(path, { signal, withinMs: LOCK_MS, isLockFile: true });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LockTimeout) throw error;
      // The folder cannot be written or locked: then every process works alone.
      this.#warn("Logins cannot be shared with other gateways", error);
      return undefined;
    }
  }

  #needFolder(): string {
    if (this.#folder === undefined) throw new Error("there is no configuration folder");
    return this.#folder;
  }

  /** Paths of a server's files, including those that were set aside. */
  async #list(url: string): Promise<string[]> {
    const paths: string[] = [];
    if (this.#folder === undefined) return paths;
    const prefix = await prefixOf(url);
    try {
      for await (const { name } of Deno.readDir(this.#folder)) {
        const isIts = name.startsWith(`${prefix}-`) && /\.json(?:\.damaged-\d+)?$/.test(name);
        if (isIts) paths.push(`${this.#folder}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("Logins cannot be read", error);
    }
    return paths;
  }

  async #readFile(path: string): Promise<StoredFile | "damaged" | undefined> {
    try {
      const login = parseLogin(await Deno.readTextFile(path));
      if (login === undefined) return await this.#setAside(path);
      const { mtime } = await Deno.stat(path);
      return { login, modified: mtime?.getTime() ?? 0 };
    } catch (error) {
      // Another process may just have removed the file.
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("A login cannot be read", error);
      return undefined;
    }
  }

  async #setAside(path: string): Promise<"damaged"> {
    const target = `${path}.damaged-${Date.now()}`;
    this.#log.warn("A damaged login was set aside", { file: target });
    await Deno.rename(path, target);
    return "damaged";
  }

  #warn(message: string, error: unknown): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn(message, { folder: this.#folder ?? "", reason });
  }
}

/** Common prefix of a server's file names: its host, for people, and a hash of its address. */
async function prefixOf(url: string): Promise<string> {
  const host = new URL(url).hostname.toLowerCase().replace(/[^a-z0-9.-]/g, "_").slice(0, 60);
  return `${host}-${await hash(url)}`;
}

async function hash(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}
